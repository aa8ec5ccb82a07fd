"""Numbers read off logits at a masked residue: probabilities, the target gap (M-gap), rank, KL, rescue."""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.alphabet import AMINO_ACID_IDS, TOKENS, token_id

Among = Literal["amino acids", "vocabulary"]
"""What a target competes with: the other 19 amino acids, or all other 32 tokens."""


def _columns(among: Among) -> list[int]:
    return list(AMINO_ACID_IDS) if among == "amino acids" else list(range(len(TOKENS)))


def target_gap(
    logits: Float[Tensor, "*lead vocab"], target: str, among: Among = "amino acids"
) -> Float[Tensor, "*lead"]:
    """The target's logit minus the largest other logit: positive exactly when the target ranks first.

    The M-gap of Jedryszek and Crook (2026) when the target is M at a masked residue 1.
    """
    chosen = token_id(target)
    others = [column for column in _columns(among) if column != chosen]
    return logits[..., chosen] - logits[..., others].amax(-1)


def rank(logits: Float[Tensor, "*lead vocab"], target: str, among: Among = "amino acids") -> Int[Tensor, "*lead"]:
    """The target's place among its competitors, 1 for the largest logit."""
    return (logits[..., _columns(among)] > logits[..., [token_id(target)]]).sum(-1) + 1


def probabilities(logits: Float[Tensor, "*lead vocab"], among: Among = "vocabulary") -> Float[Tensor, "*lead column"]:
    """Softmax over the whole vocabulary, or over the twenty amino acids alone (in the order of AMINO_ACIDS)."""
    return logits[..., _columns(among)].softmax(-1)


def kl(clean: Float[Tensor, "*lead vocab"], edited: Float[Tensor, "*lead vocab"]) -> Float[Tensor, "*lead"]:
    """KL(clean || edited) over the vocabulary, in nats."""
    log_clean, log_edited = clean.log_softmax(-1), edited.log_softmax(-1)
    return (log_clean.exp() * (log_clean - log_edited)).sum(-1)


def rescue(
    patched: Float[Tensor, "*lead"], corrupted: Float[Tensor, "*lead"], clean: Float[Tensor, "*lead"]
) -> Float[Tensor, "*lead"]:
    """(patched - corrupted) / (clean - corrupted) x 100: 100% when a patch brings all of the clean gap back."""
    return torch.where(clean == corrupted, torch.nan, (patched - corrupted) / (clean - corrupted) * 100)
