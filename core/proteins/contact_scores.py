"""How well predicted pairs are contacts: separations, precision against a structure, and each pair's verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from core.proteins.structure import CONTACT_CUTOFF, ContactRule, Structure, contact_truth, residue_distances

MIN_SEPARATION: Final = 6
"""|i - j| from which a pair counts: nearer residues nearly always touch, as neighbours along the chain."""
Range = Literal["short", "medium", "long"]
SEPARATIONS: Final[dict[Range, tuple[int, int | None]]] = {
    "short": (MIN_SEPARATION, 11),
    "medium": (12, 23),
    "long": (24, None),
}
"""|i - j| of a contact, both ends included: the ranges of CASP and of Rao et al. (2021)."""


def reach(separation: Range) -> str:
    """A separation in residues, as people read it."""
    low, high = SEPARATIONS[separation]
    return f"{low}–{high}" if high else f"≥ {low}"


SEPARATIONS_SAID: Final = (
    f"Short is {reach('short')} residues apart, medium {reach('medium')}, long {SEPARATIONS['long'][0]} or more."
)


@dataclass(frozen=True, slots=True)
class Precision:
    """How many of the top-ranked pairs are contacts, and what picking pairs blindly would give."""

    separation: Range
    per: int
    """k of P@L/k: the L / k highest pairs were looked at, L residues in the sequence."""
    n_ranked: int
    precision: float
    """Share of contacts among them; nan when no pair of this separation is known."""
    chance: float
    """Share of contacts among all known pairs of this separation."""


def counted_pairs(n_residues: int) -> tuple[Int[np.ndarray, " pair"], Int[np.ndarray, " pair"]]:
    """The indices i < j of all pairs that are far enough apart to count."""
    return np.triu_indices(n_residues, MIN_SEPARATION)


def pairs_in_range(n_residues: int, separation: Range) -> Bool[np.ndarray, "residue residue"]:
    """Unordered pairs (upper triangle) of a separation."""
    low, high = SEPARATIONS[separation]
    distance = np.subtract.outer(np.arange(n_residues), np.arange(n_residues)) * -1
    return (distance >= low) & (distance <= (n_residues if high is None else high))


def precision_at(
    predicted: Float[np.ndarray, "residue residue"],
    contacts: Bool[np.ndarray, "residue residue"],
    known: Bool[np.ndarray, "residue residue"],
    separation: Range = "long",
    per: int = 2,
) -> Precision:
    """P@L/k over known pairs of one separation; ties are ranked by position, first residues first."""
    pairs = pairs_in_range(len(predicted), separation) & known
    truth, top = contacts[pairs], highest(predicted, pairs, per)
    precision = float(truth[top].mean()) if len(top) else float("nan")
    return Precision(separation, per, len(top), precision, float(truth.mean()) if len(truth) else float("nan"))


def highest(
    predicted: Float[np.ndarray, "residue residue"], pairs: Bool[np.ndarray, "residue residue"], per: int = 2
) -> Int[np.ndarray, " ranked"]:
    """The L / `per` highest of some pairs, best first, counted through `pairs` row by row; of ties the first."""
    n_ranked = min(max(len(predicted) // per, 1), int(pairs.sum()))
    return np.argsort(-predicted[pairs], kind="stable")[:n_ranked]


def top_contacts(
    predicted: Float[np.ndarray, "residue residue"], n_pairs: int | None = None, min_separation: int = MIN_SEPARATION
) -> list[tuple[int, int]]:
    """The `n_pairs` highest pairs (i < j) at least `min_separation` apart, best first; L/2 where no number is given."""
    n_pairs = max(len(predicted) // 2, 1) if n_pairs is None else n_pairs
    i, j = np.triu_indices(len(predicted), min_separation)
    best = np.argsort(-predicted[i, j], kind="stable")[:n_pairs]
    return [(int(i[at]), int(j[at])) for at in best]


def gained_contacts(
    before: Float[np.ndarray, "residue residue"], after: Float[np.ndarray, "residue residue"]
) -> list[tuple[int, int]]:
    """The pairs among the L/2 highest of `after` that are not among those of `before`, first residues first."""
    return sorted(set(top_contacts(after)) - set(top_contacts(before)))


def likeliest_contact(
    predicted: Float[np.ndarray, "residue residue"], structure: Structure | None
) -> tuple[int, int] | None:
    """The highest long-range pair that is a contact of the structure, else the highest shorter one; without a structure
    the highest pair."""
    ranked = [
        pair
        for apart in (SEPARATIONS["long"][0], MIN_SEPARATION)
        for pair in top_contacts(predicted, len(predicted), apart)
    ]
    contacts = contact_truth(structure)[0] if structure is not None else np.ones_like(predicted, dtype=bool)
    return next((pair for pair in ranked if contacts[pair]), None)


def largest_counted(values: Float[np.ndarray, "residue residue"], quantile: float = 1.0, least: float = 1e-3) -> float:
    """The largest value of the pairs that count (or a quantile of them), to two digits; `least` if all are smaller."""
    counted = values[counted_pairs(len(values))]
    return max(float(f"{np.quantile(counted, quantile):.2g}"), least) if len(counted) else 1.0


NEAR: Final = 12.0
"""Å below which a predicted pair that is no contact is a near miss."""
Verdict = Literal["right", "near", "wrong", "predicted"]
VERDICTS: Final[dict[Verdict, str]] = {
    "right": "right",
    "near": "near miss",
    "wrong": "wrong",
    "predicted": "predicted",
}
"""What people read of each."""


def judge_pairs(
    pairs: Sequence[tuple[int, int]], distances: Float[np.ndarray, "residue residue"], cutoff: float = CONTACT_CUTOFF
) -> list[Verdict]:
    """How each predicted pair fares: closer than `cutoff` Å is right; closer than 12 Å, or within two residues of a
    right pair on both sides, is a near miss; "predicted" where the structure does not resolve the pair."""
    i, j = np.indices(distances.shape)
    # neighbours along the chain nearly always touch: they are no contact to have nearly missed
    contacts = np.pad((distances < cutoff) & (np.abs(i - j) >= MIN_SEPARATION), 2)
    verdicts: list[Verdict] = []
    for i, j in pairs:
        if np.isnan(distances[i, j]):
            verdicts.append("predicted")
        elif distances[i, j] < cutoff:
            verdicts.append("right")
        else:
            neighbours = contacts[i : i + 5, j : j + 5].any()
            verdicts.append("near" if distances[i, j] < NEAR or neighbours else "wrong")
    return verdicts


def verdicts(
    pairs: Sequence[tuple[int, int]], structure: Structure | None, rule: ContactRule = ContactRule()
) -> list[Verdict]:
    """How each predicted pair fares against a structure: all are just "predicted" where none is known."""
    if structure is None:
        return ["predicted"] * len(pairs)
    return judge_pairs(pairs, residue_distances(structure, rule.atom), rule.cutoff)


def possibly_near(structure: Structure | None, n_residues: int) -> Bool[np.ndarray, "residue residue"]:
    """Which residues are within 12 Å of each other or not resolved; none where no structure is known."""
    if structure is None:
        return np.zeros((n_residues, n_residues), dtype=bool)
    near, known = contact_truth(structure, cutoff=NEAR)
    return near | ~known
