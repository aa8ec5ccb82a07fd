"""What chance alone would give: a null beside every fit and every best of many."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final, Literal

import numpy as np
from jaxtyping import Float, Real

from core.analyses.curve_fits import Bump, Oscillation, bump_in, fit_bump, fit_oscillation, oscillation_in
from core.answers.words import percent

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
        if self.kind == "bump":
            high = f"{abs(self.bump.height):.2f} {'high' if self.bump.height > 0 else 'deep'}"
            return (
                f"is one bump at {self.bump.centre:+.1f} residues, {high}, not an oscillation (it explains "
                f"{bump_explained} of the variance around a parabola, a sinusoid {explained}, a bump in noise "
                f"{percent(bump_noise.median)}, p = {bump_noise.p:.3f})"
            )
        told = f"it explains {explained} of the variance around a parabola, one bump {bump_explained}, a sinusoid in "
        told += f"noise {percent(noise.median)}, p = {noise.p:.3f}"
        if self.kind == "oscillation":
            period, amplitude = self.oscillation.period, self.oscillation.amplitude
            return f"oscillates with a period of {period:.1f} residues and an amplitude of {amplitude:.2f} ({told})"
        return f"has no shape beyond noise (the best sinusoid: {told})"


@lru_cache(maxsize=4)
def _in_noise(x: tuple[int, ...]) -> tuple[Float[np.ndarray, " draws"], Float[np.ndarray, " draws"]]:
    """What the best sinusoid and the best bump explain of each curve of white noise."""
    curves = np.random.default_rng(SEED).normal(size=(DRAWS, len(x)))
    return oscillation_in(x, curves), bump_in(x, curves)


HOW_NULLS_ARE_MADE: Final = f"Noise: the median of {DRAWS} curves of white noise (seed {SEED})."
