"""Do two contact maps of one protein say the same? For the Jacobian's cheap mode against the full one."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Real

from core.errors import InputError
from core.proteins.contact_scores import MIN_SEPARATION, counted_pairs, top_contacts


@dataclass(frozen=True, slots=True)
class MapAgreement:
    """How two maps agree on pairs six or more residues apart."""

    rank_correlation: float
    """Spearman's, over all such pairs."""
    shared: float
    """Share of the L highest pairs of one that are among the L highest of the other."""


def map_agreement(
    one: Float[np.ndarray, "residue residue"], other: Float[np.ndarray, "other_residue other_residue"]
) -> MapAgreement:
    """The agreement of two maps of one protein.

    Raises `InputError` for maps of different sizes, or of fewer than eight residues.
    """
    if one.shape != other.shape:
        raise InputError(f"maps of {len(one)} and {len(other)} residues cannot be compared")
    if len(one) < MIN_SEPARATION + 2:
        raise InputError(f"a protein of {len(one)} residues has no pairs {MIN_SEPARATION} or more apart to compare")
    counted = counted_pairs(len(one))
    pairs = [set(top_contacts(each, len(one))) for each in (one, other)]
    shared = len(pairs[0] & pairs[1]) / len(pairs[0])
    return MapAgreement(rank_correlation(one[counted], other[counted]), shared)


def rank_correlation(one: Real[np.ndarray, " points"], other: Real[np.ndarray, " points"]) -> float:
    """Spearman's, ties sharing their rank; nan where either is constant."""
    return float(np.corrcoef(pd.Series(one).rank(), pd.Series(other).rank())[0, 1])
