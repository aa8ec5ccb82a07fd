"""Which residues does a family keep? Identity in global alignments with members of it (BLOSUM62, Biopython)."""

from collections.abc import Sequence

import numpy as np
from Bio.Align import PairwiseAligner, substitution_matrices
from jaxtyping import Float


def conservation(sequence: str, relatives: Sequence[str]) -> Float[np.ndarray, " residue"]:
    """The share of relatives with the same amino acid at each residue, aligned one by one (gaps 12 + 1, ends free)."""
    aligner = PairwiseAligner(mode="global", open_gap_score=-12.0, extend_gap_score=-1.0, end_gap_score=0.0)
    aligner.substitution_matrix = substitution_matrices.load("BLOSUM62")
    same = np.zeros(len(sequence))
    for relative in relatives:
        ours, theirs = aligner.align(_standard(sequence), _standard(relative))[0].aligned
        for (start, end), (other, _) in zip(ours, theirs, strict=True):
            same[start:end] += [sequence[start + step] == relative[other + step] for step in range(end - start)]
    return same / len(relatives)


def _standard(sequence: str) -> str:
    return sequence.replace("U", "C").replace("O", "K")  # BLOSUM62 lacks the two rare amino acids


def most_conserved(sequence: str, relatives: Sequence[str], share: float) -> tuple[int, ...]:
    """The residues (0-based, in order) that make up this share of the chain and that relatives keep most."""
    order = np.argsort(-conservation(sequence, relatives), kind="stable")
    return tuple(sorted(order[: round(share * len(sequence))].tolist()))
