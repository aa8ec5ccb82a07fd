"""What is measured on: a sequence with the target's residue masked, or with an internal one masked instead."""

from collections.abc import Mapping
from dataclasses import dataclass

from jaxtyping import Int
from torch import Tensor

from core.alphabet import tokenize
from core.errors import InputError
from core.metrics import Target

INTERNAL = 10
"""The internal residue (0-based) that the paper compares with the first one."""


def masked(sequence: str, target: Target) -> Int[Tensor, " pos"]:
    """The tokens with the target's residue masked; `InputError` when the sequence doesn't have it."""
    assert target.residue is not None, "an answer's target names its residue"
    return tokenize(sequence, [target.residue])


@dataclass(frozen=True, slots=True)
class TwoMasks:
    """A sequence, the residue (0-based) that is masked in its clean run, and the one masked instead in the other."""

    sequence: str
    first: int
    inside: int

    @property
    def clean(self) -> Int[Tensor, " pos"]:
        """The tokens with the first of the two masked; `InputError` when the sequence is too short to have it."""
        return tokenize(self.sequence, [self.first])

    @property
    def internal(self) -> Int[Tensor, " pos"]:
        """The tokens with the internal residue masked; `InputError` when it is the other one, or isn't there."""
        if self.inside == self.first:
            raise InputError(f"residue {self.inside + 1} is the masked one: the internal residue must be another")
        return tokenize(self.sequence, [self.inside])


def two_masks(sequences: Mapping[str, str], target: Target, inside: int = INTERNAL) -> dict[str, TwoMasks]:
    """Every sequence with the target's residue and one internal residue to compare."""
    assert target.residue is not None, "an answer's target names its residue"
    return {name: TwoMasks(sequence, target.residue, inside) for name, sequence in sequences.items()}
