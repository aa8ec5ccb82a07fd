"""What is measured on: a sequence with the target's residue masked, or with an internal one masked instead."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Int
from torch import Tensor

from core.alphabet import tokenize
from core.errors import InputError
from core.metrics import Target

INTERNAL: Final = 10
"""The internal residue (0-based) that the paper compares with the first one."""
INTERNAL_MASKS: Final = 5
"""How many internal masks of each sequence a rate is counted over: the paper's rates fit 57 times 5 (226 of 285 is its
0.793). Which five isn't said; here they are evenly spaced."""


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


def spaced(length: int, begin: int, count: int) -> list[int]:
    """At most `count` residues (0-based) of a sequence, evenly from `begin` to its end; none where it is shorter."""
    return np.linspace(begin, length - 1, min(count, length - begin)).astype(int).tolist() if begin < length else []


def several_masks(sequences: Mapping[str, str], target: Target, begin: int = INTERNAL) -> dict[str, TwoMasks]:
    """Every sequence with each of `INTERNAL_MASKS` internal residues to compare, from `begin` (0-based) to its end.

    One that ends before has `begin` alone, so that a survey leaves it out and says why.
    """
    return {
        f"{name}, residue {inside + 1}": pair
        for name, sequence in sequences.items()
        for inside in spaced(len(sequence), begin, INTERNAL_MASKS) or [begin]
        for pair in two_masks({name: sequence}, target, inside).values()
    }


def sequence_of(subject: str | TwoMasks) -> str:
    """The sequence that is measured on."""
    return subject if isinstance(subject, str) else subject.sequence


def protein_of(sequence: str) -> str:
    """What a protein shares with all of its shuffles: its residues in alphabetical order."""
    return "".join(sorted(sequence))


def with_proteins(table: pd.DataFrame, subjects: Mapping[str, str] | Mapping[str, TwoMasks]) -> pd.DataFrame:
    """A survey's table with each subject's protein, a number that its masks and its shuffles share."""
    numbers: dict[str, int] = {}
    of = {name: numbers.setdefault(protein_of(sequence_of(each)), len(numbers)) for name, each in subjects.items()}
    return table.assign(protein=table.subject.map(of).astype(int))
