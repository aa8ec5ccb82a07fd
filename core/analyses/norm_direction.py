"""Why does a head's score of BOS fall away from the first residue? Shorter queries, or turned ones, band by band."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.alphabet import BOS, residue_position
from core.arrays import as_array
from core.interventions import Head
from core.model import Model
from core.rope import BandScores, band_scores, bands
from core.run import Keep, run

SMALL: Final = 0.05
"""A band whose mean score difference is below this share of all bands' together is flagged."""
AGREEMENT: Final = 0.9
"""A band whose score difference has the sign of its mean in fewer than this share of proteins is flagged."""


@dataclass(frozen=True, slots=True, eq=False)
class NormDirection:
    """One protein's score difference (clean minus internal, before softmax) per RoPE band, and what its norm part is.

    What isn't the norm's is the direction's: each pair sums to `difference` exactly.
    """

    difference: Float[np.ndarray, " n_bands"]
    norm_a: Float[np.ndarray, " n_bands"]
    """With the internal query's direction as reference (decomposition A)."""
    norm_b: Float[np.ndarray, " n_bands"]
    """With the clean query's direction as reference (decomposition B)."""
    direction_a: Float[np.ndarray, " n_bands"]
    direction_b: Float[np.ndarray, " n_bands"]

    @property
    def norm(self) -> Float[np.ndarray, " n_bands"]:
        """The average of A and B."""
        return (self.norm_a + self.norm_b) / 2

    @property
    def direction(self) -> Float[np.ndarray, " n_bands"]:
        return (self.direction_a + self.direction_b) / 2

    @property
    def residual(self) -> float:
        """The largest failure of norm + direction = difference in any band: rounding, and nothing else."""
        return float(np.abs(self.norm + self.direction - self.difference).max())


def norm_direction(
    q_clean: Float[Tensor, " d_head"],
    q_internal: Float[Tensor, " d_head"],
    k_clean: Float[Tensor, " d_head"],
    k_internal: Float[Tensor, " d_head"],
) -> NormDirection:
    """The symmetric norm-direction attribution of a score difference, from queries and keys after RoPE.

    In each band, with the mean key k of both runs: difference = (q_clean - q_internal) . k / sqrt(d_head); with a
    reference direction u, norm = (|q_clean| - |q_internal|) u . k / sqrt(d_head), and direction is computed on its own
    from what is left of the vector, (q_clean - q_internal) - (|q_clean| - |q_internal|) u. In float64 whatever comes
    in. Source: Jedryszek & Crook 2026, equations 4 to 6.
    """
    clean, internal = bands(q_clean.double()), bands(q_internal.double())
    key = (bands(k_clean.double()) + bands(k_internal.double())) / 2
    scale = q_clean.shape[-1] ** -0.5
    longer = (clean.norm(dim=-1) - internal.norm(dim=-1)).unsqueeze(-1)

    def score(vector: Tensor) -> np.ndarray:
        return as_array((vector * key).sum(-1) * scale)

    def parts(reference: Tensor) -> tuple[np.ndarray, np.ndarray]:
        along = longer * torch.nn.functional.normalize(reference, dim=-1)
        return score(along), score(clean - internal - along)

    (norm_a, direction_a), (norm_b, direction_b) = parts(internal), parts(clean)
    return NormDirection(score(clean - internal), norm_a, norm_b, direction_a, direction_b)


@dataclass(frozen=True, slots=True, eq=False)
class BandComparison:
    """A head's score of BOS from the mask, taken apart by band in two runs, and what made the difference."""

    clean: BandScores
    internal: BandScores
    attribution: NormDirection


def compare_bands(
    model: Model, clean: Int[Tensor, " clean_pos"], internal: Int[Tensor, " pos"], head: Head
) -> BandComparison:
    """One head's attention score from the mask to BOS with the mask at two places, by band, in float64 on the CPU."""
    (q0, k0), (qi, ki) = _query_and_key(model, clean, head), _query_and_key(model, internal, head)
    return BandComparison(band_scores(q0, k0), band_scores(qi, ki), norm_direction(q0, qi, k0, ki))


def bos_bands(model: Model, tokens: Int[Tensor, " pos"], head: Head) -> BandScores:
    """One head's attention score from the mask to BOS by band, in float64 on the CPU."""
    return band_scores(*_query_and_key(model, tokens, head))


def _query_and_key(model: Model, tokens: Int[Tensor, " pos"], head: Head) -> tuple[Tensor, Tensor]:
    """The mask's query and BOS's key, after RoPE."""
    trace = run(model, tokens, keep=Keep.of("q_rot", "k_rot", layers=[head.layer]))
    bos = int(torch.nonzero(tokens == BOS)[0])
    q, k = trace["q_rot", head.layer], trace["k_rot", head.layer]
    return q[0, head.index, residue_position(tokens, None)].cpu().double(), k[0, head.index, bos].cpu().double()


@dataclass(frozen=True, slots=True, eq=False)
class Attribution:
    """Many proteins' attributions together: one row per band, and the share of the norm over all bands."""

    bands: pd.DataFrame
    """Columns band, difference (mean), weight (its share of all |difference|), norm_share, norm_share_a, norm_share_b,
    direction_share (means over proteins), agreement (share of proteins with the mean's sign), flagged."""
    norm_share: float
    """The weighted mean over all bands, flagged ones with their pooled ratio."""
    norm_share_a: float
    norm_share_b: float
    norm_share_unflagged: float
    """The weighted mean over the bands that aren't flagged; nan where all are."""
    norm_share_printed: float
    """Equation 7 to the letter: over all bands, each with the mean of its proteins' ratios, however small what they
    divide by."""


def aggregate(attributions: Sequence[NormDirection]) -> Attribution:
    """The attribution of a set of proteins.

    Per band, the share norm / difference is averaged over proteins; over bands, shares are weighted by |mean
    difference|. A band is flagged where that is small (`SMALL`) or its sign changes between proteins (`AGREEMENT`):
    dividing by it says nothing, and in the global share it counts with its pooled ratio, sum of norms over sum of
    differences, which stays finite. Source: Jedryszek & Crook 2026, equation 7 and Extended Data Table 5.
    """
    difference = np.stack([found.difference for found in attributions])
    mean = difference.mean(0)
    weight = np.abs(mean) / np.abs(mean).sum()
    agreement = (np.sign(difference) == np.sign(mean)).mean(0)
    flagged = (weight < SMALL) | (agreement < AGREEMENT)

    def shares(parts: Sequence[np.ndarray]) -> tuple[np.ndarray, float]:
        norm = np.stack(parts)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = (norm / difference).mean(0)
            pooled = norm.mean(0) / mean
        return share, float(weight @ np.where(flagged, np.nan_to_num(pooled), share))

    average, overall = shares([found.norm for found in attributions])
    share_a, overall_a = shares([found.norm_a for found in attributions])
    share_b, overall_b = shares([found.norm_b for found in attributions])
    table = pd.DataFrame(
        {
            "band": np.arange(len(mean)),
            "difference": mean,
            "weight": weight,
            "norm_share": average,
            "norm_share_a": share_a,
            "norm_share_b": share_b,
            "direction_share": 1 - average,
            "agreement": agreement,
            "flagged": flagged,
        }
    )
    kept = weight[~flagged]
    unflagged = float(kept @ average[~flagged] / kept.sum()) if len(kept) else float("nan")
    return Attribution(table, overall, overall_a, overall_b, unflagged, float(weight @ average))
