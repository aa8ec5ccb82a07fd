"""Ablations pooled: changes, failures among those that predict, and the ranking of heads."""

import numpy as np
import pandas as pd
import pytest

from core.analyses.head_ablation import component_sweep
from core.analyses.reading import read
from core.answers.ablation import SCOPES, Ablation, ablation, ablations, costliest_heads
from core.answers.subjects import masked
from core.components import ablate, component_names, components, heads_of_layers
from core.metrics import Target
from core.model import Model, ModelShape
from tests.answers.conftest import SEQUENCES, DirectSurvey


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

    return Made(_Shaped())  # pyright: ignore


class _Shaped:
    shape = ModelShape(1, 1, 8)


def test_failures_are_counted_where_the_target_ranks_first_to_begin_with():
    survey = made({"a": [1.0, -0.5, 0.5, 1.0], "b": [3.0, 1.0, -1.0, 3.0], "c": [-1.0, -2.0, 2.0, 0.0]})
    found = ablation(survey, {}, Target("M", 0), scopes=("mask",))
    assert (found.n_measured, found.n_predicting) == (3, 2)
    assert found.at("mask").fails.tolist() == [0.5, 0.5, 0.0]
    assert found.at("mask").gap_change.tolist() == [(-1.5 - 2) / 2, (-0.5 - 4) / 2, 0.0]
    assert found.at("mask").logit_drop.tolist() == [(1.5 + 2) / 2, (0.5 + 4) / 2, 0.0]


def test_where_the_target_ranks_first_nowhere_all_are_counted_and_none_can_fail():
    found = ablation(made({"c": [-1.0, -2.0, 2.0, 0.0]}), {}, Target("M", 0), scopes=("mask",))
    assert (found.n_measured, found.n_predicting, found.n_counted) == (1, 0, 1)
    assert found.at("mask").gap_change.tolist() == [-1.0, 3.0, 1.0]
    assert found.at("mask").fails.isna().all()


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
