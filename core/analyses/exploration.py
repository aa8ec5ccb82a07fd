"""What does one run show? Everything that the Explore page draws of a condition, read off in two passes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.alphabet import BOS
from core.contacts import ContactAccumulator, mean_corrected
from core.errors import InputError
from core.interventions import Condition, Head
from core.model import Model
from core.rope import band_scores, wavelengths
from core.run import run, stream

MOST_KEPT: Final = 32 * 2**20
"""Bytes that the patterns of one run may take: longer proteins keep those of the heads that are asked for."""


@dataclass(frozen=True, slots=True, eq=False)
class RunView:
    """One run of one protein, as small arrays; `head` is the head whose details are shown."""

    head: Head
    logits: Float[np.ndarray, " vocab"]
    """At the residue that is read."""
    bos_attention: Float[np.ndarray, "n_layers n_heads pos"]
    """Every head's attention from each query position to BOS."""
    pattern: Float[np.ndarray, "pos pos"]
    """The head's whole pattern, queries down, keys across."""
    q_rot: Float[np.ndarray, "pos d_head"]
    k_rot: Float[np.ndarray, "pos d_head"]
    inv_freq: Float[np.ndarray, " n_bands"]
    contact_head: Float[np.ndarray, "residue residue"] | None
    """Contact probabilities of the model's own contact head; None when it has none."""
    head_map: Float[np.ndarray, "residue residue"]
    """The head's symmetrised and corrected map."""

    def attention_from(self, residue: int) -> Float[np.ndarray, " residue"]:
        """How much the head attends from one residue (0-based) to each."""
        return self.pattern[residue + 1, 1:-1]

    def attention_to(self, residue: int) -> Float[np.ndarray, " residue"]:
        """How much the head attends from each residue to one (0-based)."""
        return self.pattern[1:-1, residue + 1]


@dataclass(frozen=True, slots=True, eq=False)
class RunAttention:
    """Attention in one run of one protein: what is shown of any head in `heads` is read off it without another pass."""

    heads: tuple[Head, ...]
    bos_attention: Float[np.ndarray, "n_layers n_heads pos"]
    contact_head: Float[np.ndarray, "residue residue"] | None
    pattern: Float[np.ndarray, "head pos pos"]
    q_rot: Float[np.ndarray, "head pos d_head"]
    k_rot: Float[np.ndarray, "head pos d_head"]
    inv_freq: Float[np.ndarray, "n_layers n_bands"]

    def view(self, head: Head, logits: Float[np.ndarray, " vocab"]) -> RunView:
        """The run with one of its heads looked at, and the logits of the residue that is read."""
        at = self.heads.index(head)
        return RunView(
            head=head,
            logits=logits,
            bos_attention=self.bos_attention,
            pattern=self.pattern[at],
            q_rot=self.q_rot[at],
            k_rot=self.k_rot[at],
            inv_freq=self.inv_freq[head.layer],
            contact_head=self.contact_head,
            head_map=self.heads_map((head,)),
        )

    def heads_map(self, heads: Sequence[Head]) -> Float[np.ndarray, "residue residue"]:
        """The mean of some of the heads' symmetrised and corrected maps."""
        chosen = self.pattern[[self.heads.index(head) for head in heads]]
        return mean_corrected(torch.from_numpy(chosen)).numpy()


def heads_to_keep(model: Model, n_pos: int, looked_at: Sequence[Head]) -> tuple[Head, ...]:
    """Every head where all their patterns are few enough to keep, else those that are looked at."""
    n_layers, n_heads = model.shape.n_layers, model.shape.n_heads
    every = tuple(Head(layer, index) for layer in range(n_layers) for index in range(n_heads))
    return every if 4 * len(every) * n_pos**2 <= MOST_KEPT else tuple(looked_at)


def run_attention(
    model: Model, tokens: Int[Tensor, " pos"], condition: Condition, heads: Sequence[Head]
) -> RunAttention:
    """One pass of `tokens` under `condition`; `InputError` for a head that isn't there."""
    shape, n_pos = model.shape, len(tokens)
    for head in heads:
        if head.layer >= shape.n_layers or head.index >= shape.n_heads:
            raise InputError(
                f"{head} does not exist: {model.name} has {shape.n_layers} layers of {shape.n_heads} heads"
            )
    bos_attention = np.empty((shape.n_layers, shape.n_heads, n_pos), np.float32)
    pattern = np.empty((len(heads), n_pos, n_pos), np.float32)
    q_rot, k_rot = np.empty((2, len(heads), n_pos, shape.d_head), np.float32)
    contacts = ContactAccumulator(model, n_pos - 2)
    for computed in stream(model, tokens, (condition,)):
        assert computed.pattern is not None
        bos_attention[computed.layer] = computed.pattern[0, :, :, BOS].float().numpy(force=True)
        contacts.add(computed.layer, computed.pattern[0])
        rows = [row for row, head in enumerate(heads) if head.layer == computed.layer]
        chosen = [heads[row].index for row in rows]
        for kept, site in ((pattern, computed.pattern), (q_rot, computed.q_rot), (k_rot, computed.k_rot)):
            assert site is not None
            kept[rows] = site[0, chosen].float().numpy(force=True)
    return RunAttention(
        heads=tuple(heads),
        bos_attention=bos_attention,
        contact_head=contacts.contact_head(),
        pattern=pattern,
        q_rot=q_rot,
        k_rot=k_rot,
        inv_freq=np.stack([layer.inv_freq.float().numpy(force=True) for layer in model.layers]),
    )


def view_run(
    model: Model,
    tokens: Int[Tensor, " pos"],
    condition: Condition,
    *,
    residue: int,
    head: Head,
) -> RunView:
    """`tokens` under `condition`, read at `residue` and at `head`.

    Raises `InputError` for a residue or head that isn't there.
    """
    if not 0 <= residue < len(tokens) - 2:
        raise InputError(f"residue {residue + 1} is outside the sequence: it has residues 1 to {len(tokens) - 2}")
    logits = run_logits(model, tokens, condition)[residue + 1]
    return run_attention(model, tokens, condition, (head,)).view(head, logits)


def run_logits(model: Model, tokens: Int[Tensor, " pos"], condition: Condition) -> Float[np.ndarray, "pos vocab"]:
    """Logits at every position: `run`'s own, whose fused attention rounds otherwise than what keeps patterns."""
    return run(model, tokens, (condition,)).logits[0].float().numpy(force=True)


@dataclass(frozen=True, slots=True, eq=False)
class BandView:
    """One score of the kept head by RoPE band, for one query and one key position."""

    wavelengths: Float[np.ndarray, " n_bands"]
    q_norm: Float[np.ndarray, " n_bands"]
    k_norm: Float[np.ndarray, " n_bands"]
    cosine: Float[np.ndarray, " n_bands"]
    contribution: Float[np.ndarray, " n_bands"]
    score: float
    attention: float


def band_view(view: RunView, query: int, key: int) -> BandView:
    """The score from position `query` to position `key` (BOS is 0, residues follow) taken apart by band."""
    parts = band_scores(torch.from_numpy(view.q_rot[query]), torch.from_numpy(view.k_rot[key]))
    return BandView(
        wavelengths(torch.from_numpy(view.inv_freq)).numpy(),
        parts.q_norm.numpy(),
        parts.k_norm.numpy(),
        parts.cosine.numpy(),
        parts.contribution.numpy(),
        float(parts.contribution.sum()),
        float(view.pattern[query, key]),
    )
