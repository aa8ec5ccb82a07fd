"""How well predicted pairs are contacts: separations, precision against a structure, and each pair's verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from jaxtyping import Bool, Float

Range = Literal["short", "medium", "long"]
SEPARATIONS: dict[Range, tuple[int, int | None]] = {"short": (6, 11), "medium": (12, 23), "long": (24, None)}
"""|i - j| of a contact, both ends included: the ranges of CASP and of Rao et al. (2021)."""


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
    n_residues = len(predicted)
    pairs = pairs_in_range(n_residues, separation) & known
    truth, scores = contacts[pairs], predicted[pairs]
    n_ranked = min(max(n_residues // per, 1), len(scores))
    top = np.argsort(-scores, kind="stable")[:n_ranked]
    precision = float(truth[top].mean()) if n_ranked else float("nan")
    return Precision(separation, per, n_ranked, precision, float(truth.mean()) if len(truth) else float("nan"))


def top_contacts(
    predicted: Float[np.ndarray, "residue residue"], n_pairs: int, min_separation: int = 6
) -> list[tuple[int, int]]:
    """The `n_pairs` highest pairs (i < j) at least `min_separation` apart, best first."""
    i, j = np.triu_indices(len(predicted), min_separation)
    best = np.argsort(-predicted[i, j], kind="stable")[:n_pairs]
    return [(int(i[at]), int(j[at])) for at in best]


NEAR: Final = 12.0
"""Å below which a predicted pair that is no contact is a near miss."""
Verdict = Literal["right", "near", "wrong", "predicted"]


def judge_pairs(
    pairs: Sequence[tuple[int, int]], distances: Float[np.ndarray, "residue residue"], cutoff: float = 8.0
) -> list[Verdict]:
    """How each predicted pair fares: closer than `cutoff` Å is right; closer than 12 Å, or within two residues of a
    right pair on both sides, is a near miss; "predicted" where the structure does not resolve the pair."""
    i, j = np.indices(distances.shape)
    # neighbours along the chain nearly always touch: they are no contact to have nearly missed
    contacts = np.pad((distances < cutoff) & (np.abs(i - j) >= SEPARATIONS["short"][0]), 2)
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
