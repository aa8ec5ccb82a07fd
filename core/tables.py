"""The few things that sections do with tidy tables."""

from collections.abc import Sequence

import numpy as np
import pandas as pd


def rows(table: pd.DataFrame, **values: object) -> pd.DataFrame:
    """The rows whose columns have these values."""
    matching = np.ones(len(table), dtype=bool)
    for column, value in values.items():
        matching &= (table[column] == value).to_numpy()
    return pd.DataFrame(table[matching])


def means(table: pd.DataFrame, by: Sequence[str], columns: Sequence[str]) -> pd.DataFrame:
    """The mean of `columns` for every combination of `by`, in the order in which these first occur."""
    return pd.DataFrame(table.groupby(list(by), sort=False)[list(columns)].mean()).reset_index()


def deviations(table: pd.DataFrame, by: Sequence[str], columns: Sequence[str], *, ddof: int = 0) -> pd.DataFrame:
    """The standard deviation of `columns` for every combination of `by`, ordered as in `means`, named <column>_sd."""
    spread = pd.DataFrame(table.groupby(list(by), sort=False)[list(columns)].std(ddof=ddof))
    return spread.add_suffix("_sd").reset_index()


def grid(table: pd.DataFrame, index: str, columns: str, values: str) -> pd.DataFrame:
    """One value per (index, column), laid out as a grid, rows and columns in the order in which they first occur."""
    wide = table.pivot(index=index, columns=columns, values=values)
    return wide.loc[list(dict.fromkeys(table[index])), list(dict.fromkeys(table[columns]))]
