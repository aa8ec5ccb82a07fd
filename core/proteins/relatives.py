"""Which proteins are relatives? Of families that a model was trained on, or of each other, by alignment."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from Bio.Align import Alignment, PairwiseAligner, substitution_matrices

RELATED: Final = 80.0
"""Mean local-alignment score (BLOSUM62, gaps 12 + 1) with a family's members above which a protein belongs to it.

Members of the embedded model's families reach 100 to 470, unrelated structures at most 52."""
N_MEMBERS: Final = 20
"""Members of each family that a protein is aligned with."""
KARLIN_LAMBDA: Final = 0.267
KARLIN_K: Final = 0.041
"""Of BLOSUM62 with gaps 11 + 1: E = K m n exp(-λ score) (Altschul and Gish 1996)."""
LARGEST_E: Final = 1e-3
LEAST_IDENTITY: Final = 0.3
LEAST_COVERAGE: Final = 0.5
ALIGNMENT_SAID: Final = f"a local alignment (BLOSUM62, gaps 11 + 1) with E ≤ {LARGEST_E:g}"
HOMOLOGY_SAID: Final = (
    f"{ALIGNMENT_SAID} over at least {LEAST_COVERAGE:.0%} of the "
    f"shorter sequence at {LEAST_IDENTITY:.0%} identity or more"
)


def relatives(proteins: Mapping[str, str], families: Mapping[str, Sequence[str]], seed: int = 0) -> dict[str, str]:
    """The family of each protein that belongs to one; sequences by name, and members of each family by its name."""
    aligner = _local_aligner(-12.0)
    rng = np.random.default_rng(seed)
    chosen = {
        family: [members[index] for index in rng.choice(len(members), N_MEMBERS)]
        for family, members in families.items()
    }
    found: dict[str, str] = {}
    for name, sequence in proteins.items():
        sequence = _tabulated(sequence)
        for family, members in chosen.items():
            if np.mean([aligner.score(sequence, member) for member in members]) > RELATED:
                found[name] = family
    return found


@dataclass(frozen=True, slots=True)
class Homologue:
    """The protein that another is most like, by their best local alignment."""

    name: str
    identity: float
    """Share of identical residues among the aligned pairs."""
    coverage: float
    """Aligned pairs as a share of the shorter sequence."""


def homologues(proteins: Mapping[str, str], others: Mapping[str, str]) -> dict[str, Homologue]:
    """For each protein that has one, the homologue among `others` with the highest identity; sequences by name.

    Much as MMseqs2 counts: a local alignment (BLOSUM62, gaps 11 + 1) with an E-value of at most 0.001 (Karlin and
    Altschul's, for the two lengths and all the others) that covers at least half of the shorter sequence at 30%
    identity or more.
    """
    found: dict[str, Homologue] = {}
    for name, sequence in proteins.items():
        for other_name, other in others.items():
            alignment = significant_alignment(sequence, other, len(others))
            if alignment is None:
                continue
            counts = alignment.counts()
            n_pairs = counts.identities + counts.mismatches
            here = Homologue(other_name, counts.identities / n_pairs, n_pairs / min(len(sequence), len(other)))
            if here.identity >= LEAST_IDENTITY and here.coverage >= LEAST_COVERAGE:
                found[name] = max(found.get(name, here), here, key=lambda each: each.identity)
    return found


def significant_alignment(one: str, two: str, n_others: int = 1) -> Alignment | None:
    """The best local alignment of two sequences, None where its E-value is above 0.001.

    BLOSUM62 with gaps 11 + 1, Karlin and Altschul's E-value for the two lengths and the `n_others` sequences searched.
    """
    aligner, one, two = _local_aligner(-11.0), _tabulated(one), _tabulated(two)
    n_places = len(one) * len(two) * n_others
    if KARLIN_K * n_places * math.exp(-KARLIN_LAMBDA * aligner.score(one, two)) > LARGEST_E:
        return None
    return aligner.align(one, two)[0]


def _local_aligner(gap: float) -> PairwiseAligner:
    aligner = PairwiseAligner(mode="local", open_gap_score=gap, extend_gap_score=-1.0)
    aligner.substitution_matrix = substitution_matrices.load("BLOSUM62")
    return aligner


def _tabulated(sequence: str) -> str:
    """BLOSUM62 lacks the two rare amino acids."""
    return sequence.replace("U", "C").replace("O", "K")
