"""How far a number over a set may be trusted: its 95% interval, from proteins drawn anew, and how few are too few."""

import math
from collections.abc import Callable, Iterable
from functools import lru_cache
from statistics import NormalDist
from typing import Final

import numpy as np
from jaxtyping import Float, Int, Real

LEAST: Final = 6
"""Fewer independent proteins than these have no interval, and no sentence rests on them: no sign test of fewer can pass
0.05, however clear it is."""
CONFIDENCE: Final = 0.95
DRAWS: Final = 2000
"""How often proteins are drawn anew."""

Interval = tuple[float, float] | None
"""Both ends; None where there are too few proteins for one."""


def intervals_of(
    of: Callable[..., np.ndarray], proteins: Iterable[object], *columns: np.ndarray, seed: int = 0
) -> Float[np.ndarray, "ends ..."] | None:
    """The intervals of `of`(mean of the first column, of the second, …), proteins drawn anew, each with all its values.

    Columns have a value, or a row of values, per measurement, `proteins` the protein that each was made on. `of` takes
    and gives arrays with a row per draw. Percentile bootstrap; draws that have no value (a correlation where all are
    the same protein) are left out.
    """
    names, member = np.unique(np.array(list(proteins)), return_inverse=True)
    if len(names) < LEAST:
        return None
    times = _drawn(len(names), seed)
    belongs = member == np.arange(len(names))[:, None]
    sizes = times @ belongs.sum(1)
    means = []
    for column in columns:
        sums = times @ (belongs @ column.reshape(len(column), -1).astype(float))
        means.append((sums / sizes[:, None]).reshape(DRAWS, *column.shape[1:]))
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = of(*means)
    return np.nanquantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)


def interval_of(
    of: Callable[..., np.ndarray], proteins: Iterable[object], *columns: Iterable[float] | np.ndarray, seed: int = 0
) -> Interval:
    """The interval of one number, which is all that `of` makes of its columns (`intervals_of`)."""
    found = intervals_of(of, proteins, *(np.array(list(column), dtype=float) for column in columns), seed=seed)
    return None if found is None or np.isnan(found).any() else (float(found[0]), float(found[1]))


def mean_interval(proteins: Iterable[object], values: Iterable[float], *, seed: int = 0) -> Interval:
    """The interval of a mean."""
    return interval_of(lambda mean: mean, proteins, values, seed=seed)


def share_interval(
    hits: Real[np.ndarray, " proteins"], trials: Real[np.ndarray, " proteins"], *, seed: int = 0
) -> Interval:
    """The interval of sum(hits) / sum(trials), from each protein's hits and trials.

    Wilson's, of as many independent trials as would vary like this share does when proteins are drawn anew, but of no
    more than there are; of as many as proteins where the share is 0 or 1 and cannot vary (where the bootstrap's own
    percentiles would have no width). Source of effective trials: Korn and Graubard 1998, Survey Methodology 24, 193.
    """
    hits, trials = hits[trials > 0], trials[trials > 0]
    if len(trials) < LEAST:
        return None
    share, times = float(hits.sum() / trials.sum()), _drawn(len(trials), seed)
    if share in (0, 1):
        return wilson(share, len(trials))
    variance = float(((times @ hits) / (times @ trials)).var())
    most = float(trials.sum())
    return wilson(share, min(most, share * (1 - share) / variance) if variance else most)


def wilson(share: float, n: float | int) -> tuple[float, float]:
    """Wilson's score interval of a share of n trials. Source: Wilson 1927, J. Am. Stat. Assoc. 22, 209."""
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    centre, half = share + z**2 / (2 * n), z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, (centre - half) / (1 + z**2 / n)), min(1.0, (centre + half) / (1 + z**2 / n))


@lru_cache(maxsize=64)
def _drawn(n: int, seed: int) -> Int[np.ndarray, "draw protein"]:
    """How often each of `n` proteins stands in each draw."""
    drawn = np.random.default_rng(seed).integers(0, n, (DRAWS, n))
    return np.stack([np.bincount(each, minlength=n) for each in drawn])
