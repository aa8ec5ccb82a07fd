"""How do two views differ? What the second shows minus what the first shows, where heads and residues correspond."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from core.analyses.exploration import BandView
from core.analyses.prediction import Prediction
from core.analyses.protein_features import ProteinFeatures
from core.errors import InputError
from core.model import Model
from core.proteins.contact_scores import gained_contacts
from core.proteins.correspondence import Correspondence


@dataclass(frozen=True, slots=True, eq=False)
class PredictionDifference:
    """The second prediction minus the first; of the target each has its own."""

    probabilities: Float[np.ndarray, " amino_acid"]
    logits: Float[np.ndarray, " amino_acid"]
    target_probability: float
    target_gap: float
    target_rank: int


def prediction_difference(first: Prediction, second: Prediction) -> PredictionDifference:
    """How the second prediction differs from the first."""
    return PredictionDifference(
        second.probabilities - first.probabilities,
        second.logits - first.logits,
        second.target_probability - first.target_probability,
        second.target_gap - first.target_gap,
        second.target_rank - first.target_rank,
    )


def heads_correspond(first: Model, second: Model) -> bool:
    """Whether a head's name means the same head in both: the same weights, be it in another precision."""
    return first.trunk_fingerprint == second.trunk_fingerprint or first.name == second.name


def features_correspond(first: Model, second: Model) -> bool:
    """Whether a feature's name means the same feature in both: the same dictionaries."""
    return bool(first.dictionaries) and first.features_fingerprint == second.features_fingerprint


@dataclass(frozen=True, slots=True, eq=False)
class FeaturesAtTwo:
    """The features active at one position of either run, the strongest first, and their activations."""

    features: Int[np.ndarray, " active"]
    first: Float[np.ndarray, " active"]
    second: Float[np.ndarray, " active"]


def features_at_two(first: ProteinFeatures, at: int, second: ProteinFeatures, other_at: int) -> FeaturesAtTwo:
    """The features at position `at` of the first run and `other_at` of the second, both read by one dictionary."""
    every = np.union1d(first.at(at), second.at(other_at))
    ours, theirs = (
        np.array([run.of(int(feature))[place] for feature in every], dtype=float)
        for run, place in ((first, at), (second, other_at))
    )
    order = np.maximum(ours, theirs).argsort()[::-1]
    return FeaturesAtTwo(every[order], ours[order], theirs[order])


def difference(first: Float[np.ndarray, "*same"], second: Float[np.ndarray, "*same"]) -> Float[np.ndarray, "*same"]:
    """The difference of values that stand for the same heads, parts or features, entry by entry."""
    return second - first


def residue_difference(
    first: Float[np.ndarray, "..."], second: Float[np.ndarray, "..."], where: Correspondence
) -> Float[np.ndarray, "..."]:
    """The difference of values per residue, or of maps over pairs of residues, an entry per corresponding residue."""
    return _at(second, where.second) - _at(first, where.first)


def position_difference(
    first: Float[np.ndarray, "..."], second: Float[np.ndarray, "..."], where: Correspondence
) -> Float[np.ndarray, "..."]:
    """The same of values over positions: BOS, the corresponding residues, EOS."""
    places = (np.r_[0, at + 1, len(values) - 1] for at, values in ((where.first, first), (where.second, second)))
    before, after = (_at(values, at) for values, at in zip((first, second), places, strict=True))
    return after - before


def in_place(
    difference: Float[np.ndarray, "pair pair"], where: Correspondence, n_residues: int
) -> Float[np.ndarray, "residue residue"]:
    """A difference of maps as a map of the first protein; NaN where nothing corresponds."""
    placed = np.full((n_residues, n_residues), np.nan)
    placed[np.ix_(where.first, where.first)] = difference
    return placed


def gained_pairs(
    first: Float[np.ndarray, "residue residue"], second: Float[np.ndarray, "other other"], where: Correspondence
) -> list[tuple[int, int]]:
    """The first protein's pairs that are among the highest of the second map and not of the first, both taken where
    residues correspond."""
    gained = gained_contacts(_at(first, where.first), _at(second, where.second))
    return [(int(where.first[i]), int(where.first[j])) for i, j in gained]


def band_difference(first: BandView, second: BandView) -> BandView:
    """The difference band by band; `InputError` where the two heads' RoPE has other wavelengths."""
    if first.wavelengths.shape != second.wavelengths.shape or not np.allclose(first.wavelengths, second.wavelengths):
        n_bands = (len(each.wavelengths) for each in (first, second))
        raise InputError("the two models' RoPE bands differ ({} and {} of them)".format(*n_bands))
    return BandView(
        first.wavelengths,
        second.q_norm - first.q_norm,
        second.k_norm - first.k_norm,
        second.cosine - first.cosine,
        second.contribution - first.contribution,
        second.score - first.score,
        second.attention - first.attention,
    )


def one_scale(*values: Float[np.ndarray, "..."], least: float = 1e-6, share: float = 1.0) -> float:
    """Where one colour scale ends for all of them: at the largest size of any value, or where `share` of the sizes do
    not go beyond, but not before `least`."""
    sizes = [np.abs(each[~np.isnan(each)]) for each in values]
    return max([least, *(float(np.quantile(each, share)) for each in sizes if each.size)])


def _at(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The values at some places along every axis."""
    return values[np.ix_(*[places] * values.ndim)]
