"""Chosen on some, judged on others: so that no number is flattered by the search that found what it is of."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.answers.subjects import protein_of
from core.answers.words import counted
from core.bootstrap import LEAST


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """The sequences that heads or circuits are chosen on, and those that they are judged on."""

    choosing: Mapping[str, str]
    judging: Mapping[str, str]

    @property
    def is_shared(self) -> bool:
        """Whether there are too few sequences to tell both apart."""
        return not set(self.choosing).isdisjoint(self.judging)

    def __str__(self) -> str:
        """In words, to follow what was chosen."""
        if self.is_shared:
            return f"chosen and judged on the same {counted(len(self.judging), 'sequence')}"
        return f"chosen on {counted(len(self.choosing), 'sequence')}, judged on {len(self.judging)} others"


def split(sequences: Mapping[str, str], chosen_on: Mapping[str, str] | None = None) -> Split:
    """Every second protein chooses, the others judge; or, where `chosen_on` did choose, all but these judge.

    A protein and its shuffles stay together. With fewer than two times `LEAST` proteins (or none left to judge) all
    sequences do both.
    """
    proteins = list(dict.fromkeys(map(protein_of, sequences.values())))
    choosing = set(proteins[::2]) if chosen_on is None else set(map(protein_of, chosen_on.values()))
    judging = {name: each for name, each in sequences.items() if protein_of(each) not in choosing}
    if not judging or (chosen_on is None and len(proteins) < 2 * LEAST):
        return Split(sequences, sequences)
    if chosen_on is None:
        chosen_on = {name: each for name, each in sequences.items() if name not in judging}
    return Split(chosen_on, judging)
