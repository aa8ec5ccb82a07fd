"""The contact head: fair-esm's features, and a regression that finds the head that sees contacts."""

import esm
import numpy as np
import pytest
import torch

from core.errors import InputError
from core.model import Esm2
from core.training.contact_head import Example, LabelledProtein, choose_strength, fit_contact_head


def test_features_are_fair_esms(fair_esm: esm.ESM2, model: Esm2) -> None:
    """fair-esm's contact head with a single weight of one shows one feature."""
    tokens = torch.tensor([0, *np.random.default_rng(0).integers(4, 24, size=30), 2])
    unknown = np.zeros((30, 30), dtype=bool)
    features = Example.of(model, LabelledProtein("p", tokens, unknown, unknown)).features
    attentions = fair_esm(tokens[None], need_head_weights=True)["attentions"]
    n_features = features.shape[-1]
    for index in (0, 5, n_features - 1):
        head = esm.modules.ContactPredictionHead(n_features, True, True, eos_idx=2).double()
        with torch.no_grad():
            head.regression.weight.copy_(torch.eye(n_features, dtype=torch.float64)[[index]])
            head.regression.bias.zero_()
            probability = head(tokens[None], attentions)[0]
        np.testing.assert_allclose(features[..., index], probability.logit().numpy(), atol=1e-5)


def labelled(model: Esm2, seed: int, informative: int) -> Example:
    """A protein whose contacts are the pairs that one head's map is highest at."""
    tokens = torch.tensor([0, *np.random.default_rng(seed).integers(4, 24, size=40), 2])
    known = np.ones((40, 40), dtype=bool)
    features = Example.of(model, LabelledProtein(f"p{seed}", tokens, known, known)).features
    seen = features[..., informative]
    return Example(LabelledProtein(f"p{seed}", tokens, seen > np.quantile(seen, 0.9), known), features)


@pytest.fixture(scope="module")
def examples(model: Esm2) -> list[Example]:
    return [labelled(model, seed, informative=7) for seed in range(4)]


def test_the_regression_finds_the_head_that_sees_contacts(examples: list[Example]) -> None:
    head = fit_contact_head(examples, strength=100.0)
    assert head.weight.shape == (12,)
    assert int(head.weight.argmax()) == 7
    assert head.weight[7] > 3 * head.weight[[index for index in range(12) if index != 7]].abs().max()
    assert examples[0].precision(head).precision == 1


def test_a_strong_penalty_uses_fewer_heads(examples: list[Example]) -> None:
    used = [int((fit_contact_head(examples, strength).weight != 0).sum()) for strength in (1e-3, 100.0)]
    assert used[0] < used[1]


def test_the_penalty_is_chosen_on_proteins_left_out(examples: list[Example]) -> None:
    strength, precision = choose_strength(examples)
    assert precision[strength] == max(precision.values())


def test_unresolved_pairs_are_left_out(examples: list[Example]) -> None:
    protein = examples[0].protein
    unresolved = LabelledProtein("p", protein.tokens, protein.contacts, np.zeros_like(protein.known))
    with pytest.raises(InputError, match="nothing to fit"):
        fit_contact_head([Example(unresolved, examples[0].features)], strength=1.0)
