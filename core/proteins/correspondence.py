"""Which residue of one protein stands where a residue of another does?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from core.errors import InputError
from core.proteins.relatives import ALIGNMENT_SAID, significant_alignment


@dataclass(frozen=True, slots=True, eq=False)
class Correspondence:
    """Pairs of residues (0-based, ascending), one of each protein, and how they were found, for people."""

    first: Int[np.ndarray, " pair"]
    second: Int[np.ndarray, " pair"]
    said: str

    @property
    def swapped(self) -> "Correspondence":
        """The same pairs seen from the second protein."""
        return Correspondence(self.second, self.first, self.said)

    def of(self, residues: Sequence[int]) -> tuple[int, ...]:
        """The second protein's residues for some of the first's, those left out that have none."""
        at = dict(zip(self.first.tolist(), self.second.tolist(), strict=True))
        return tuple(at[residue] for residue in residues if residue in at)


def correspondence(one: str, two: str) -> Correspondence:
    """The residues of two sequences that stand for one another.

    Sequences of one length correspond position by position, others where their local alignment pairs them. Raises
    `InputError` for lengths that differ without a significant alignment.
    """
    if len(one) == len(two):
        places = np.arange(len(one))
        same = sum(a == b for a, b in zip(one, two, strict=True))
        letters = "all the same" if same == len(one) else f"{same} with the same letter"
        return Correspondence(places, places, f"position by position, {len(one)} residues, {letters}")
    alignment = significant_alignment(one, two)
    if alignment is None:
        raise InputError(
            f"proteins of {len(one)} and {len(two)} residues correspond through {ALIGNMENT_SAID}, and these have none"
        )
    first, second = (np.concatenate([np.arange(*block) for block in blocks]) for blocks in alignment.aligned)
    same = alignment.counts().identities / len(first)
    said = f"through {ALIGNMENT_SAID}: {len(first)} of {len(one)} and {len(two)} residues"
    return Correspondence(first, second, f"{said}, {same:.0%} of them with the same letter")
