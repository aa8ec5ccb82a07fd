"""All point mutants of a protein, run in batches: what does the model compute when one residue is another?

Mutants differ from the protein in one embedding. In the first layer that is one query, one key and one value in each
head, so its attention is computed once a residue instead of once a mutant.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.alphabet import MASK
from core.edits import Edits, LayerEdits
from core.forward import Start, embed, layer_norm, layers, project_heads
from core.interventions import Condition
from core.model import Model
from core.progress import SILENT, Progress
from core.rope import rotate
from core.run import rows_within, stream

IN_CACHE, ON_GPU = 20 * 2**20, 2**30
"""Bytes that the activations of one batch may take, by default: beyond a processor's cache batches get slower, and a
GPU stands idle between small ones."""

Read = Callable[[Float[Tensor, "rows pos d_model"]], Float[Tensor, "rows ..."]]
"""A batch's residual stream after the layer asked for -> what is wanted of it."""


@torch.inference_mode()
def mutant_responses(
    model: Model,
    tokens: Int[Tensor, " pos"],
    amino_acids: Sequence[int],
    read: Read,
    *,
    layer: int = -1,
    condition: Condition = (),
    progress: Progress = SILENT,
) -> Iterator[tuple[int, Float[Tensor, "mutants ..."]]]:
    """(residue, `read` of its mutants minus `read` of the protein), residue after residue, one row per token id.

    The row of the residue's own amino acid is zero and is not computed. `read` gets the residual stream after `layer`.
    A batch's activations fit what suits the model's device; `progress` hears of residues.
    """
    layer = layer % model.shape.n_layers
    tokens = tokens.to(model.device)
    n_residues = len(tokens) - 2
    shared = None if condition or (tokens == MASK).any() else _FirstLayer.of(model, tokens)
    memory_budget = IN_CACHE if model.device.type == "cpu" else ON_GPU
    per_batch = rows_within(model, len(tokens), memory_budget=memory_budget)
    at_once = max(1, per_batch // len(amino_acids))
    ids = torch.tensor(amino_acids, device=model.device)
    clean = read(_resid_post(model, tokens[None], [-1], layer, condition, None))

    for first in range(0, n_residues, at_once):
        residues = torch.arange(first, min(first + at_once, n_residues), device=model.device)
        mutated = residues.repeat_interleave(len(ids))
        rows = tokens.repeat(len(mutated), 1)
        rows[torch.arange(len(rows)), mutated + 1] = ids.repeat(len(residues))
        changed = (rows != tokens).any(1)
        response = clean.new_zeros(len(rows), *clean.shape[1:])
        found = []
        for part, at in zip(rows[changed].split(per_batch), mutated[changed].split(per_batch), strict=True):
            found.append(read(_resid_post(model, part, at.tolist(), layer, condition, shared)))
        response[changed] = torch.cat(found) - clean
        yield from zip(residues.tolist(), response.split(len(ids)), strict=True)
        progress.report(int(residues[-1]) + 1, n_residues)


@dataclass(frozen=True, slots=True, eq=False)
class _FirstLayer:
    """The first layer's attention in the unmutated protein: what every mutant shares but one row and one column."""

    model: Model
    q_rot: Float[Tensor, "1 n_heads pos d_head"]
    k_rot: Float[Tensor, "1 n_heads pos d_head"]
    v: Float[Tensor, "1 n_heads pos d_head"]

    @classmethod
    def of(cls, model: Model, tokens: Int[Tensor, " pos"]) -> "_FirstLayer":
        resid_pre = embed(model, tokens[None], _no_edits(model))
        return cls(model, *_q_k_v(model, resid_pre, torch.arange(len(tokens), device=model.device)))

    def z(self, resid_pre: Float[Tensor, "rows pos d_model"], residue: int) -> Float[Tensor, "rows n_heads pos d_head"]:
        """The heads' z in mutants of one residue.

        Every query spreads over the other keys as before; `share` is what the new key takes of it, and the new query
        is the only one asked from scratch.
        """
        at = torch.tensor([residue + 1], device=resid_pre.device)
        q, k, v = _q_k_v(self.model, resid_pre[:, at], at)

        def mixed(queries: Tensor) -> Tensor:
            queries = queries / math.sqrt(self.model.shape.d_head)
            others = (queries @ self.k_rot.transpose(-1, -2)).index_fill(-1, at, -torch.inf).float()
            new = (queries @ k.transpose(-1, -2)).float()
            share = torch.sigmoid(new - others.logsumexp(-1, keepdim=True)).to(v.dtype)
            return torch.lerp(others.softmax(-1).to(v.dtype) @ self.v, v, share)

        z = mixed(self.q_rot)
        z[:, :, at] = mixed(q)
        return z


def _q_k_v(
    model: Model, resid_pre: Float[Tensor, "rows pos d_model"], positions: Int[Tensor, " pos"]
) -> tuple[Tensor, Tensor, Tensor]:
    """The first layer's queries and keys after RoPE and its values, each rows x n_heads x pos x d_head."""
    weights = model.layers[0]
    normed = layer_norm(resid_pre, weights.attention_norm)
    projections = (weights.query, weights.query_norm), (weights.key, weights.key_norm), (weights.value, None)
    q, k, v = (project_heads(normed, projection, norm, model) for projection, norm in projections)
    positions = positions.to(weights.inv_freq.dtype)
    return rotate(q, positions, weights.inv_freq), rotate(k, positions, weights.inv_freq), v


def _resid_post(
    model: Model,
    rows: Int[Tensor, "rows pos"],
    mutated: Sequence[int],
    layer: int,
    condition: Condition,
    shared: _FirstLayer | None,
) -> Float[Tensor, "rows pos d_model"]:
    """The residual stream after a layer in rows whose mutated residues are listed in order."""
    if shared is None:
        computed = stream(model, rows, (condition,), patterns=False)
    else:
        resid_pre = embed(model, rows, _no_edits(model))
        residues, counts = torch.unique_consecutive(torch.tensor(mutated), return_counts=True)
        parts = zip(resid_pre.split(counts.tolist()), residues.tolist(), strict=True)
        start = Start(0, resid_pre, torch.cat([shared.z(part, residue) for part, residue in parts]))
        computed = layers(model, start, _no_edits(model))
    return next(activations.resid_post for activations in computed if activations.layer == layer)


def _no_edits(model: Model) -> Edits:
    return Edits(tuple(LayerEdits() for _ in range(model.shape.n_layers)))
