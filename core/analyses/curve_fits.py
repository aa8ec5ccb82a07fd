"""Which simple shape fits a curve best: a sinusoid or a single bump, each on top of a parabola."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from jaxtyping import Float

PERIODS: Final = np.arange(2.5, 20.0, 0.01)
"""Candidate periods in residues: at least 2.5 points a turn, and at least two turns in -20 ... 20."""
WIDTHS: Final = np.geomspace(0.5, 6.0, 16)
"""Candidate standard deviations of a bump in residues: from one point to a third of -20 ... 20."""
CENTRES_PER_STEP: Final = 4


@dataclass(frozen=True, slots=True)
class Oscillation:
    """The sinusoid that fits a curve best on top of a parabola."""

    period: float
    """In residues, as shifts are."""
    amplitude: float
    explained: float
    """The share of the variance around the fitted parabola that the sinusoid explains."""


@dataclass(frozen=True, slots=True)
class Bump:
    """The Gaussian that fits a curve best on top of a parabola."""

    centre: float
    width: float
    """Its standard deviation, in residues like `centre`."""
    height: float
    """At the point that stands out most; negative for a dip."""
    explained: float
    """As a sinusoid's."""


def fit_oscillation(x: Sequence[int], values: Float[np.ndarray, " x"]) -> Oscillation:
    """Least squares of a parabola and a sinusoid, its period searched over `PERIODS`; the parabola takes up slow bands.

    A flat curve has amplitude 0 and nothing explained.
    """
    if _is_flat(x, values):
        return Oscillation(float("nan"), 0.0, 0.0)
    explained = _explained(_sinusoids, x, values[None])[:, 0]
    period = float(PERIODS[best := int(explained.argmax())])
    weights = _weights(x, values, _waves(x, period))
    return Oscillation(period, float(np.hypot(*weights)), float(explained[best]))


def fit_bump(x: Sequence[int], values: Float[np.ndarray, " x"]) -> Bump:
    """Least squares of a parabola and a Gaussian, searched over its centre and `WIDTHS`; a flat curve has none."""
    if _is_flat(x, values):
        return Bump(float("nan"), float("nan"), 0.0, 0.0)
    explained = _explained(_bumps, x, values[None])[:, 0]
    centre, width = _places(x)[best := int(explained.argmax())]
    shape = _gaussian(x, centre, width)
    height = float(_weights(x, values, shape)[0] * shape.max())
    return Bump(centre, width, height, float(explained[best]))


def oscillation_in(x: Sequence[int], curves: Float[np.ndarray, "curves x"]) -> Float[np.ndarray, " curves"]:
    """What the best sinusoid explains of each curve."""
    return _explained(_sinusoids, x, curves).max(0)


def bump_in(x: Sequence[int], curves: Float[np.ndarray, "curves x"]) -> Float[np.ndarray, " curves"]:
    """What the best bump explains of each curve."""
    return _explained(_bumps, x, curves).max(0)


def oscillations(x: Sequence[int], curves: Float[np.ndarray, "curves x"]) -> Float[np.ndarray, "curves 2"]:
    """The period and the amplitude of the sinusoid that fits each curve best."""
    return _each_best(_sinusoids, x, curves, lambda best, own: _wave_of(x, float(PERIODS[best]), own))


def bumps(x: Sequence[int], curves: Float[np.ndarray, "curves x"]) -> Float[np.ndarray, "curves 2"]:
    """The centre and the height of the bump that fits each curve best."""
    places = _places(x)
    return _each_best(_bumps, x, curves, lambda best, own: _bump_of(x, *places[best], own))


def _each_best(
    shapes: Callable[[tuple[int, ...]], np.ndarray],
    x: Sequence[int],
    curves: Float[np.ndarray, "curves x"],
    of: Callable[[int, np.ndarray], np.ndarray],
) -> Float[np.ndarray, "curves 2"]:
    """What `of` tells of every curve, given the candidate that explains most of it; curves that share one together."""
    chosen = _explained(shapes, x, curves).argmax(0)
    found = np.empty((len(curves), 2))
    for best in np.unique(chosen):
        found[chosen == best] = of(int(best), curves[chosen == best].T)
    return found


