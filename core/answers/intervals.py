"""Numbers over a set with what is known of them: how many they are of, and their 95% intervals."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from core.bootstrap import LEAST, Interval, intervals_of, wilson

HOW_INTERVALS_ARE_MADE: Final = (
    "In brackets: 95% intervals, Wilson's of rates, of means from proteins drawn anew; masks in one protein, and a "
    "protein with its shuffle, count as one."
)


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

    Their intervals stand in <column>_low and <column>_high, empty where there are too few proteins: Wilson's of
    booleans, which are rates. `table` has a column protein, as `core.answers.subjects.with_proteins` makes it.
    """
    groups, columns = table.groupby(list(by), sort=False), list(columns)
    found = pd.DataFrame(groups[columns].mean())
    found["n"], found["proteins"] = groups.size(), groups.protein.nunique()
    rates = [column for column in columns if table[column].dtype == bool]
    measured = [column for column in columns if column not in rates]
    for column in rates:
        shares = zip(found[column].tolist(), found.proteins.tolist(), strict=True)
        ends = [wilson(share, n) if n >= LEAST else (np.nan, np.nan) for share, n in shares]
        found[[f"{column}_low", f"{column}_high"]] = np.array(ends).reshape(-1, 2)
    if measured:
        ends = [intervals_of(lambda mean: mean, own.protein, own[measured].to_numpy()) for _, own in groups]
        none = np.full((2, len(measured)), np.nan)
        low, high = np.stack([none if each is None else each for each in ends], axis=1)
        for at, column in enumerate(measured):
            found[f"{column}_low"], found[f"{column}_high"] = low[:, at], high[:, at]
    return found.reset_index()


def rate_in(row: pd.Series, column: str) -> Rate:
    """A rate of one of `pooled`'s rows."""
    return Rate(round(row[column] * row.n), int(row.n), int(row.proteins))


def between(found: Interval, unit: str = "", digits: int = 2) -> str:
    """An interval in words, to stand after its number: " (1.20 to 3.40)"; nothing where there is none."""
    return "" if found is None else f" ({found[0]:z.{digits}f} to {found[1]:z.{digits}f}{unit})"


def interval_in(row: pd.Series, column: str) -> Interval:
    """The interval of a mean, from one of `pooled`'s rows; None where it has none."""
    low, high = row.reindex([f"{column}_low", f"{column}_high"]).to_numpy(dtype=float)
    return None if np.isnan(low) else (float(low), float(high))


def mean_in(row: pd.Series, column: str, unit: str = "", digits: int = 2, times: int = 1) -> str:
    """A mean of one of `pooled`'s rows, `times` a number, in words: 2.30 (1.20 to 3.40)."""
    ends = interval_in(row, column)
    scaled = ends and (times * ends[0], times * ends[1])
    return f"{times * row[column]:z.{digits}f}{unit}{between(scaled, unit, digits)}"
