"""Numbers read off logits at a masked residue: probabilities, the target gap (M-gap), rank, rescue."""

from dataclasses import dataclass, replace
from typing import Any, Literal

from jaxtyping import Float, Int
from torch import Tensor

from core.alphabet import AMINO_ACID_IDS, residue_position, token_id

Among = Literal["amino acids", "vocabulary"]
"""What a target competes with: the other 19 amino acids, or all other tokens that have a logit."""


def _columns(among: Among, logits: Float[Tensor, "*lead vocab"]) -> list[int]:
    return list(AMINO_ACID_IDS) if among == "amino acids" else list(range(logits.shape[-1]))


@dataclass(frozen=True, slots=True)
class Target:
    """The prediction that is followed: an amino acid, where, and what it competes with."""

    letter: str = "M"
    residue: int | None = None
    """0-based; the first masked one of the tokens at hand when None."""
    among: Among = "amino acids"

    @property
    def at_mask(self) -> "Target":
        """The same letter at whichever residue is masked, for runs that are masked at different places."""
        return replace(self, residue=None)

    def position(self, tokens: Int[Tensor, " pos"]) -> int:
        """Where it is read; raises `InputError` when nothing is masked and no residue named, or it is outside."""
        return residue_position(tokens, self.residue)

    def logit(self, logits: Float[Tensor, "*lead vocab"]) -> Float[Tensor, "*lead"]:
        """The letter's own logit."""
        return logits[..., token_id(self.letter)]

    def gap(self, logits: Float[Tensor, "*lead vocab"]) -> Float[Tensor, "*lead"]:
        """The letter's logit minus its strongest competitor's."""
        return target_gap(logits, self.letter, self.among)

    def rank(self, logits: Float[Tensor, "*lead vocab"]) -> Int[Tensor, "*lead"]:
        """The letter's place among its competitors."""
        return rank(logits, self.letter, self.among)


def target_gap(
    logits: Float[Tensor, "*lead vocab"], target: str, among: Among = "amino acids"
) -> Float[Tensor, "*lead"]:
    """The target's logit minus the largest other logit: positive exactly when the target ranks first.

    The M-gap of Jedryszek and Crook (2026) when the target is M at a masked residue 1.
    """
    chosen = token_id(target)
    others = [column for column in _columns(among, logits) if column != chosen]
    return logits[..., chosen] - logits[..., others].amax(-1)


def rank(logits: Float[Tensor, "*lead vocab"], target: str, among: Among = "amino acids") -> Int[Tensor, "*lead"]:
    """The target's place among its competitors, 1 for the largest logit."""
    return (logits[..., _columns(among, logits)] > logits[..., [token_id(target)]]).sum(-1) + 1


def probabilities(logits: Float[Tensor, "*lead vocab"], among: Among = "vocabulary") -> Float[Tensor, "*lead column"]:
    """Softmax over the whole vocabulary, or over the twenty amino acids alone (in the order of AMINO_ACIDS)."""
    return logits[..., _columns(among, logits)].softmax(-1)


def rescue(patched: Any, corrupted: Any, clean: Any) -> Any:
    """Of the gap between two runs, how much a patch brings back, in %: 100 is all, more overshoots.

    Numbers, arrays or columns of gaps in logits; where there are several proteins, of their mean gaps, since one
    protein's own can divide by next to nothing. Source: Jedryszek & Crook 2026, Methods, "Evaluation metrics".
    """
    return 100 * (patched - corrupted) / (clean - corrupted)
