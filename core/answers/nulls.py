"""What chance alone would give: a null beside every fit and every best of many."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final, Literal

import numpy as np
from jaxtyping import Float, Real

from core.analyses.curve_fits import (
    Bump,
    Oscillation,
    bump_in,
    bumps,
    fit_bump,
    fit_oscillation,
    oscillation_in,
    oscillations,
)
from core.answers.intervals import between
from core.answers.words import percent
from core.bootstrap import Interval, interval_of, intervals_of

DRAWS: Final = 999
"""How many draws a null is made of; the smallest p-value is 1 / (1 + DRAWS)."""
SEED: Final = 0
ALPHA: Final = 0.01
"""What exceeds its null with a larger p-value than this is not said."""


@dataclass(frozen=True, slots=True)
class Null:
    """A value against those that chance gave."""

    median: float
    p: float
    """(1 + draws that reach the value) / (1 + draws)."""

    @property
    def is_exceeded(self) -> bool:
        return self.p <= ALPHA


def against(value: float, drawn: Real[np.ndarray, " draws"]) -> Null:
    """A value against draws of the same quantity under chance, larger meaning more."""
    return Null(float(np.median(drawn)), (1 + int((drawn >= value).sum())) / (1 + len(drawn)))


@dataclass(frozen=True)
class Shape:
    """What a curve over shifts is: a sinusoid, one bump, or no more than noise.

    Both fits have three parameters on top of the same parabola, so the one that explains more is the better one. The
    null of each is the same fit to white noise, normal since what is explained doesn't depend on its size. (The curve's
    own values in random order would be no noise: two high neighbours in a flat curve stand together in 5% of orders.)
    """

    x: Sequence[int]
    values: Float[np.ndarray, " x"]
    curves: Float[np.ndarray, "sequences x"] | None = None
    """Those whose mean it is, where they are known."""
    proteins: Sequence[object] = ()
    """The protein of each."""

    @cached_property
    def ends(self) -> tuple[Interval, Interval]:
        """Intervals, proteins drawn anew: of an oscillation's period and amplitude, or a bump's centre and height."""
        if self.curves is None or self.kind not in ("oscillation", "bump"):
            return None, None
        shapes = oscillations if self.kind == "oscillation" else bumps
        found = intervals_of(lambda mean: shapes(self.x, mean), self.proteins, self.curves)
        return (None, None) if found is None else ((found[0, 0], found[1, 0]), (found[0, 1], found[1, 1]))

    @cached_property
    def oscillation(self) -> Oscillation:
        return fit_oscillation(self.x, self.values)

    @cached_property
    def bump(self) -> Bump:
        return fit_bump(self.x, self.values)

    @cached_property
    def nulls(self) -> tuple[Null, Null]:
        """The sinusoid's and the bump's share of the variance, against those in white noise."""
        sinusoids, bumps = _in_noise(tuple(self.x))
        return against(self.oscillation.explained, sinusoids), against(self.bump.explained, bumps)

    @cached_property
    def kind(self) -> Literal["flat", "oscillation", "bump", "noise"]:
        if not self.oscillation.amplitude:
            return "flat"
        oscillation, bump = self.nulls
        if oscillation.is_exceeded and self.oscillation.explained > self.bump.explained:
            return "oscillation"
        return "bump" if bump.is_exceeded and self.bump.explained > self.oscillation.explained else "noise"

    @property
    def in_words(self) -> str:
        """What the curve is and how well that is known, to follow its name."""
        if self.kind == "flat":
            return "is flat"
        noise, bump_noise = self.nulls
        explained, bump_explained = percent(self.oscillation.explained), percent(self.bump.explained)
        first, second = self.ends
        if self.kind == "bump":
            at = f"{self.bump.centre:+.1f} residues{between(first, digits=1)}"
            high = f"{abs(self.bump.height):.2f} {'high' if self.bump.height > 0 else 'deep'}{between(second)}"
            return (
                f"is one bump at {at}, {high}, not an oscillation (it explains "
                f"{bump_explained} of the variance around a parabola, a sinusoid {explained}, a bump in noise "
                f"{percent(bump_noise.median)}, p = {bump_noise.p:.3f})"
            )
        told = f"it explains {explained} of the variance around a parabola, one bump {bump_explained}, a sinusoid in "
        told += f"noise {percent(noise.median)}, p = {noise.p:.3f}"
        if self.kind == "oscillation":
            period = f"{self.oscillation.period:.1f} residues{between(first, digits=1)}"
            amplitude = f"{self.oscillation.amplitude:.2f}{between(second)}"
            return f"oscillates with a period of {period} and an amplitude of {amplitude} ({told})"
        return f"has no shape beyond noise (the best sinusoid: {told})"


@lru_cache(maxsize=4)
def _in_noise(x: tuple[int, ...]) -> tuple[Float[np.ndarray, " draws"], Float[np.ndarray, " draws"]]:
    """What the best sinusoid and the best bump explain of each curve of white noise."""
    curves = np.random.default_rng(SEED).normal(size=(DRAWS, len(x)))
    return oscillation_in(x, curves), bump_in(x, curves)


@dataclass(frozen=True)
class Alike:
    """Whether two mean curves rise and fall together."""

    first: Float[np.ndarray, "sequences x"]
    second: Float[np.ndarray, "sequences x"]
    proteins: Sequence[object]
    """The protein of each sequence."""

    @cached_property
    def r(self) -> float:
        """The correlation of both means; nan where one is flat."""
        return float(_correlation(self.first.mean(0), self.second.mean(0)))

    @cached_property
    def null(self) -> Null:
        """Its size, against that of the first curve's spectrum with phases drawn anew: curves as smooth are alike by
        chance. Source: Theiler et al. 1992, Physica D 58, 77."""
        spectrum = np.fft.rfft(self.first.mean(0))
        phases = np.random.default_rng(SEED).uniform(0, 2 * np.pi, (DRAWS, len(spectrum)))
        curves = np.fft.irfft(np.abs(spectrum) * np.exp(1j * phases), self.first.shape[1])
        return against(abs(self.r), np.abs(_correlation(curves, self.second.mean(0))))

    @property
    def in_words(self) -> str:
        """The correlation with its interval and its null, over how many points and sequences."""
        n, points = self.first.shape
        if np.isnan(self.r):
            return "not applicable: one of the curves is flat"
        ends = interval_of(_correlation, self.proteins, self.first, self.second)
        found = f"r = {self.r:.2f}{between(ends)} over {points} shifts of the mean of {n}"
        chance = f"|r| of curves as smooth: {self.null.median:.2f}, p = {self.null.p:.3f}"
        return f"{found} ({chance})" if self.null.is_exceeded else f"not shown to: {found} ({chance})"


def _correlation(first: Float[np.ndarray, "*#draw x"], second: Float[np.ndarray, "*#draw x"]) -> Any:
    """Of each draw's curves, or a number for two curves; nan where one is flat."""
    first, second = (each - each.mean(-1, keepdims=True) for each in (first, second))
    with np.errstate(invalid="ignore"):
        return (first * second).sum(-1) / np.sqrt((first**2).sum(-1) * (second**2).sum(-1))


HOW_NULLS_ARE_MADE: Final = (
    f"Noise: the median of {DRAWS} curves of white noise (seed {SEED}). Bumps are searched in quarters of a residue."
)