def _wave_of(x: Sequence[int], period: float, values: Float[np.ndarray, "x curves"]) -> Float[np.ndarray, "curves 2"]:
    amplitude = np.hypot(*_weights(x, values, _waves(x, period)))
    return np.stack([np.full_like(amplitude, period), amplitude], axis=1)


def _bump_of(
    x: Sequence[int], centre: float, width: float, values: Float[np.ndarray, "x curves"]
) -> Float[np.ndarray, "curves 2"]:
    shape = _gaussian(x, centre, width)
    height = _weights(x, values, shape)[0] * shape.max()
    return np.stack([np.full_like(height, centre), height], axis=1)


def _trend(x: Sequence[int]) -> Float[np.ndarray, "x 3"]:
    at = np.asarray(x, dtype=float)
    return np.stack([np.ones_like(at), at, at**2], axis=1)


def _around(x: Sequence[int], curves: Float[np.ndarray, "curves x"]) -> Float[np.ndarray, "curves x"]:
    """What a parabola leaves of each curve."""
    basis = np.linalg.qr(_trend(x))[0]
    return curves - curves @ basis @ basis.T


def _is_flat(x: Sequence[int], values: Float[np.ndarray, " x"]) -> bool:
    around = _around(x, values[None])[0]
    rounding = np.finfo(values.dtype).eps * np.sqrt(len(x) * max(1.0, float(values @ values)))
    return bool(np.linalg.norm(around) <= rounding)


def _explained(
    shapes: Callable[[tuple[int, ...]], np.ndarray], x: Sequence[int], curves: Float[np.ndarray, "curves x"]
) -> Float[np.ndarray, "candidates curves"]:
    """The share of each curve's variance around its parabola that each candidate of a shape explains."""
    around = _around(x, curves.astype(float))
    fitted = np.einsum("pxk,cx->pkc", shapes(tuple(x)), around, optimize=True)
    return (fitted**2).sum(1) / (around**2).sum(1)


@lru_cache(maxsize=4)
def _sinusoids(x: tuple[int, ...]) -> Float[np.ndarray, "periods x 2"]:
    return _beside_trend(x, np.stack([_waves(x, period) for period in PERIODS]))


@lru_cache(maxsize=4)
def _bumps(x: tuple[int, ...]) -> Float[np.ndarray, "bumps x 1"]:
    return _beside_trend(x, np.stack([_gaussian(x, *place) for place in _places(x)]))


def _waves(x: Sequence[int], period: float) -> Float[np.ndarray, "x 2"]:
    angle = 2 * np.pi * np.asarray(x) / period
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _gaussian(x: Sequence[int], centre: float, width: float) -> Float[np.ndarray, "x 1"]:
    return np.exp(-(((np.asarray(x) - centre) / width) ** 2) / 2)[:, None]


def _places(x: Sequence[int]) -> list[tuple[float, float]]:
    """Every bump's centre and width."""
    centres = np.linspace(min(x), max(x), CENTRES_PER_STEP * (len(x) - 1) + 1)
    return [(float(centre), float(width)) for centre in centres for width in WIDTHS]


def _beside_trend(x: Sequence[int], shapes: Float[np.ndarray, "n x k"]) -> Float[np.ndarray, "n x k"]:
    """What each shape adds to a parabola, orthonormal."""
    trend = np.broadcast_to(_trend(x), (len(shapes), len(x), 3))
    return np.ascontiguousarray(np.linalg.qr(np.concatenate([trend, shapes], axis=2))[0][:, :, 3:])


def _weights(
    x: Sequence[int], values: Float[np.ndarray, " x *curves"], shape: Float[np.ndarray, "x k"]
) -> Float[np.ndarray, " k *curves"]:
    return np.linalg.lstsq(np.column_stack([_trend(x), shape]), values, rcond=None)[0][3:]
