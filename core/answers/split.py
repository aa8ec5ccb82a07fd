"""Chosen on some, judged on others: so that no number is flattered by the search that found what it is of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from core.answers.intervals import between
from core.answers.subjects import protein_of
from core.answers.words import counted, percent
from core.bootstrap import LEAST, Interval, intervals_of


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
        return self.of("sequence")

    def of(self, what: str) -> str:
        """The same where `what` is counted."""
        if self.is_shared:
            return f"chosen and judged on the same {counted(len(self.judging), what)}"
        return f"chosen on {counted(len(self.choosing), what)}, judged on {len(self.judging)} others"


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


@dataclass(frozen=True, slots=True, eq=False)
class Largest:
    """The largest of several shares: which one it is was chosen on half of the sequences, its size is the others'."""

    index: int
    of: int
    """How many were compared."""
    share: float
    interval: Interval
    split: Split
    what: str
    """That are halved: "sequence", or "mask"."""

    def __str__(self) -> str:
        """In words: 62% (50 to 70%), the most of 8 (chosen on 10 sequences, judged on 11 others)."""
        ends = self.interval and (100 * self.interval[0], 100 * self.interval[1])
        return f"{percent(self.share)}{between(ends, '%', 0)}, the most of {self.of} ({self.split.of(self.what)})"


def largest(
    shares: Callable[[np.ndarray], np.ndarray],
    measured: Float[np.ndarray, "sequence ..."],
    sequences: Mapping[str, str],
    *,
    what: str = "sequence",
) -> Largest:
    """The largest of `shares`(mean over sequences), which takes and gives arrays with or without a row per draw.

    `measured` has a row, or a table, per sequence, in the order of `sequences`.
    """
    halves = split(sequences)
    chooses, judges = (np.isin(list(sequences), list(half)) for half in (halves.choosing, halves.judging))
    found, proteins = shares(measured[chooses].mean(0)), map(protein_of, halves.judging.values())
    index = int(found.argmax())
    ends = intervals_of(lambda mean: shares(mean)[..., index], proteins, measured[judges])
    share = float(shares(measured[judges].mean(0))[index])
    return Largest(index, len(found), share, None if ends is None else (float(ends[0]), float(ends[1])), halves, what)
