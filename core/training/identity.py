"""How close sequences are to those held out of training."""

from collections.abc import Sequence
from typing import Final

import edlib
import numpy as np
from jaxtyping import Float, Int64
from rapidfuzz.distance import LCSseq
from rapidfuzz.process import cdist

WORD: Final = 6
"""Length of the words that two sequences must share before they are aligned."""


def closest_identity(sequences: Sequence[str], held_out: Sequence[str]) -> Float[np.ndarray, " sequences"]:
    """Each sequence's largest identity to a held-out one, between 0 and 1.

    Identity is the longest common subsequence over the shorter length: no alignment of the two, whatever its gap
    costs, has more identical pairs, so this errs on the side of calling sequences close.
    """
    common = cdist(sequences, held_out, scorer=LCSseq.similarity, dtype=np.int32)
    shorter = np.minimum.outer([len(sequence) for sequence in sequences], [len(sequence) for sequence in held_out])
    return (common / shorter).max(axis=1)


def containing_relatives(proteins: Sequence[str], held_out: Sequence[str], max_identity: float) -> set[int]:
    """Indices of the proteins that hold a stretch closer than `max_identity` to a whole held-out sequence.

    Pairs that share at least two words of six residues (at 80% identity over 50 residues, ten are expected) are
    aligned end to end on the held-out side; its edit distance over its length counts as 1 - identity.
    """
    words, owners = _words(held_out)
    order = np.argsort(words, kind="stable")
    words, owners = words[order], owners[order]
    known = np.zeros(32**WORD // 8, dtype=np.uint8)  # one bit a word
    np.bitwise_or.at(known, words >> 3, np.left_shift(1, words & 7).astype(np.uint8))

    close: set[int] = set()
    for start in range(0, len(proteins), 4096):  # in blocks: 78 million words at once would take gigabytes
        found, protein = _words(proteins[start : start + 4096])
        hit = known[found >> 3] >> (found & 7) & 1 == 1
        found, protein = found[hit], protein[hit]
        first, last = np.searchsorted(words, found), np.searchsorted(words, found, side="right")
        pairs = np.stack(
            [
                np.repeat(protein, last - first),
                owners[np.concatenate([np.arange(a, b) for a, b in zip(first, last, strict=True)] or [[]]).astype(int)],
            ]
        )
        shared, counts = np.unique(pairs, axis=1, return_counts=True)
        for index, owner in shared[:, counts >= 2].T:
            member = held_out[owner]
            allowed = int(len(member) * (1 - max_identity))
            if edlib.align(member, proteins[start + index], mode="HW", k=allowed)["editDistance"] >= 0:
                close.add(start + int(index))
    return close


def _words(sequences: Sequence[str]) -> tuple[Int64[np.ndarray, " words"], Int64[np.ndarray, " words"]]:
    """Every word of the sequences as a number (five bits a letter), and the index of the sequence it is from."""
    letters = np.frombuffer("".join(sequences).encode(), dtype=np.uint8).astype(np.int64) & 31
    owner = np.repeat(np.arange(len(sequences)), [len(sequence) for sequence in sequences])
    n_words = len(letters) - WORD + 1
    words = np.zeros(n_words, dtype=np.int64)
    for shift in range(WORD):
        words |= letters[shift : shift + n_words] << 5 * shift
    inside = owner[:n_words] == owner[WORD - 1 :]
    return words[inside], owner[:n_words][inside]
