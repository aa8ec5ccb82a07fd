"""What does one run show? Everything that the Explore page draws of a condition, read off in a single pass."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from core.alphabet import BOS
from core.contacts import ContactAccumulator
from core.errors import InputError
from core.interventions import Condition, Head
from core.model import Model
from core.rope import band_scores, wavelengths
from core.run import run, stream


@dataclass(frozen=True, slots=True, eq=False)
class RunView:
    """One run of one protein, as small arrays; `head` is the head whose details were kept."""

    head: Head
    logits: Float[np.ndarray, " vocab"]
    """At the residue that is read."""
    bos_attention: Float[np.ndarray, "n_layers n_heads pos"]
    """Every head's attention from each query position to BOS."""
    pattern: Float[np.ndarray, "pos pos"]
    """The kept head's whole pattern, queries down, keys across."""
    q_rot: Float[np.ndarray, "pos d_head"]
    k_rot: Float[np.ndarray, "pos d_head"]
    inv_freq: Float[np.ndarray, " n_bands"]
    contact_head: Float[np.ndarray, "residue residue"] | None
    """Contact probabilities of the model's own contact head; None when it has none."""
    head_map: Float[np.ndarray, "residue residue"]
    """The kept head's symmetrised and corrected map."""

    def attention_from(self, residue: int) -> Float[np.ndarray, " residue"]:
        """How much the kept head attends from one residue (0-based) to each."""
        return self.pattern[residue + 1, 1:-1]

    def attention_to(self, residue: int) -> Float[np.ndarray, " residue"]:
        """How much the kept head attends from each residue to one (0-based)."""
        return self.pattern[1:-1, residue + 1]


def view_run(
    model: Model,
    tokens: Int[torch.Tensor, " pos"],
    condition: Condition,
    *,
    residue: int,
    head: Head,
) -> RunView:
    """One pass of `tokens` under `condition`, read at `residue` and at `head`.

    Raises `InputError` for a residue or head that isn't there.
    """
    n_layers, n_heads = model.shape.n_layers, model.shape.n_heads
    if head.layer >= n_layers or head.index >= n_heads:
        raise InputError(f"{head} does not exist: {model.name} has {n_layers} layers of {n_heads} heads")
    if not 0 <= residue < len(tokens) - 2:
        raise InputError(f"residue {residue + 1} is outside the sequence: it has residues 1 to {len(tokens) - 2}")
    bos_attention = np.empty((n_layers, n_heads, len(tokens)), np.float32)
    contacts = ContactAccumulator(model, len(tokens) - 2, (head,))
    kept: dict[str, np.ndarray] = {}
    for computed in stream(model, tokens, (condition,)):
        assert computed.pattern is not None
        bos_attention[computed.layer] = computed.pattern[0, :, :, BOS].float().numpy(force=True)
        contacts.add(computed.layer, computed.pattern[0])
        if computed.layer == head.layer:
            for site in ("pattern", "q_rot", "k_rot"):
                kept[site] = getattr(computed, site)[0, head.index].float().numpy(force=True)
    # logits from `run`, whose fused attention rounds another way: a person who calls it gets these very numbers
    logits = run(model, tokens, (condition,)).logits[0, residue + 1]
    return RunView(
        head=head,
        logits=logits.float().numpy(force=True),
        bos_attention=bos_attention,
        inv_freq=model.layers[head.layer].inv_freq.float().numpy(force=True),
        contact_head=contacts.contact_head(),
        head_map=contacts.heads_map(),
        **kept,
    )


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
