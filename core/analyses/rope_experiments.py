"""What does position do to a prediction? RoPE removed, or given the rotations of another residue."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.alphabet import BOS, residue_position
from core.analyses.reading import read
from core.arrays import as_array
from core.components import heads_of_layers
from core.interventions import Condition, Head, PatchActivation, RemoveRope, Scope, Side, Source, SwapRope
from core.metrics import Target, rescue
from core.model import Model
from core.progress import SILENT, Progress
from core.rope import rotate
from core.run import Keep, run


def rope_removal(
    model: Model,
    tokens: Int[Tensor, " pos"],
    *,
    scope: Scope = "mask",
    side: Side = "qk",
    target: Target = Target(),
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """The target at the first mask with no rotation at `scope` in one layer at a time, then in all: layers, gap, logit.

    The first row has all rotations. Source: Jedryszek & Crook 2026, Methods, "RoPE ablation".
    """
    n_layers = model.shape.n_layers
    chosen = {"none": []} | {f"L{layer + 1}": [layer] for layer in range(n_layers)} | {"all": range(n_layers)}
    conditions = [
        tuple(RemoveRope(head, scope, side) for head in heads_of_layers(model.shape, layers))
        for layers in chosen.values()
    ]
    found = read(model, tokens, conditions, target=target, progress=progress)
    return pd.DataFrame({"layers": list(chosen), "gap": found.gap, "logit": found.logit})


def swap(heads: Sequence[Head], residue: int = 0) -> Condition:
    """The mask's queries of `heads` rotated as residue `residue` (0-based) would rotate them."""
    return tuple(SwapRope(head, "mask", residue) for head in heads)


GapsOf = Callable[[tuple[Head, ...], Sequence[Head]], Float[np.ndarray, "proteins candidates"]]
"""(chosen, candidates) -> the gap of every protein when the chosen heads and one candidate are swapped."""


def greedy_swap(
    gaps_of: GapsOf, given: Sequence[Head], candidates: Sequence[Head], steps: int, *, enough: float = np.inf
) -> tuple[Head, ...]:
    """The heads whose swapped rotations rescue the prediction most, found one by one.

    Each step keeps the candidate with the largest mean gap over the proteins, `given` and all earlier ones swapped
    too; it stops early when no candidate raises that mean, or when that mean has reached `enough` logits. The rescue
    is the mean gap on another scale, so both choose alike. Source: Jedryszek & Crook 2026, Methods, "RoPE swapping";
    its table starts with the readout head given.
    """
    chosen, left = tuple(given), [head for head in candidates if head not in given]
    best = -np.inf
    while left and len(chosen) < len(given) + steps and best < enough:
        means = gaps_of(chosen, left).mean(0)
        if means.max() <= best:
            break
        best = means.max()
        chosen += (left.pop(int(means.argmax())),)
    return chosen[len(given) :]


EVERY_HEAD: Final = "every head's rotation"
PATCH_SETS: Final = (
    "clean",
    "corrupted",
    "readout's full q",
    "readout's q content",
    "readout's rotation",
    "key heads' and readout's rotations",
    "key heads' whole layers' and readout's rotations",
    EVERY_HEAD,
)


def patch_sets(
    model: Model,
    clean: Int[Tensor, " clean_pos"],
    corrupted: Int[Tensor, " pos"],
    readout: Head,
    key_heads: Sequence[Head],
    *,
    target: Target = Target(),
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """How much of the clean gap comes back with the readout head's query, its rotation, or its suppliers' rotations.

    One row for each of `PATCH_SETS`, columns condition, gap, rescue (%). Rotations are those of the clean run's masked
    residue. Source: Jedryszek & Crook 2026, Extended Data Table 3, and Figure 14 for every head at once.
    """
    source, residue = Source(tuple(clean.tolist())), residue_position(clean, None) - 1
    layers = sorted({head.layer for head in key_heads})
    around = dict.fromkeys((*heads_of_layers(model.shape, layers), readout))
    conditions: list[Condition] = [
        (),
        (PatchActivation("q_rot", readout.layer, source, readout.index),),
        (PatchActivation("q", readout.layer, source, readout.index),),
        swap([readout], residue),
        swap([*key_heads, readout], residue),
        swap(tuple(around), residue),
        swap(heads_of_layers(model.shape, range(model.shape.n_layers)), residue),
    ]
    at_mask = target.at_mask  # each run is read at its own mask
    clean_gap = read(model, clean, [()], target=at_mask).gap
    gaps = np.concatenate([clean_gap, read(model, corrupted, conditions, target=at_mask, progress=progress).gap])
    return pd.DataFrame({"condition": PATCH_SETS, "gap": gaps, "rescue": rescue(gaps, gaps[1], gaps[0])})


@dataclass(frozen=True, slots=True, eq=False)
class BosAttentionByCause:
    """Each head's attention from the mask to BOS, in the two runs and with one cause of the difference at a time."""

    clean: Float[np.ndarray, "n_layers n_heads"]
    internal: Float[np.ndarray, "n_layers n_heads"]
    rotation: Float[np.ndarray, "n_layers n_heads"]
    """The internal run's query content, rotated as in the clean run."""
    content: Float[np.ndarray, "n_layers n_heads"]
    """The clean run's query content, rotated as in the internal run."""


def bos_attention_by_cause(
    model: Model, clean: Int[Tensor, " clean_pos"], internal: Int[Tensor, " pos"]
) -> BosAttentionByCause:
    """Is it the rotation or the query's content that makes a head look at BOS from the clean run's mask?

    Keys are the internal run's throughout, so that rotation alone and content alone change the query and nothing else.
    A cause explains (its attention - internal) / (clean - internal). Source: Jedryszek & Crook 2026, Figure 4E, F.
    """
    at_clean, at_internal = residue_position(clean, None), residue_position(internal, None)
    bos = int(torch.nonzero(internal == BOS)[0])
    keep = Keep.of("q", "k_rot", "pattern")
    clean_run, internal_run = run(model, clean, keep=keep), run(model, internal, keep=keep)
    by_layer: list[tuple[np.ndarray, ...]] = []
    for layer in range(model.shape.n_layers):
        keys, inv_freq = internal_run["k_rot", layer][0], model.layers[layer].inv_freq
        q_clean = clean_run["q", layer][0, :, at_clean]
        q_internal = internal_run["q", layer][0, :, at_internal]
        causes = (
            clean_run["pattern", layer][0, :, at_clean, bos],
            internal_run["pattern", layer][0, :, at_internal, bos],
            _pattern(q_internal, at_clean, keys, inv_freq)[:, bos],
            _pattern(q_clean, at_internal, keys, inv_freq)[:, bos],
        )
        by_layer.append(tuple(as_array(attention) for attention in causes))
    return BosAttentionByCause(*(np.stack(arrays) for arrays in zip(*by_layer, strict=True)))


def _pattern(
    q: Float[Tensor, "n_heads d_head"],
    position: int,
    k_rot: Float[Tensor, "n_heads pos d_head"],
    inv_freq: Float[Tensor, " n_bands"],
) -> Float[Tensor, "n_heads pos"]:
    """Attention of one query per head, as if it stood at `position`."""
    turned = rotate(q[None, :, None], inv_freq.new_full((1,), position), inv_freq)[0]
    return (turned @ k_rot.transpose(-1, -2) / q.shape[-1] ** 0.5)[:, 0].softmax(-1)
