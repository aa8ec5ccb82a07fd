"""Ablations pooled: changes, failures among those that predict, and the ranking of heads."""

import numpy as np
import pandas as pd
import pytest

from core.analyses.head_ablation import component_sweep
from core.analyses.reading import read
from core.analyses.resampling import source_for
from core.answers.ablation import SCOPES, Ablation, ablation, ablations, costliest_heads, replaced, replacements
from core.answers.subjects import masked
from core.components import ablate, component_names, components, heads_of_layers
from core.interventions import AblateHead, Head
from core.metrics import Target
from core.model import Model
from tests.answers.conftest import SEQUENCES, DirectSurvey
from tests.conftest import random_fair_esm


def test_every_scope_agrees_with_its_own_sweep(survey: DirectSurvey, lively: Model, target: Target):
    one = {"one": SEQUENCES["one"]}
    found, tokens = ablation(survey, one, target), masked(one["one"], target)
    assert found.n_predicting == 1
    for scope in SCOPES:
        effects = component_sweep(lively, tokens, target, scope=scope)
        expected = np.concatenate([effects.heads.ravel(), effects.attention, effects.mlp])
        assert found.at(scope).gap_change.to_numpy() == pytest.approx(expected, abs=1e-10)
        whole, alone = read(lively, tokens, [(), ablate(components(lively.shape)[3], scope)], target=target).logit
        assert found.at(scope).logit_change.iloc[3] == pytest.approx(alone - whole, abs=1e-10)


def made(gaps: dict[str, list[float]]) -> DirectSurvey:
    """A survey of one head, one attention module and one MLP with these gaps: the whole model, then without each."""

    class Made(DirectSurvey):
        def outcomes(self, measure, subjects, settings):
            names = ["none", *component_names(self.model.shape)]
            return {
                name: pd.DataFrame({"scope": ["none", *["mask"] * 3], "component": names, "gap": gap, "logit": gap})
                for name, gap in gaps.items()
            }

    return Made(Model.from_fair_esm(random_fair_esm(1, 1, 8), name="one head"))


def test_failures_are_counted_where_the_target_ranks_first_to_begin_with():
    survey = made({"a": [1.0, -0.5, 0.5, 1.0], "b": [3.0, 1.0, -1.0, 3.0], "c": [-1.0, -2.0, 2.0, 0.0]})
    found = ablation(survey, {name: "MK" + name.upper() for name in "abc"}, Target("M", 0), scopes=("mask",))
    assert (found.n_measured, found.n_predicting) == (3, 2)
    assert found.at("mask").fails.tolist() == [0.5, 0.5, 0.0]
    assert found.at("mask").gap_change.tolist() == [(-1.5 - 2) / 2, (-0.5 - 4) / 2, 0.0]
    assert found.at("mask").logit_drop.tolist() == [(1.5 + 2) / 2, (0.5 + 4) / 2, 0.0]


def test_where_the_target_ranks_first_nowhere_all_are_counted_and_none_can_fail():
    found = ablation(made({"c": [-1.0, -2.0, 2.0, 0.0]}), {"c": "MKC"}, Target("M", 0), scopes=("mask",))
    assert (found.n_measured, found.n_predicting, found.n_counted) == (1, 0, 1)
    assert found.at("mask").gap_change.tolist() == [-1.0, 3.0, 1.0]
    assert found.at("mask").fails.isna().all()


def test_the_costliest_head_is_chosen_on_one_half_and_judged_on_the_other():
    """The first half loses 9 without the head and never fails; the other half loses 1 and always does."""
    letters = "ACDEFGHIKLNP"
    gaps = {
        name: [1.0, -8.0, 1.0, 1.0] if place % 2 == 0 else [0.5, -0.5, 0.5, 0.5] for place, name in enumerate(letters)
    }
    found = ablation(made(gaps), {name: "M" + name for name in letters}, Target("M", 0), scopes=("mask",))
    assert list(found.split.judging) == list(letters[1::2])
    loss = found.loss(str(found.heads[0]))
    assert loss.drop == 1.0
    assert str(loss.fails) == "6 of 6 (100%; 61 to 100%)"
    assert loss.in_words == "1.00 (1.00 to 1.00)"
    assert found.at("mask").logit_drop.iloc[0] == 5.0, "maps are means of all"


def test_a_head_is_replaced_in_three_ways_and_each_is_the_run_with_it(
    survey: DirectSurvey, lively: Model, target: Target
):
    head, tokens = Head(2, 1), masked(SEQUENCES["one"], target)
    found = replaced(lively, SEQUENCES["one"], target=target, head=head)
    source = source_for("resample", tokens)
    assert source is not None
    assert sorted(source.tokens) == sorted(tokens.tolist())
    assert source.tokens[1] == tokens[1], "the mask stays where it is"
    assert source.tokens != tuple(tokens.tolist())
    by_mode = {"zero": None, "mean": None, "resample": source}
    conditions = [(), *((AblateHead(head, "mask", mode, given),) for mode, given in by_mode.items())]
    whole, *without = read(lively, tokens, conditions, target=target).logit
    assert found["drop"].tolist() == pytest.approx([whole - each for each in without])
    pooled = replacements(survey, SEQUENCES, target, head=head)
    assert pooled["mode"].tolist() == ["zero", "mean", "resample"]
    assert pooled.n.tolist() == [3, 3, 3]
    assert pooled.drop_low.isna().all(), "three proteins have no interval"


def test_heads_are_ranked_by_what_their_loss_costs(survey: DirectSurvey, lively: Model, target: Target):
    one = {"one": SEQUENCES["one"]}
    ranked = costliest_heads(survey, one, target)
    drops = {}
    for head in heads_of_layers(lively.shape, range(3)):
        whole, alone = read(lively, masked(one["one"], target), [(), ablate(head, "mask")], target=target).logit
        drops[head] = whole - alone
    assert [drops[head] for head in ranked] == pytest.approx(sorted(drops.values(), reverse=True))
    assert set(ranked) == set(drops)


def test_a_mode_is_the_ablations(lively: Model, target: Target):
    zero, mean = (ablations(lively, SEQUENCES["one"], target=target, mode=mode).gap for mode in ("zero", "mean"))
    assert zero[0] == mean[0]
    assert not np.allclose(zero[1:], mean[1:])


def test_the_paper_stands_beside_the_module_that_fails_most(survey: DirectSurvey, target: Target):
    found = ablation(survey, SEQUENCES, target)
    ours = [said for _, said in found.beside_paper()]
    assert isinstance(found, Ablation)
    assert ours[0] == found.worst_module
    assert ours[3].startswith(f"{found.heads[0]}, ")
