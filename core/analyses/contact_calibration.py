"""How often is a pair with this contact probability a contact? Measured on structures, and used to mark pairs.

A contact head is a logistic regression: what it gives reads like a probability and is one only for pairs like those
that it was fitted on. Isotonic regression on other structures says what it is worth (Niculescu-Mizil and Caruana 2005).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import pandas as pd
from jaxtyping import Float

from core.analyses.contact_evaluation import FEWEST
from core.bootstrap import interval_of, share_interval
from core.errors import InputError
from core.model import Model
from core.model_files import ranking_file
from core.proteins.contact_scores import counted_pairs, top_contacts
from core.proteins.labelled import LabelledProtein

N_BINS: Final = 100
LEAST_PAIRS: Final = 100
"""The highest bins are taken together until they hold so many pairs: fewer say nothing of a share."""
MARKED: Final = 0.5
"""The share of contacts that pairs must reach to be marked."""


class Calibration(msgspec.Struct, frozen=True):
    """What a model's contact probabilities are worth: by equal bins of probability, over pairs six or more apart."""

    model: str
    fingerprint: str
    """Of the model's weights, contact head included."""
    proteins: tuple[str, ...]
    """Judged structures, none of which the contact head was fitted on."""
    definition: str
    """What counted as a contact."""
    n_pairs: tuple[int, ...]
    n_contacts: tuple[int, ...]
    """Pairs in each bin, and how many of them are contacts."""
    precision: tuple[float, ...]
    """Calibrated: the share of contacts by isotonic regression, which rises with the probability."""
    brier: float
    """Mean squared error of the probabilities; `brier_calibrated` of those regressed on the other half of the proteins,
    `brier_base` of giving every pair the share of contacts."""
    brier_calibrated: float
    brier_base: float
    intervals: dict[str, tuple[float, float]] = {}
    """95%, proteins drawn anew, of `brier`, `brier_calibrated`, `brier_base`, of `gain`, the last minus the second, and
    of `top`, the share of contacts in the highest bins; those that an older calibration didn't measure are missing."""

    def calibrated(self, probability: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """The share of contacts among pairs of such probabilities."""
        return np.array(self.precision)[_bins(probability)]

    @property
    def tenths(self) -> list[tuple[str, int, int, float]]:
        """The reliability curve: each tenth of probability that has pairs, its pairs, contacts, and their share."""
        pairs, contacts = (np.reshape(each, (10, -1)).sum(1) for each in (self.n_pairs, self.n_contacts))
        return [
            (
                f"{at / 10:.1f} to {(at + 1) / 10:.1f}",
                int(pairs[at]),
                int(contacts[at]),
                float(contacts[at] / pairs[at]),
            )
            for at in np.flatnonzero(pairs)
        ]

    def finding(self) -> str:
        """What the probabilities are worth, for people."""
        n, base = len(self.proteins), sum(self.n_contacts) / sum(self.n_pairs)
        return (
            f"On {n} structures that it was not fitted on, {base:.3f} of the pairs are contacts. The contact head's "
            f"Brier score is {self._told('brier')}; calibrated on half of the proteins and scored on the other half it "
            f"is {self._told('brier_calibrated')}, and saying {base:.3f} of every pair gives "
            f"{self._told('brier_base')}. {self._gain}{self.at_the_top}."
        )

    def _told(self, score: str) -> str:
        return f"{getattr(self, score):.4f}{self._between(score)}"

    def _between(self, score: str) -> str:
        low, high = self.intervals.get(score, (None, None))
        return "" if low is None else f" ({low:.4f} to {high:.4f})"

    @property
    def _gain(self) -> str:
        """What calibrated probabilities are worth beyond the share of contacts, where it is known, for people."""
        if "gain" not in self.intervals:
            return ""
        gain = f"{self.brier_base - self.brier_calibrated:.4f}{self._between('gain')}"
        if self.intervals["gain"][0] > 0:
            return f"Calibrated probabilities are better than that share alone, by {gain}. "
        return f"That calibrated probabilities are better than that share alone is not shown: by {gain}. "

    @property
    def at_the_top(self) -> str:
        """What pairs of the highest probabilities are worth, counted."""
        first = _top(np.array(self.n_pairs))
        pairs, contacts = sum(self.n_pairs[first:]), sum(self.n_contacts[first:])
        low, high = self.intervals.get("top", (None, None))
        known = "" if low is None else f"; {low:.0%} to {high:.0%}, proteins drawn anew"
        return (
            f"Of the {pairs} pairs given {first / N_BINS:.2f} or more, {contacts} are contacts "
            f"({contacts / pairs:.0%}{known})"
        )


def binned(protein: LabelledProtein, probability: Float[np.ndarray, "residue residue"]) -> pd.DataFrame:
    """Known pairs six or more apart, by bin of probability: bin, n_pairs, n_contacts, squared_error (summed)."""
    contacts, known = protein.truth()
    i, j = counted_pairs(len(contacts))
    i, j = i[known[i, j]], j[known[i, j]]
    score, contact = probability[i, j], contacts[i, j]
    counts = {"n_pairs": np.ones_like(score), "n_contacts": contact, "squared_error": (score - contact) ** 2}
    found = {name: np.bincount(_bins(score), values, N_BINS) for name, values in counts.items()}
    return pd.DataFrame({"bin": np.arange(N_BINS), **found})


def calibrate(model: Model, proteins: Mapping[str, LabelledProtein], tables: Mapping[str, pd.DataFrame]) -> Calibration:
    """The calibration from every protein's `binned` pairs.

    Raises `InputError` below six proteins, and where no pair or every pair is a contact.
    """
    if len(tables) < FEWEST:
        raise InputError(f"probabilities are calibrated on at least {FEWEST} proteins, not {len(tables)}")
    counts = {name: table[["n_pairs", "n_contacts"]].to_numpy() for name, table in tables.items()}
    total = np.sum(list(counts.values()), axis=0)
    n_pairs, n_contacts = total.T
    base = n_contacts.sum() / n_pairs.sum()
    if not 0 < base < 1:
        raise InputError(f"{n_contacts.sum():.0f} of {n_pairs.sum():.0f} pairs are contacts: nothing to calibrate")
    halves = [np.sum(list(counts.values())[half::2], axis=0) for half in (0, 1)]
    fitted = [_isotonic(*half.T) for half in halves]
    errors = {
        "brier": [table.squared_error.sum() for table in tables.values()],
        "brier_calibrated": [_squared_error(fitted[1 - at % 2], *each.T) for at, each in enumerate(counts.values())],
        "brier_base": [_squared_error(np.full(N_BINS, base), *each.T) for each in counts.values()],
    }
    errors["gain"] = np.subtract(errors["brier_base"], errors["brier_calibrated"]).tolist()
    pairs = [each[:, 0].sum() for each in counts.values()]
    ends = {name: interval_of(lambda error, n: error / n, tables, error, pairs) for name, error in errors.items()}
    pairs_there, contacts_there = np.stack(list(counts.values()))[:, _top(n_pairs) :].sum(1).T
    ends["top"] = share_interval(contacts_there, pairs_there)
    return Calibration(
        model=model.name,
        fingerprint=model.fingerprint,
        proteins=tuple(tables),
        definition="; ".join(sorted({proteins[name].definition for name in tables})),
        n_pairs=tuple(n_pairs.astype(int).tolist()),
        n_contacts=tuple(n_contacts.astype(int).tolist()),
        precision=tuple(_isotonic(n_pairs, n_contacts).tolist()),
        brier=float(sum(errors["brier"]) / n_pairs.sum()),
        brier_calibrated=float(sum(errors["brier_calibrated"]) / n_pairs.sum()),
        brier_base=float(base * (1 - base)),
        intervals={name: each for name, each in ends.items() if each},
    )


def worth_marking(probability: Float[np.ndarray, "residue residue"], calibration: Calibration) -> list[tuple[int, int]]:
    """The pairs (i < j, six or more apart) whose probability is worth `MARKED` or more, highest first."""
    worth = calibration.calibrated(probability)
    return [(i, j) for i, j in top_contacts(probability, probability.size) if worth[i, j] >= MARKED]


def _bins(probability: Float[np.ndarray, "*shape"]) -> np.ndarray:
    return np.minimum((probability * N_BINS).astype(int), N_BINS - 1)


def _top(n_pairs: np.ndarray) -> int:
    """The bin from which on there are `LEAST_PAIRS` pairs; the first where there are fewer in all."""
    return int(max((np.cumsum(n_pairs[::-1])[::-1] >= LEAST_PAIRS).sum() - 1, 0))


def _isotonic(n_pairs: Float[np.ndarray, " bin"], n_contacts: Float[np.ndarray, " bin"]) -> Float[np.ndarray, " bin"]:
    first = _top(n_pairs)
    n_pairs, n_contacts = (
        np.r_[each[:first], each[first:].sum(), np.zeros(N_BINS - first - 1)] for each in (n_pairs, n_contacts)
    )
    there = n_pairs > 0
    at = np.flatnonzero(there)
    from sklearn.isotonic import IsotonicRegression  # read where it is used: it takes a second

    regression = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    regression.fit(at, n_contacts[there] / n_pairs[there], sample_weight=n_pairs[there])
    return regression.predict(np.arange(len(n_pairs)))


def _squared_error(said: np.ndarray, n_pairs: np.ndarray, n_contacts: np.ndarray) -> float:
    return float((n_contacts * (1 - said) ** 2 + (n_pairs - n_contacts) * said**2).sum())


def calibration_bytes(calibration: Calibration) -> bytes:
    """A calibration as JSON."""
    return msgspec.json.format(msgspec.json.encode(calibration), indent=1) + b"\n"


def kept_calibration(model: Model) -> Calibration | None:
    """The calibration beside the model's weights; None where there is none, or only that of other weights.

    Raises `InputError` when the file is no calibration.
    """
    path = calibration_file(model.name)
    if path is None or not path.is_file():
        return None
    try:
        calibration = msgspec.json.decode(path.read_bytes(), type=Calibration)
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(f"{path.name} is not a calibration of contact probabilities: {error}") from error
    return calibration if calibration.fingerprint == model.fingerprint else None


def calibration_file(name: str) -> Path | None:
    """Where the calibration of a model is looked for: beside its ranking of heads."""
    path = ranking_file(name)
    return path and path.with_name(path.name.replace("head_ranking", "contact_calibration"))
