"""Made-up proteins and their relatives."""

import numpy as np

from core.alphabet import AMINO_ACIDS


def random_protein(rng: np.random.Generator, length: int) -> str:
    return "".join(rng.choice(list(AMINO_ACIDS), size=length))


def mutated(rng: np.random.Generator, sequence: str, share: float) -> str:
    """`sequence` with about that share of its residues drawn anew."""
    return "".join(rng.choice(list(AMINO_ACIDS)) if rng.random() < share else letter for letter in sequence)
