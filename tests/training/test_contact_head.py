"""The contact head: fair-esm's features, and a regression that finds the head that sees contacts."""

import esm
import numpy as np
import pytest
import torch

from core.errors import InputError
from core.model import Esm2
from core.training.contact_head import LabelledProtein, contact_features, fit_contact_head


def test_features_are_fair_esms(fair_esm: esm.ESM2, model: Esm2) -> None:
    """fair-esm's contact head with a single weight of one shows one feature."""
    tokens = torch.tensor([0, *np.random.default_rng(0).integers(4, 24, size=30), 2])
    features = contact_features(model, tokens)
    attentions = fair_esm(tokens[None], need_head_weights=True)["attentions"]
    n_features = features.shape[-1]
    for index in (0, 5, n_features - 1):
        head = esm.modules.ContactPredictionHead(n_features, True, True, eos_idx=2).double()
        with torch.no_grad():
            head.regression.weight.copy_(torch.eye(n_features, dtype=torch.float64)[[index]])
            head.regression.bias.zero_()
            probability = head(tokens[None], attentions)[0]
        np.testing.assert_allclose(features[..., index], probability.logit().numpy(), atol=1e-5)


def labelled(model: Esm2, seed: int, informative: int) -> LabelledProtein:
    """A protein whose contacts are the pairs that one head's map is highest at."""
    tokens = torch.tensor([0, *np.random.default_rng(seed).integers(4, 24, size=40), 2])
    seen = contact_features(model, tokens)[..., informative]
    contacts = seen > np.quantile(seen, 0.9)
    return LabelledProtein(f"p{seed}", tokens, contacts, np.ones_like(contacts))


def test_the_regression_finds_the_head_that_sees_contacts(model: Esm2) -> None:
    head = fit_contact_head(model, [labelled(model, seed, informative=7) for seed in range(4)], strength=100.0)
    assert head.weight.shape == (12,)
    assert int(head.weight.argmax()) == 7
    assert head.weight[7] > 3 * head.weight[[index for index in range(12) if index != 7]].abs().max()


def test_a_strong_penalty_uses_fewer_heads(model: Esm2) -> None:
    proteins = [labelled(model, seed, informative=7) for seed in range(4)]
    used = [int((fit_contact_head(model, proteins, strength).weight != 0).sum()) for strength in (1e-3, 100.0)]
    assert used[0] < used[1]


def test_pairs_close_along_the_chain_and_unresolved_ones_are_left_out(model: Esm2) -> None:
    protein = labelled(model, 0, informative=7)
    unknown = np.zeros_like(protein.known)
    with pytest.raises(InputError, match="nothing to fit"):
        fit_contact_head(model, [LabelledProtein("p", protein.tokens, protein.contacts, unknown)], strength=1.0)
