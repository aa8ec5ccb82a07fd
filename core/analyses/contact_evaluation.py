"""How well do contact maps match structures, and which of two methods is better? Precision, curves, win rates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.stats import binomtest, bootstrap
from sklearn.metrics import precision_recall_curve

from core.errors import InputError
from core.proteins.contact_scores import SEPARATIONS, Range, pairs_in_range, precision_at
from core.proteins.labelled import LabelledProtein

PER: Final = (1, 2, 5)
"""k of P@L/k."""
CONFIDENCE: Final = 0.95
RESAMPLES: Final = 2000
RECALLS: Final = np.linspace(0, 1, 51)
"""Where precision–recall curves of different proteins are averaged."""


def precisions(protein: LabelledProtein, maps: Mapping[str, Float[np.ndarray, "residue residue"]]) -> pd.DataFrame:
    """P@L/k of every map: columns method, separation, per (the k), n_ranked, precision, chance.

    Chance is the share of contacts among all known pairs of the separation: what blind picking gives on average.
    Precision and chance are nan where no pair of a separation is known.
    """
    contacts, known = protein.truth()
    return pd.DataFrame(
        [
            {
                "method": method,
                "separation": separation,
                "per": per,
                "n_ranked": (found := precision_at(predicted, contacts, known, separation, per)).n_ranked,
                "precision": found.precision,
                "chance": found.chance,
            }
            for method, predicted in maps.items()
            for separation in SEPARATIONS
            for per in PER
        ]
    )


def precision_recall(
    protein: LabelledProtein, predicted: Float[np.ndarray, "residue residue"], separation: Range = "long"
) -> Float[np.ndarray, " recall"]:
    """The best precision at which at least each share of `RECALLS` of the contacts is found.

    Raises `InputError` for a protein without a known contact of this separation.
    """
    contacts, known = protein.truth()
    pairs = pairs_in_range(len(protein.sequence), separation) & known
    if not contacts[pairs].any():
        raise InputError(f"{protein.name} has no {separation}-range contact to recall")
    precision, recall, _ = precision_recall_curve(contacts[pairs], predicted[pairs])
    # from the lowest threshold (everything found) to the highest; the last point, (1, 0), is scikit-learn's own
    best = np.maximum.accumulate(precision[:-1])
    first_enough = np.searchsorted(-recall[:-1], -RECALLS, side="right") - 1
    return best[np.maximum(first_enough, 0)]


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over proteins with its bootstrap interval."""

    mean: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}], N = {self.n}"


def mean_over_proteins(values: Sequence[float] | np.ndarray, seed: int = 0) -> Mean:
    """Mean and 95% percentile interval from 2,000 resamplings of the proteins; missing values are left out.

    The interval of a single protein is nan; of none, all is nan.
    """
    values = np.asarray(values, dtype=float)
    values = values[~np.isnan(values)]
    if len(values) < 2:
        return Mean(float(values.mean()) if len(values) else np.nan, np.nan, np.nan, len(values))
    resampled = bootstrap(
        (values,),
        np.mean,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    low, high = resampled.confidence_interval
    return Mean(float(values.mean()), float(low), float(high), len(values))


@dataclass(frozen=True, slots=True)
class WinRate:
    """How often one method beats another on the same proteins."""

    wins: int
    losses: int
    ties: int
    rate: float
    """Share of proteins won, ties counted half."""
    difference: Mean
    """Mean of the first method's value minus the second's."""
    p_value: float
    """Two-sided sign test on the proteins that are not ties; 1 when all are."""


def win_rate(first: Sequence[float] | np.ndarray, second: Sequence[float] | np.ndarray, seed: int = 0) -> WinRate:
    """The paired comparison of two methods, protein by protein; proteins that miss a value are left out.

    Raises `InputError` when no protein has both.
    """
    difference = np.asarray(first, dtype=float) - np.asarray(second, dtype=float)
    difference = difference[~np.isnan(difference)]
    if not len(difference):
        raise InputError("two methods can only be compared on proteins that both were measured on: there is none")
    wins, losses = int((difference > 0).sum()), int((difference < 0).sum())
    ties = len(difference) - wins - losses
    return WinRate(
        wins=wins,
        losses=losses,
        ties=ties,
        rate=(wins + ties / 2) / len(difference),
        difference=mean_over_proteins(difference, seed),
        p_value=float(binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0,
    )
