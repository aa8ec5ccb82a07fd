"""The sequences in which the truth is known, and what each part of the calibration found in them."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from core.answers.calibration import Criterion
from core.answers.evidence import Chosen
from core.answers.survey import Survey
from core.proteins.conserved import most_conserved
from core.proteins.evaluation_sets import evaluation_set, random_sequence, shuffled
from core.training.families import FAMILIES, read_members, set_aside

JUDGED_FAMILIES: Final = ("Kunitz", "trypsin", "response regulator")
TUNED_ON: Final = 20
"""Held-out members of each family, the first in the order in which they were held out, that the thresholds were chosen
on: they judge nothing."""
CONSERVED_SHARE: Final = 1 / 3
N_RELATIVES: Final = 40
"""Trained members that say which residues a family keeps."""


@dataclass(frozen=True)
class Study:
    """Sequences of every part, and the criteria that parts add as they are measured."""

    survey: Survey
    known: Mapping[str, str]
    non_m_starters: Mapping[str, str]
    members: Mapping[str, Mapping[str, str]]
    """Held-out members by the name of their family."""
    conserved: Mapping[str, Mapping[str, Chosen]]
    """The same with their conserved residues."""
    n_random: int
    seed: int
    criteria: list[Criterion] = field(default_factory=list)

    @property
    def shuffled(self) -> dict[str, str]:
        """A shuffle of every family member, where there are any, or of every known protein."""
        members = {name: each for family in self.members.values() for name, each in family.items()}
        sequences = members or self.known
        return {
            f"{name} shuffled": shuffled(sequence, np.random.default_rng((self.seed, 1, zlib.crc32(sequence.encode()))))
            for name, sequence in sequences.items()
        }

    @property
    def random(self) -> dict[str, str]:
        """Random strings of 15 to 45 residues."""
        return {
            f"random {index + 1}": random_sequence(np.random.default_rng((self.seed, 2, index)))
            for index in range(self.n_random)
        }

    @property
    def first_residues(self) -> dict[str, dict[str, Chosen]]:
        """The first residue of known proteins, of shuffles of them, random strings, and proteins without M."""
        members = evaluation_set(list(self.known.items()), seed=self.seed, n_random=self.n_random)
        groups: dict[str, dict[str, Chosen]] = {}
        for member in members:
            if member.group != "diagnostic":
                groups.setdefault(member.group, {})[member.name] = Chosen(member.sequence, (0,))
        if self.non_m_starters:
            chosen = {name: Chosen(sequence, (0,)) for name, sequence in self.non_m_starters.items()}
            groups["first residue not M"] = chosen
        return groups


def held_out_members(
    path: Path, per_family: int, longest: int, seed: int = 0
) -> tuple[dict[str, dict[str, str]], dict[str, dict[str, Chosen]]]:
    """Held-out members of the judged families up to `longest` residues, by family, and their conserved third.

    `seed` is that of the training run, whose split this is. Raises `InputError` for what can't be read.
    """
    families = [family for family in FAMILIES if family.name in JUDGED_FAMILIES]
    members: dict[str, dict[str, str]] = {}
    conserved: dict[str, dict[str, Chosen]] = {}
    for family, sequences in read_members(path, families).items():
        held_out, others = set_aside(family, sequences, seed)
        judging = [sequence for sequence in held_out[TUNED_ON:] if len(sequence) <= longest][:per_family]
        members[family.name] = {f"{family.name} {number}": s for number, s in enumerate(judging, start=TUNED_ON + 1)}
        conserved[family.name] = {
            name: Chosen(sequence, most_conserved(sequence, others[:N_RELATIVES], CONSERVED_SHARE))
            for name, sequence in members[family.name].items()
        }
    return members, conserved
