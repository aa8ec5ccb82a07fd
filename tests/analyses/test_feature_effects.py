"""Features' effects: the measured ones by plain runs, the first-order ones by finite differences."""

import numpy as np
import pytest
import torch

from core.analyses.feature_effects import feature_effects, gap_gradient
from core.errors import InputError
from core.interventions import AblateHead, AblateMlp, Condition, Head, ScaleFeature, Scope, ShiftRope
from core.metrics import Target
from core.model import Model
from core.run import Keep, run
from tests.features.test_feature_edits import K, random_dictionary

EDITED: Condition = (AblateHead(Head(0, 1)), AblateMlp(2, "mask", "mean"), ShiftRope(Head(2, 0), 2))


@pytest.fixture(scope="module")
def featured(lively: Model) -> Model:
    return lively.with_dictionary(random_dictionary(0, 32)).with_dictionary(random_dictionary(1, 32, seed=4))


@pytest.mark.parametrize("condition", [(), EDITED], ids=["clean", "edited"])
@pytest.mark.parametrize("scope", ["mask", "bos", (4,)], ids=str)
def test_effects_are_those_of_single_runs(
    featured: Model, clean: torch.Tensor, first: Target, condition: Condition, scope: Scope
) -> None:
    found = feature_effects(featured, clean, 1, scope, target=first, condition=condition)
    assert len(found.features) == K
    assert (np.diff(found.activation) <= 0).all()
    before = first.gap(run(featured, clean, (condition,)).logits[0, 1])
    assert found.by_ablation is not None
    for feature, effect in zip(found.features.tolist(), found.by_ablation, strict=True):
        off = (*condition, ScaleFeature(1, feature, 0.0, scope))
        assert first.gap(run(featured, clean, (off,)).logits[0, 1]) - before == pytest.approx(effect, abs=1e-9)
    ranks = [values.argsort().argsort() for values in (found.by_gradient, found.by_ablation)]
    assert found.rank_correlation == pytest.approx(np.corrcoef(*ranks)[0, 1])
    fast = feature_effects(featured, clean, 1, scope, target=first, condition=condition, exact=False)
    np.testing.assert_allclose(fast.by_gradient, found.by_gradient, atol=1e-9)
    assert fast.by_ablation is None
    assert fast.rank_correlation is None


def test_first_order_effects_are_finite_differences(featured: Model, clean: torch.Tensor, first: Target) -> None:
    """A feature turned down by a thousandth changes the gap by a thousandth of what the gradient says."""
    found = feature_effects(featured, clean, 0, "mask", target=first, condition=EDITED, exact=False)
    for feature, expected in zip(found.features.tolist(), found.by_gradient, strict=True):
        both = [(*EDITED, ScaleFeature(0, feature, 1 + step, "mask")) for step in (-1e-3, 1e-3)]
        less, more = run(featured, clean, both).logits[:, 1]
        slope = (first.gap(less) - first.gap(more)) / 2e-3
        assert slope == pytest.approx(expected, rel=1e-2, abs=1e-4)


def test_the_last_layers_gradient_needs_no_layer_after_it(featured: Model, clean: torch.Tensor, first: Target) -> None:
    baseline = run(featured, clean, keep=Keep.of("resid_post"))
    gradient = gap_gradient(featured, baseline, 2, first)
    assert gradient[1].norm() > 0
    assert gradient[[0, *range(2, len(clean))]].abs().max() == 0


def test_what_cannot_be_asked_is_named(featured: Model, clean: torch.Tensor) -> None:
    with pytest.raises(InputError, match="the scope means 18"):
        feature_effects(featured, clean, 1, "all")
    with pytest.raises(InputError, match="no dictionary of features at L3"):
        feature_effects(featured, clean, 2, "mask")
