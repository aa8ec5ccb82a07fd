"""Shares sum to fair-esm's own logit; effects are what two separate runs differ by."""

import numpy as np
import pytest
import torch

from core import run as engine
from core.alphabet import tokenize
from core.analyses.contact_attribution import ablation_effects, contact_maps, contact_shares
from core.components import ablate, components
from core.contacts import contact_map, heads_map
from core.errors import Cancelled, InputError
from core.interventions import AblateAttention, AblateHead, AblateMlp, BlockAttention, Head, layer_of
from core.proteins.contact_scores import precision_at
from core.proteins.labelled import LabelledProtein
from tests.heard import Heard

SEQUENCE = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRV"
TOKENS = tokenize(SEQUENCE)
OFF = (AblateHead(Head(0, 1)),)


@pytest.fixture(scope="module")
def protein() -> LabelledProtein:
    contacts = np.triu(np.random.default_rng(0).random((len(SEQUENCE),) * 2) < 0.2, 1)
    return LabelledProtein.from_arrays("made up", SEQUENCE, contacts, np.ones(len(SEQUENCE), bool), "by chance")


def test_shares_sum_to_fair_esms_logit(fair_esm, model):
    probabilities = fair_esm.predict_contacts(TOKENS[None])[0]
    for i, j in ((3, 30), (30, 3), (10, 12)):
        found = contact_shares(model, TOKENS, i, j)
        assert found.logit == pytest.approx(torch.logit(probabilities[i, j]).item(), abs=1e-9)
        assert found.layers.sum() + found.bias == pytest.approx(found.logit, abs=1e-12)


def test_shares_read_the_intervened_run_and_a_blocked_head_has_none(model):
    blocked = (BlockAttention(Head(1, 2), "all", "all"),)
    found = contact_shares(model, TOKENS, 3, 30, blocked)
    assert found.heads[1, 2] == 0
    assert 1 / (1 + np.exp(-found.logit)) == pytest.approx(contact_map(model, TOKENS, blocked)[3, 30], abs=1e-6)


@pytest.mark.parametrize("memory_budget", [1, 2**30])
def test_maps_are_those_of_single_runs(model, memory_budget, monkeypatch):
    monkeypatch.setattr(engine, "MEMORY_BUDGET", memory_budget)
    conditions = [(), OFF, (AblateHead(Head(2, 2), "bos"),)]
    heads = [Head(1, 0), Head(2, 1)]
    found = list(contact_maps(model, TOKENS, conditions))
    averaged = list(contact_maps(model, TOKENS, conditions, heads))
    for index, condition in enumerate(conditions):
        np.testing.assert_allclose(found[index], contact_map(model, TOKENS, condition), atol=1e-6)
        np.testing.assert_allclose(averaged[index], heads_map(model, TOKENS, heads, condition), atol=1e-6)


def test_effects_are_differences_of_two_runs(model, protein):
    found = ablation_effects(model, TOKENS, protein, given=OFF)
    before = contact_map(model, TOKENS, OFF)
    assert found.given_precision == pytest.approx(precision_at(before, *protein.truth()).precision)
    share = (round(found.given_precision * 20) + 2) / 24  # 20 pairs are ranked; Agresti and Coull's two and two
    assert found.precision_noise == pytest.approx(2 * np.sqrt(share * (1 - share) / 24))
    pairs = np.triu_indices(len(SEQUENCE), 6)
    order = components(model.shape)
    parts = {Head(0, 0): AblateHead(Head(0, 0)), ("attention", 1): AblateAttention(1), ("mlp", 0): AblateMlp(0)}
    for component, off in parts.items():
        at = order.index(component)
        after = contact_map(model, TOKENS, (*OFF, off))
        assert found.change[at] == pytest.approx(np.abs(after - before)[pairs].mean(), rel=1e-4)
        expected = precision_at(after, *protein.truth()).precision - found.given_precision
        assert found.precision[at] == pytest.approx(expected)
    at = order.index(Head(0, 1))
    assert found.change[at] == pytest.approx(0, abs=1e-7), "a head that is off already changes nothing"


def test_the_last_layers_own_output_cannot_change_a_map(model):
    """Patterns are computed before anything is written in the same layer."""
    found = ablation_effects(model, TOKENS, heads=[Head(2, 0)])
    assert found.precision is None
    last = [layer_of(*ablate(component)) == 2 for component in components(model.shape)]
    np.testing.assert_allclose(found.change[last], 0, atol=1e-9)
    assert (found.change[np.logical_not(last)] > 0).all()


def test_progress_and_cancel(model, monkeypatch):
    monkeypatch.setattr(engine, "MEMORY_BUDGET", 1)
    heard = Heard(stop_at=2)
    with pytest.raises(Cancelled, match="stopped after 2 of 19"):
        ablation_effects(model, TOKENS, progress=heard)
    assert heard.events == [(1, 19), (2, 19)]


def test_contacts_and_truths_that_do_not_exist_are_one_clear_line(model, protein):
    with pytest.raises(InputError, match="residue 41 is outside the sequence: it has residues 1 to 40"):
        contact_shares(model, TOKENS, 3, 40)
    with pytest.raises(InputError, match="not residue 4 and itself"):
        contact_shares(model, TOKENS, 3, 3)
    with pytest.raises(InputError, match="made up has 40 residues, the sequence 4"):
        ablation_effects(model, tokenize("MKTA"), protein)
