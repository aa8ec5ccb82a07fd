"""Contacts that no map can know, as the null of every contact score: a protein's own, moved along the chain."""

import zlib
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from core.proteins.contact_scores import Range, pairs_in_range

REPEATS: Final = 200
"""How often a protein's contacts are moved."""
SHARES: Final = (0.1, 0.9)
"""By how much of each diagonal, at least and at most: moved by less, a cluster would still lie on itself."""
MOVED_SAID: Final = (
    f"Chance heads and a map's own chance: each protein's contacts are moved along the chain by a random share of it, "
    f"{REPEATS} times, so that separations and clusters stay and the residues are others."
)


class MovedContacts:
    """The known pairs of one separation, and which of them are contacts when all are moved along the chain.

    Contacts stay on their diagonal, so at their separation, and go round on it by a share of its known pairs; those of
    neighbouring diagonals go together, so clusters such as a β-ladder's stay.
    """

    def __init__(
        self,
        contacts: Bool[np.ndarray, "residue residue"],
        known: Bool[np.ndarray, "residue residue"],
        separation: Range,
    ) -> None:
        self.pairs = pairs_in_range(len(contacts), separation) & known
        i, j = np.nonzero(self.pairs)
        order = np.lexsort((i, j - i))  # diagonal by diagonal
        self._contacts = contacts[i, j][order]
        _, diagonal, count = np.unique(j - i, return_inverse=True, return_counts=True)
        self._count = count[diagonal]
        self._first = (np.cumsum(count) - count)[diagonal]
        self._place = np.argsort(order) - self._first

    def contact(
        self, ranked: Int[np.ndarray, " ranked"], shares: Float[np.ndarray, " repeat"]
    ) -> Bool[np.ndarray, "repeat ranked"]:
        """Whether pairs are contacts once all are moved by each share; `ranked` counts through `pairs`, row by row."""
        count = self._count[ranked]
        steps = np.rint(shares[:, None] * count).astype(int)
        return self._contacts[self._first[ranked] + (self._place[ranked] + steps) % count]


def random_shares(sequence: str, seed: int = 0, repeats: int = REPEATS) -> Float[np.ndarray, " repeat"]:
    """By which shares of its diagonals a protein's contacts are moved: between `SHARES`, others for each protein."""
    return np.random.default_rng((seed, zlib.crc32(sequence.encode()))).uniform(*SHARES, repeats)
