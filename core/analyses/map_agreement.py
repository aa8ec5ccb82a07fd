"""Do two contact maps of one protein say the same? For the Jacobian's cheap mode against the full one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Float, Real

from core.errors import InputError
from core.proteins.contact_scores import MIN_SEPARATION, counted_pairs, top_contacts
from core.proteins.moved_contacts import SHARES

MOVED: Final = 20
"""How often one map is moved along the chain."""


@dataclass(frozen=True, slots=True)
class MapAgreement:
    """How two maps agree on pairs six or more residues apart."""

    rank_correlation: float
    """Spearman's, over all such pairs."""
    shared: float
    """Share of the L highest pairs of one that are among the L highest of the other."""
    correlation_by_chance: float
    """Both with one map moved along the chain: what maps that know no more than separations agree in."""
    shared_by_chance: float


def map_agreement(
    one: Float[np.ndarray, "residue residue"], other: Float[np.ndarray, "other_residue other_residue"], *, seed: int = 0
) -> MapAgreement:
    """The agreement of two maps of one protein, beside what chance gives maps with the same course over separations.

    Raises `InputError` for maps of different sizes, or of fewer than eight residues.
    """
    if one.shape != other.shape:
        raise InputError(f"maps of {len(one)} and {len(other)} residues cannot be compared")
    if len(one) < MIN_SEPARATION + 2:
        raise InputError(f"a protein of {len(one)} residues has no pairs {MIN_SEPARATION} or more apart to compare")
    counted = counted_pairs(len(one))
    found = [_agreement(moved, other, counted) for moved in (one, *_moved(one, seed))]
    by_chance = np.mean(found[1:], axis=0)
    return MapAgreement(*found[0], *by_chance.tolist())


def _agreement(
    one: Float[np.ndarray, "residue residue"],
    other: Float[np.ndarray, "residue residue"],
    counted: tuple[np.ndarray, np.ndarray],
) -> tuple[float, float]:
    pairs = [set(top_contacts(each, len(one))) for each in (one, other)]
    return rank_correlation(one[counted], other[counted]), len(pairs[0] & pairs[1]) / len(pairs[0])


def _moved(one: Float[np.ndarray, "residue residue"], seed: int) -> Iterator[Float[np.ndarray, "residue residue"]]:
    """The map with all of its diagonals turned by the same random share of each, several times."""
    for share in np.random.default_rng(seed).uniform(*SHARES, MOVED):
        moved = one.copy()
        for separation in range(MIN_SEPARATION, len(one)):
            i = np.arange(len(one) - separation)
            turned = np.roll(one[i, i + separation], round(share * len(i)))
            moved[i, i + separation] = moved[i + separation, i] = turned
        yield moved


def rank_correlation(one: Real[np.ndarray, " points"], other: Real[np.ndarray, " points"]) -> float:
    """Spearman's, ties sharing their rank; nan where either is constant."""
    return float(np.corrcoef(pd.Series(one).rank(), pd.Series(other).rank())[0, 1])
