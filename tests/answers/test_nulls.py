"""What is said of a curve exceeds noise and beats the simpler shape; on made curves each kind gets its own sentence."""

import numpy as np
import pytest

from core.analyses.rope_shift import SHIFTS
from core.answers.nulls import Alike, Null, Shape, against

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


def many(curve: np.ndarray, seed: int, n: int = 12, size: float = 0.5) -> np.ndarray:
    """A curve in several sequences, each with noise of its own."""
    return curve + size * np.random.default_rng(seed).normal(size=(n, len(X)))


def test_the_period_and_the_place_of_a_mean_curve_have_intervals_over_sequences():
    curves = many(2 * np.cos(2 * np.pi * X / 6.28), 1)
    wave = Shape(SHIFTS, curves.mean(0), curves, range(12))
    (low, high), (least, most) = wave.ends
    assert low <= wave.oscillation.period <= high
    assert (low + high) / 2 == pytest.approx(6.28, abs=0.1)
    assert least < wave.oscillation.amplitude < most
    assert f"a period of {wave.oscillation.period:.1f} residues ({low:.1f} to {high:.1f})" in wave.in_words
    curves = many(4 * np.exp(-((X - 5) ** 2) / 2), 2)
    bump = Shape(SHIFTS, curves.mean(0), curves, range(12))
    assert bump.ends[0][0] <= 5 <= bump.ends[0][1]
    assert bump.ends[1][0] < 4 < bump.ends[1][1]
    assert f"at {bump.bump.centre:+.1f} residues ({bump.ends[0][0]:.1f} to " in bump.in_words
    noisy = many(np.zeros(len(X)), 3)
    assert Shape(SHIFTS, noisy.mean(0), noisy, range(12)).ends == (None, None), "what is noise has no period"
    assert Shape(SHIFTS, curves[:5].mean(0), curves[:5], range(5)).ends == (None, None), "five sequences"


def test_a_period_that_sequences_do_not_share_is_not_known_well():
    """Half of them turn in 5 residues, half in 9: their mean has a period, which other draws don't have."""
    curves = np.concatenate([many(np.cos(2 * np.pi * X / period), 4, 6, 0.1) for period in (5, 9)])
    low, high = Shape(SHIFTS, curves.mean(0), curves, range(12)).ends[0]
    assert low == pytest.approx(5, abs=0.2)
    assert high == pytest.approx(9, abs=0.2)


def test_curves_that_follow_each_other_are_told_from_curves_that_are_only_smooth():
    curve = 2 * np.cos(2 * np.pi * X / 9)
    follows = Alike(many(curve, 5), many(-curve, 6), range(12))
    assert follows.null.is_exceeded
    assert -1 <= follows.r < -0.9
    assert follows.in_words.startswith(f"r = {follows.r:.2f} (")
    assert "over 41 shifts of the mean of 12 (|r| of curves as smooth: " in follows.in_words
    rng = np.random.default_rng(7)
    kernel = np.exp(-((np.arange(-8, 9) / 3) ** 2) / 2)
    smooth = np.array([np.convolve(rng.normal(size=57), kernel, "valid") for _ in range(200)])
    pairs = [Alike(one[None], other[None], [0]) for one, other in zip(smooth[::2], smooth[1::2], strict=True)]
    assert np.mean([abs(pair.r) > 0.4 for pair in pairs]) > 0.05, "white noise of 41 points hardly ever correlates so"
    assert np.mean([pair.null.is_exceeded for pair in pairs]) <= 0.05
    unlike = next(pair for pair in pairs if not pair.null.is_exceeded)
    assert unlike.in_words.startswith("not shown to: r = ")
    assert Alike(np.ones((1, 41)), smooth[:1], [0]).in_words == "not applicable: one of the curves is flat"
