"""The sequences that an experiment is run over: known proteins, and controls made from a seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np

from core.alphabet import AMINO_ACIDS
from core.errors import InputError

Group = Literal["known", "shuffled", "random", "diagnostic"]
GROUPS: Final[tuple[Group, ...]] = get_args(Group)

RANDOM_LENGTHS: Final = (15, 45)
"""Shortest and longest random string, in residues."""

DIAGNOSTICS: Final = {
    **{f"poly-{letter}": letter * 20 for letter in "AGLSEK"},
    "short": "MKTAY",
    "M-rich": "MMKMMAMMGMMLMMSMMEMM",
}
"""Eight made-up sequences in which context speaks strongly, hardly at all, or for M."""


@dataclass(frozen=True, slots=True)
class EvaluationSequence:
    """One sequence of a set, and which kind it is."""

    name: str
    sequence: str
    group: Group


def evaluation_set(
    known: Sequence[tuple[str, str]], *, seed: int = 0, n_random: int = 15
) -> tuple[EvaluationSequence, ...]:
    """The paper's four groups around any known proteins: these, a shuffle of each, random strings, diagnostics.

    `known` holds (name, sequence) pairs; with 20 of them the set has the paper's 63 sequences (20 known, 20 shuffled
    with the composition kept, 15 uniformly random of 15 to 45 residues, 8 diagnostics). Every control depends on
    the seed and its own index only, so a longer list of proteins changes none of the others. The paper doesn't list
    its diagnostics; these are ours. Source: Jedryszek & Crook 2026, Methods, "Model and sequence data".

    Raises `InputError` when `known` is empty.
    """
    if not known:
        raise InputError("the set needs at least one protein: none was given")
    members = [EvaluationSequence(name, sequence, "known") for name, sequence in known]
    for index, (name, sequence) in enumerate(known):
        shuffle = shuffled(sequence, np.random.default_rng((seed, 1, index)))
        members.append(EvaluationSequence(f"{name} shuffled", shuffle, "shuffled"))
    for index in range(n_random):
        string = random_sequence(np.random.default_rng((seed, 2, index)))
        members.append(EvaluationSequence(f"random {index + 1}", string, "random"))
    members += [EvaluationSequence(name, sequence, "diagnostic") for name, sequence in DIAGNOSTICS.items()]
    return tuple(members)


def shuffled(sequence: str, rng: np.random.Generator) -> str:
    """The same residues in a random order."""
    return "".join(rng.permutation(list(sequence)))


def random_sequence(rng: np.random.Generator) -> str:
    """A string of `RANDOM_LENGTHS` residues, length and letters drawn uniformly."""
    shortest, longest = RANDOM_LENGTHS
    return "".join(rng.choice(list(AMINO_ACIDS), size=rng.integers(shortest, longest, endpoint=True)))
