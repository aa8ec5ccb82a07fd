"""The sequences of one source as token ids, and where crops of them begin."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from core.alphabet import BOS, EOS, TOKENS, UNK

STARTS, ENDS, FRAGMENTS = 0.4, 0.1, 0.34
"""Shares of a protein's crops that begin with BOS, that end with EOS, and that are cut out of it but begin with BOS all
the same, as fragments in UniProt do; the others have neither. With more fragments most repeats outvote M sooner."""
DOMAIN_FRAGMENTS: Final = 0.2
"""Share of a domain's crops that begin with BOS, as a structure's sequence does; they have no ends of their own."""

_ID_OF_BYTE: Final = np.full(256, UNK, dtype=np.uint8)
for _index, _token in enumerate(TOKENS):
    if len(_token) == 1:
        _ID_OF_BYTE[ord(_token)] = _index


class Crops(NamedTuple):
    """Crops of one length: the first token of each, and whether BOS is to stand in its place."""

    start: Int64[np.ndarray, " rows"]
    begins: Bool[np.ndarray, " rows"]


@dataclass(frozen=True)
class Pool:
    """The sequences of one source, as one array of token ids, shortest sequence first."""

    name: str
    weight: float
    """Its share of the lengths, and of the rows among the pools that have sequences of a batch's length."""
    tokens: UInt8[np.ndarray, " tokens"]
    start: Int64[np.ndarray, " sequences"]
    length: Int64[np.ndarray, " sequences"]
    whole_proteins: bool
    """Sequences begin with BOS and end with EOS."""
    least: float
    """No sequence is cropped to less than this share of its length."""

    def eligible(self, length: int) -> range:
        """The sequences that may be cropped to `length` tokens."""
        longest = length / self.least if self.least else np.inf
        return range(
            int(np.searchsorted(self.length, length)), int(np.searchsorted(self.length, longest, side="right"))
        )

    def crops(self, length: int, n: int, rng: np.random.Generator) -> Crops:
        """Places of `n` crops of random sequences that are long enough."""
        eligible = self.eligible(length)
        chosen = rng.integers(eligible.start, eligible.stop, size=n)
        room = self.length[chosen] - length  # the last offset at which a crop fits
        where = rng.random(n)
        if not self.whole_proteins:
            return Crops(self.start[chosen] + rng.integers(0, room + 1), where < DOMAIN_FRAGMENTS)
        inside = rng.integers(np.minimum(1, room), np.maximum(room, np.minimum(1, room) + 1))  # neither BOS nor EOS
        offset = np.where(where < STARTS, 0, np.where(where < STARTS + ENDS, room, inside))
        fragment = (where >= STARTS + ENDS) & (where < STARTS + ENDS + FRAGMENTS)
        return Crops(self.start[chosen] + offset, fragment)


def make_pool(name: str, weight: float, sequences: Sequence[str], whole_proteins: bool, least: float = 0.0) -> Pool:
    """The sequences as token ids, sorted by length; anything outside the alphabet reads as `<unk>`."""
    ordered = sorted(sequences, key=len)
    ends = 2 if whole_proteins else 0
    length = np.array([len(sequence) + ends for sequence in ordered], dtype=np.int64)
    start = np.concatenate([[0], length.cumsum()[:-1]])
    text = "".join(f"<{sequence}>" for sequence in ordered) if whole_proteins else "".join(ordered)
    tokens = _ID_OF_BYTE[np.frombuffer(text.encode("latin-1"), dtype=np.uint8)]
    if whole_proteins:
        tokens[start], tokens[start + length - 1] = BOS, EOS
    return Pool(name, weight, tokens, start, length, whole_proteins, least)
