"""Which proteins belong to families that a model was trained on? By alignment with members of each family."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from Bio.Align import PairwiseAligner, substitution_matrices

RELATED: Final = 80.0
"""Mean local-alignment score (BLOSUM62, gaps 12 + 1) with a family's members above which a protein belongs to it.

Members of the embedded model's families reach 100 to 470, unrelated structures at most 52."""
N_MEMBERS: Final = 20
"""Members of each family that a protein is aligned with."""


def relatives(proteins: Mapping[str, str], families: Mapping[str, Sequence[str]], seed: int = 0) -> dict[str, str]:
    """The family of each protein that belongs to one; sequences by name, and members of each family by its name."""
    aligner = PairwiseAligner(mode="local", open_gap_score=-12.0, extend_gap_score=-1.0)
    aligner.substitution_matrix = substitution_matrices.load("BLOSUM62")
    rng = np.random.default_rng(seed)
    chosen = {
        family: [members[index] for index in rng.choice(len(members), N_MEMBERS)]
        for family, members in families.items()
    }
    found: dict[str, str] = {}
    for name, sequence in proteins.items():
        sequence = sequence.replace("U", "C").replace("O", "K")  # BLOSUM62 lacks the two rare amino acids
        for family, members in chosen.items():
            if np.mean([aligner.score(sequence, member) for member in members]) > RELATED:
                found[name] = family
    return found
