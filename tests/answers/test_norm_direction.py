"""Shares of bands over a set: their intervals are those of drawing proteins anew, on made bands."""

import numpy as np
import pandas as pd
import pytest

from core.answers.norm_direction import PARTS, band_attribution
from core.answers.subjects import two_masks
from core.interventions import Head
from core.metrics import Target
from core.proteins.evaluation_sets import random_sequence
from tests.answers.conftest import DirectSurvey

STRINGS = {f"random {index}": random_sequence(np.random.default_rng(index)) for index in range(14)}
DIFFERENCE = np.array([6.0, 3.0, 2.0, 0.001])
NORM = np.array([0.2, 0.5, 0.8, 0.5])
"""Shares: the direction's in the first band, the norm's in the third; sequences disagree on the second."""


@pytest.fixture(scope="module")
def ratio() -> np.ndarray:
    return NORM + 0.1 * np.random.default_rng(0).normal(size=(len(STRINGS), len(NORM)))


@pytest.fixture
def found(lively, ratio: np.ndarray):
    """A survey of bands with these shares, on a model with as many."""
    n_bands = lively.shape.n_bands
    assert n_bands >= len(NORM)
    more = n_bands - len(NORM)
    shares = np.pad(ratio, ((0, 0), (0, more)), constant_values=0.5)
    difference = np.pad(DIFFERENCE, (0, more), constant_values=0.001)

    class Made(DirectSurvey):
        def outcomes(self, measure, subjects, settings):
            tables = {}
            for name, share in zip(subjects, shares, strict=True):
                norm = difference * share
                parts = dict(zip(PARTS, (difference, norm, norm, difference - norm, difference - norm), strict=True))
                ends = {f"{each}_{run}": 1.0 for each in ("q_norm", "cosine") for run in ("clean", "internal")}
                keys = {"k_norm_clean": 1.0, "k_norm_internal": 1 + share / 10, "contribution_clean": difference}
                bands = {"band": np.arange(n_bands), **parts, **ends, **keys, "contribution_internal": 0.0}
                tables[name] = pd.DataFrame(bands)
            return tables

    return band_attribution(Made(lively), two_masks(STRINGS, Target("M", 0)), head=Head(0, 0))


def drawn(values: np.ndarray) -> np.ndarray:
    """Means of the bootstrap, as drawn one by one."""
    rng = np.random.default_rng(0)
    return np.array([values[draw].mean(0) for draw in rng.integers(0, len(values), (2000, len(values)))])


def test_in_how_many_bands_the_direction_explains_more_has_the_interval_of_that_count(found, ratio: np.ndarray):
    kept = ~found.bands.flagged.to_numpy()
    assert kept.sum() == 3
    counts = (drawn(ratio[:, :3]) < 0.5).sum(1)
    low, high = np.quantile(counts, [0.025, 0.975])
    assert found.ends["by_direction"] == pytest.approx((low, high))
    assert (low, high) == (1, 2), "the second band goes either way"
    n = 1 + (ratio[:, 1].mean() < 0.5)
    assert found.by_direction == f"in {n} of 3 unflagged bands (1 to 2) the direction explains more than the norm"


def test_the_norms_share_has_the_interval_of_what_it_is(found, ratio: np.ndarray):
    """Over the unflagged bands, which here are all but a thousandth of the difference."""
    weighted = drawn(ratio[:, :3] @ DIFFERENCE[:3] / DIFFERENCE[:3].sum())
    assert found.ends["norm_share"] == pytest.approx(tuple(np.quantile(weighted, [0.025, 0.975])), abs=2e-3)
    low, high = found.ends["norm_share"]
    assert low < found.attribution.norm_share < high
    rest = next(ours for value, ours in found.beside_paper() if "direction" in value.quantity)
    assert rest.endswith(f"({100 * (1 - high):.0f} to {100 * (1 - low):.0f}%), 14 masks")


def test_the_largest_of_the_bands_is_said_with_how_many_there_are(found, ratio: np.ndarray):
    assert found.most.index == 0
    assert found.widest.startswith(
        f"of the whole difference the band of wavelength {found.wavelengths[0]:,.1f} carries 5"
    )
    assert found.widest.endswith(f"the most of {len(found.bands)} (chosen on 7 masks, judged on 7 others)")
    largest = drawn(ratio / 10).max(1)
    low, high = found.ends["key_change"]
    assert (low, high) == pytest.approx(tuple(np.quantile(largest, [0.025, 0.975])), abs=1e-3)
    assert f"8% ({100 * low:.0f} to {100 * high:.0f}%), the largest of {len(found.bands)} bands, means of 14" in [
        ours for _, ours in found.beside_paper()
    ]
