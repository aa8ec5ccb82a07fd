"""Rotary position embedding (RoPE, Su et al. 2021), of ESM-2 and ESMC: half-split pairs, and scores by band."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


def rotate(
    x: Float[Tensor, "rows n_heads pos d_head"],
    positions: Float[Tensor, "*rows_heads pos"],
    inv_freq: Float[Tensor, " n_bands"],
) -> Float[Tensor, "rows n_heads pos d_head"]:
    """`x` with band f (the pair f, f + d_head / 2) turned by positions x inv_freq[f] radians.

    `positions` is shared (pos) or given for every row and head (rows, n_heads, pos); it may be negative or fractional.
    """
    angles = positions.unsqueeze(-1).to(inv_freq.dtype) * inv_freq
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    swapped = x.roll(x.shape[-1] // 2, dims=-1)  # each coordinate's partner in its band
    return torch.addcmul(x * torch.cat((cos, cos), dim=-1), swapped, torch.cat((-sin, sin), dim=-1))


def wavelengths(inv_freq: Float[Tensor, " n_bands"]) -> Float[Tensor, " n_bands"]:
    """Residues per full turn of each band: 2 pi / inv_freq (6.28 for band 0 of ESM-2)."""
    return 2 * math.pi / inv_freq


def bands(x: Float[Tensor, "*lead d_head"]) -> Float[Tensor, "*lead n_bands 2"]:
    """The two coordinates of every band of q or k."""
    return torch.stack(x.chunk(2, dim=-1), dim=-1)


@dataclass(frozen=True, slots=True, eq=False)
class BandScores:
    """One attention score taken apart by RoPE band: score = sum over f of |q_f| |k_f| cos(theta_f) / sqrt(d_head)."""

    q_norm: Float[Tensor, "*#lead n_bands"]
    k_norm: Float[Tensor, "*#lead n_bands"]
    cosine: Float[Tensor, "*#lead n_bands"]
    contribution: Float[Tensor, "*#lead n_bands"]
    """What each band adds to the score before softmax; these sum to the score exactly."""


def band_scores(q_rot: Float[Tensor, "*#lead d_head"], k_rot: Float[Tensor, "*#lead d_head"]) -> BandScores:
    """The score of one query against one key, band by band; the cosine of a band with a zero vector is 0."""
    q, k = bands(q_rot), bands(k_rot)
    dot = (q * k).sum(-1)
    q_norm, k_norm = q.norm(dim=-1), k.norm(dim=-1)
    product = q_norm * k_norm
    cosine = torch.where(product > 0, dot / product.clamp_min(torch.finfo(dot.dtype).tiny), torch.zeros_like(dot))
    return BandScores(q_norm, k_norm, cosine.clamp(-1, 1), dot / math.sqrt(q_rot.shape[-1]))
