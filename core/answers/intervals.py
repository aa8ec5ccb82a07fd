"""How far a number over a set may be trusted: what counts as one protein, its 95% interval, how few are too few."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import norm

LEAST: Final = 6
"""Fewer independent proteins than these have no interval, and no sentence rests on them."""
CONFIDENCE: Final = 0.95
DRAWS: Final = 2000
"""How often proteins are drawn anew for the interval of a mean; the seed is 0."""

Interval = tuple[float, float] | None
"""Both ends; None where there are too few proteins for one."""


def protein_of(sequence: str) -> str:
    """What a protein shares with all of its shuffles, its sorted residues: together they count as one."""
    return "".join(sorted(sequence))


@dataclass(frozen=True, slots=True)
class Rate:
    """How often something holds."""

    hits: int
    n: int
    n_proteins: int
    """Independent ones: masks in one protein, and a protein with its shuffles, count once."""

    @property
    def share(self) -> float:
        return self.hits / self.n if self.n else float("nan")

    @property
    def interval(self) -> Interval:
        """Wilson's, as wide as that of `n_proteins` trials: what a protein's other measurements add isn't counted."""
        return wilson(self.share, self.n_proteins) if self.n_proteins >= LEAST else None

    def __str__(self) -> str:
        """In words: 27 of 28 (96%; 82 to 99%)."""
        if self.interval is None:
            return f"{self.hits} of {self.n}"
        low, high = self.interval
        proteins = "" if self.n == self.n_proteins else f", {self.n_proteins} proteins"
        return f"{self.hits} of {self.n} ({100 * self.share:.0f}%; {100 * low:.0f} to {100 * high:.0f}%{proteins})"


def rate(holds: Iterable[bool], proteins: Iterable[str]) -> Rate:
    """How often something holds in measurements on these proteins, one name each."""
    found = list(holds)
    return Rate(int(sum(found)), len(found), len(set(proteins)))


def wilson(share: float, n: int) -> tuple[float, float]:
    """Wilson's score interval of a share of n trials. Source: Wilson 1927, J. Am. Stat. Assoc. 22, 209."""
    z = float(norm.ppf((1 + CONFIDENCE) / 2))
    centre, half = share + z**2 / (2 * n), z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, (centre - half) / (1 + z**2 / n)), min(1.0, (centre + half) / (1 + z**2 / n))


def interval_of(of: Callable[..., np.ndarray], proteins: Iterable[str], *columns: Iterable[float]) -> Interval:
    """The interval of `of`(mean of the first column, of the second, …), proteins drawn anew, each with all its values.

    Columns have a value per measurement, `proteins` the protein that it was made on. Percentile bootstrap.
    """
    names, member = np.unique(np.array(list(proteins)), return_inverse=True)
    if len(names) < LEAST:
        return None
    drawn = np.random.default_rng(0).integers(0, len(names), (DRAWS, len(names)))
    sizes = np.bincount(member)[drawn].sum(1)
    means = [np.bincount(member, np.array(list(column), dtype=float))[drawn].sum(1) / sizes for column in columns]
    low, high = np.quantile(of(*means), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def mean_interval(proteins: Iterable[str], values: Iterable[float]) -> Interval:
    """The interval of a mean."""
    return interval_of(lambda mean: mean, proteins, values)


def between(found: Interval, unit: str = "", digits: int = 2) -> str:
    """An interval in words, to stand after its number: " (1.20 to 3.40)"; nothing where there is none."""
    return "" if found is None else f" ({found[0]:z.{digits}f} to {found[1]:z.{digits}f}{unit})"
