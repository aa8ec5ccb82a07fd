"""How far a number over a set may be trusted: what counts as one protein, its 95% interval, how few are too few."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy.special import ndtri

LEAST: Final = 6
"""Fewer independent proteins than these have no interval, and no sentence rests on them."""
CONFIDENCE: Final = 0.95
DRAWS: Final = 2000
"""How often proteins are drawn anew for the interval of a mean; the seed is 0."""

HOW_INTERVALS_ARE_MADE: Final = (
    "In brackets: 95% intervals, Wilson's of rates, of means from proteins drawn anew; masks in one protein, and a "
    "protein with its shuffle, count as one."
)

Interval = tuple[float, float] | None
"""Both ends; None where there are too few proteins for one."""


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
        return self.of("")

    def of(self, what: str) -> str:
        """The same with what is counted: 27 of 28 sequences (96%; 82 to 99%)."""
        counted = f"{self.hits} of {self.n} {what}".rstrip()
        if self.interval is None:
            return counted
        low, high = self.interval
        proteins = "" if self.n == self.n_proteins else f", {self.n_proteins} proteins"
        return f"{counted} ({100 * self.share:.0f}%; {100 * low:.0f} to {100 * high:.0f}%{proteins})"


def rate(holds: Iterable[object], proteins: Iterable[object]) -> Rate:
    """How often something holds in measurements on these proteins, one number each."""
    found = [bool(each) for each in holds]
    return Rate(sum(found), len(found), len(set(proteins)))


def pooled(table: pd.DataFrame, by: Sequence[str], columns: Sequence[str]) -> pd.DataFrame:
    """Means of `columns` for every combination of `by`, with n (measurements) and proteins (independent ones).

    Columns of booleans are rates: their intervals stand in <column>_low and <column>_high, empty where there are too
    few proteins. `table` has a column protein, as `core.answers.subjects.with_proteins` makes it.
    """
    groups = table.groupby(list(by), sort=False)
    found = pd.DataFrame(groups[list(columns)].mean())
    found["n"], found["proteins"] = groups.size(), groups.protein.nunique()
    for column in columns:
        if table[column].dtype == bool:
            n = found.proteins.tolist()
            ends = [
                wilson(share, n) if n >= LEAST else (np.nan, np.nan)
                for share, n in zip(found[column].tolist(), n, strict=True)
            ]
            found[[f"{column}_low", f"{column}_high"]] = np.array(ends).reshape(-1, 2)
    return found.reset_index()


def rate_in(row: pd.Series, column: str) -> Rate:
    """A rate of one of `pooled`'s rows."""
    return Rate(round(row[column] * row.n), int(row.n), int(row.proteins))


def wilson(share: float, n: int) -> tuple[float, float]:
    """Wilson's score interval of a share of n trials. Source: Wilson 1927, J. Am. Stat. Assoc. 22, 209."""
    z = float(ndtri((1 + CONFIDENCE) / 2))
    centre, half = share + z**2 / (2 * n), z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, (centre - half) / (1 + z**2 / n)), min(1.0, (centre + half) / (1 + z**2 / n))


def interval_of(of: Callable[..., np.ndarray], proteins: Iterable[object], *columns: Iterable[float]) -> Interval:
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


def mean_interval(proteins: Iterable[object], values: Iterable[float]) -> Interval:
    """The interval of a mean."""
    return interval_of(lambda mean: mean, proteins, values)


def between(found: Interval, unit: str = "", digits: int = 2) -> str:
    """An interval in words, to stand after its number: " (1.20 to 3.40)"; nothing where there is none."""
    return "" if found is None else f" ({found[0]:z.{digits}f} to {found[1]:z.{digits}f}{unit})"
