import numpy as np
import pytest
import torch

from core.analyses.ablation_effects import SCOPES, ablations, pooled
from core.analyses.head_ablation import component_sweep
from core.analyses.reading import Reading, read
from core.components import ablate, components
from core.metrics import Target
from core.model import Model


def test_every_scope_agrees_with_its_own_sweep(lively: Model, clean: torch.Tensor, first: Target):
    found = ablations(lively, clean, target=first)
    assert tuple(found) == SCOPES
    for scope in SCOPES:
        effects = component_sweep(lively, clean, first, scope=scope)
        expected = np.concatenate([effects.heads.ravel(), effects.attention, effects.mlp])
        assert pooled([found[scope]]).gap_change == pytest.approx(expected, abs=1e-10)
        alone = read(lively, clean, [ablate(components(lively.shape)[3], scope)], target=first)
        assert found[scope].logit[4] == pytest.approx(alone.logit[0], abs=1e-10)


def test_failures_are_counted_where_the_target_ranked_first_to_begin_with():
    readings = [
        Reading(np.array([1.0, -0.5, 0.5]), np.array([2.0, 0.0, 1.0])),
        Reading(np.array([3.0, 1.0, -1.0]), np.array([4.0, 2.0, 0.0])),
        Reading(np.array([-1.0, -2.0, 2.0]), np.array([0.0, -1.0, 3.0])),
    ]
    effects = pooled(readings)
    assert (effects.n_proteins, effects.n_predicting) == (3, 2)
    assert effects.failure_rate.tolist() == [0.5, 0.5]
    assert effects.gap_change == pytest.approx([(-1.5 - 2 - 1) / 3, (-0.5 - 4 + 3) / 3])
    assert effects.logit_change == pytest.approx([(-2 - 2 - 1) / 3, (-1 - 4 + 3) / 3])
    assert np.isnan(pooled([readings[2]]).failure_rate).all()
