"""How well do contact maps match structures, and which of two methods is better? Precision, curves, win rates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import scipy
from jaxtyping import Bool, Float

from core.bootstrap import LEAST, mean_interval
from core.errors import InputError
from core.proteins.contact_scores import SEPARATIONS, Range, highest, pairs_in_range, precision_at
from core.proteins.labelled import LabelledProtein
from core.proteins.moved_contacts import MovedContacts, random_shares

PER: Final = (1, 2, 5)
"""k of P@L/k."""
FEWEST: Final = LEAST
"""Proteins below which nothing is said of their mean."""
RECALLS: Final = np.linspace(0, 1, 51)
"""Where precision–recall curves of different proteins are averaged."""
MOVED_CURVES: Final = 20


def precisions(protein: LabelledProtein, maps: Mapping[str, Float[np.ndarray, "residue residue"]]) -> pd.DataFrame:
    """P@L/k of every map: columns method, separation, per (the k), n_ranked, precision, chance, moved.

    Chance is the share of contacts among all known pairs of the separation: what blind picking gives on average. Moved
    is the map's own chance: the mean of its precision against the contacts moved along the chain
    (`core.proteins.moved_contacts`), which a map that knows no more than separations reaches as well. All three are nan
    where no pair of a separation is known.
    """
    contacts, known = protein.truth()
    shares = random_shares(protein.sequence)
    elsewhere: dict[Range, MovedContacts] = {each: MovedContacts(contacts, known, each) for each in SEPARATIONS}
    found = []
    for method, predicted in maps.items():
        for separation, moved in elsewhere.items():
            for per in PER:
                here = precision_at(predicted, contacts, known, separation, per)
                own = moved.contact(highest(predicted, moved.pairs, per), shares).mean() if here.n_ranked else np.nan
                found.append((method, separation, per, here.n_ranked, here.precision, here.chance, own))
    return pd.DataFrame(found, columns=["method", "separation", "per", "n_ranked", "precision", "chance", "moved"])


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
    return _curve(contacts[pairs], predicted[pairs])


def moved_curve(
    protein: LabelledProtein, predicted: Float[np.ndarray, "residue residue"], separation: Range = "long"
) -> Float[np.ndarray, " recall"]:
    """The mean of the same curve against contacts moved along the chain, `MOVED_CURVES` times: the map's own chance.

    It lies above the share of contacts, since it takes the best precision at each recall.
    """
    moved = MovedContacts(*protein.truth(), separation)
    everything = np.arange(int(moved.pairs.sum()))
    labels = moved.contact(everything, random_shares(protein.sequence, repeats=MOVED_CURVES))
    return np.mean([_curve(each, predicted[moved.pairs]) for each in labels], axis=0)


def _curve(contact: Bool[np.ndarray, " pair"], score: Float[np.ndarray, " pair"]) -> Float[np.ndarray, " recall"]:
    from sklearn.metrics import precision_recall_curve  # read where it is used: it takes a second

    precision, recall, _ = precision_recall_curve(contact, score)
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
        between = (
            f"[{self.low:z.3f}, {self.high:z.3f}]" if self.n >= FEWEST else f"(no interval below {FEWEST} proteins)"
        )
        return f"{self.mean:z.3f} {between}, N = {self.n}"


def mean_over_proteins(values: Sequence[float] | np.ndarray, seed: int = 0) -> Mean:
    """Mean and interval (`core.bootstrap`) of one value per protein; missing values are left out.

    Below six proteins the interval is nan; of none, all is nan.
    """
    values = np.asarray(values, dtype=float)
    values = values[~np.isnan(values)]
    low, high = mean_interval(range(len(values)), values, seed=seed) or (np.nan, np.nan)
    return Mean(float(values.mean()) if len(values) else np.nan, low, high, len(values))


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
        p_value=float(scipy.stats.binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0,
    )
