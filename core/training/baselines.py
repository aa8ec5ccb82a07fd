"""What guessing without reading costs: the perplexities that a language model has to beat."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import Float

from core.alphabet import AMINO_ACIDS

PSEUDO_COUNTS: Final = 40.0
"""Residues' worth of the general composition that a protein's own one is mixed with."""


def composition(sequences: Sequence[str]) -> Float[np.ndarray, "20"]:
    """Shares of the amino acids, in the order of `AMINO_ACIDS`, none of them zero."""
    counts = 1.0 + sum((_counts(sequence) for sequence in sequences), start=np.zeros(len(AMINO_ACIDS)))
    return counts / counts.sum()


def unigram_perplexity(sequences: Sequence[str], shares: Float[np.ndarray, "20"]) -> float:
    """Perplexity of guessing every residue from one composition."""
    counts = sum((_counts(sequence) for sequence in sequences), start=np.zeros(len(AMINO_ACIDS)))
    return float(np.exp(-(counts * np.log(shares)).sum() / counts.sum()))


def position_free_perplexity(sequences: Sequence[str], shares: Float[np.ndarray, "20"]) -> float:
    """Perplexity of guessing every residue from the rest of its own protein, its order ignored.

    The rest's composition is mixed with `shares` as if 40 more residues had been seen.
    """
    total, n_residues = 0.0, 0.0
    for sequence in sequences:
        counts = _counts(sequence)
        seen = np.maximum(counts - 1, 0) + PSEUDO_COUNTS * shares
        total -= float((counts * np.log(seen / (counts.sum() - 1 + PSEUDO_COUNTS))).sum())
        n_residues += counts.sum()
    return float(np.exp(total / n_residues))


def _counts(sequence: str) -> Float[np.ndarray, "20"]:
    return np.array([sequence.count(letter) for letter in AMINO_ACIDS], dtype=float)
