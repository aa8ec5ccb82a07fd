"""What is said of a curve exceeds noise and beats the simpler shape; on made curves each kind gets its own sentence."""

import numpy as np
import pytest

from core.analyses.rope_shift import SHIFTS
from core.answers.nulls import Null, Shape, against

X = np.array(SHIFTS, dtype=float)


def noise(seed: int, size: float = 1.0) -> np.ndarray:
    return size * np.random.default_rng(seed).normal(size=len(X))


def test_a_p_value_counts_the_draws_that_reach_the_value():
    assert against(3.0, np.array([1.0, 2.0, 3.0])) == Null(2.0, 2 / 4)
    assert against(9.0, np.arange(999)).p == 991 / 1000
    assert not Null(0.2, 0.05).is_exceeded


def test_white_noise_has_no_shape():
    kinds = [Shape(SHIFTS, noise(seed)).kind for seed in range(100)]
    assert kinds.count("noise") >= 96, "two tests at 1% each"
    told = Shape(SHIFTS, noise(0)).in_words
    assert told.startswith("has no shape beyond noise (the best sinusoid: it explains ")


@pytest.mark.parametrize(("centre", "height", "told"), [(0, 4, "at +0.0"), (5, -4, "at +5.0")])
def test_one_bump_is_no_oscillation(centre: int, height: int, told: str):
    found = Shape(SHIFTS, height * np.exp(-((X - centre) ** 2) / 2) + noise(1, 0.05))
    assert found.kind == "bump"
    assert found.in_words.startswith(f"is one bump {told} residues, ")
    assert f" {'high' if height > 0 else 'deep'}, not an oscillation (it explains " in found.in_words
    assert found.oscillation.explained < found.bump.explained


def test_the_curve_that_was_called_an_oscillation_is_one_bump():
    """Two high gaps side by side in a flat curve: the best sinusoid explains as little as it does of noise."""
    values = np.full(len(X), -1.65)
    values[[19, 20]] = 2.03, 2.41
    found = Shape(SHIFTS, values)
    assert found.kind == "bump"
    assert found.oscillation.explained < 0.25
    assert not found.nulls[0].is_exceeded


@pytest.mark.parametrize("period", [6.28, 9.0])
def test_a_true_oscillation_is_told_with_its_period_and_its_null(period: float):
    found = Shape(SHIFTS, 2 * np.cos(2 * np.pi * (X - 1) / period) + 0.05 * X + noise(2, 0.3))
    assert found.kind == "oscillation"
    assert found.in_words.startswith(f"oscillates with a period of {found.oscillation.period:.1f} residues")
    assert found.oscillation.period == pytest.approx(period, abs=0.2)
    assert found.in_words.endswith(f"p = {1 / 1000:.3f})")


def test_a_flat_curve_is_flat():
    assert Shape(SHIFTS, np.full(len(X), 3.7)).in_words == "is flat"


def test_the_null_is_the_same_every_time_and_knows_no_size():
    values = noise(5)
    assert Shape(SHIFTS, values).nulls == Shape(SHIFTS, values.copy()).nulls
    assert [null.p for null in Shape(SHIFTS, values).nulls] == [null.p for null in Shape(SHIFTS, 7 * values).nulls]
