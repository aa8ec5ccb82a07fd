"""Training batches: crops of one exact length, so no padding anywhere, and the masks of masked language modelling.

A batch depends on the seed and its own number alone, so a run that resumes at batch n sees what it would have seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Int64, UInt8
from torch import Tensor

from core.alphabet import AMINO_ACID_IDS, BOS, EOS, MASK, TOKENS, UNK
from core.training.families import Collection

TOKENS_PER_BATCH: Final = 8192
SHORTEST: Final = 10
LONGEST: Final = 512
AT_LARGE_LENGTHS: Final = 0.22
"""Share of the batches whose length is a protein at large's; the others are as long as a member of a family."""
AT_LARGE_ROWS: Final = 0.03
"""Weight of proteins at large among a batch's rows, where families of its length weigh 1 together at most."""
WHOLE_SHARE: Final = 0.85
"""Share of the family batches that are as long as a whole member."""
LEAST_OF_A_DOMAIN: Final = 0.6
"""A member of a family is never cropped to less than this share of its length."""
STARTS, ENDS, FRAGMENTS = 0.4, 0.1, 0.16
"""Shares of a protein's crops that begin with BOS, that end with EOS, and that are cut out of it but begin with BOS all
the same, as fragments in UniProt do; the others have neither."""
MASKED, BLANKED, REPLACED = 0.15, 0.8, 0.1
"""Share of residues to predict, and which of those are shown as `<mask>` or as a random amino acid."""
MASKED_IN_FAMILIES: Final = (0.1, 0.35)
"""Families are seen many times over: the share, drawn anew for each row, makes a member hard to know by heart."""

_ID_OF_BYTE: Final = np.full(256, UNK, dtype=np.uint8)
for _index, _token in enumerate(TOKENS):
    if len(_token) == 1:
        _ID_OF_BYTE[ord(_token)] = _index


@dataclass(frozen=True)
class Pool:
    """The sequences of one source, as one array of token ids, shortest sequence first."""

    name: str
    weight: float
    """Share of rows among the sources that have sequences of a batch's length."""
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


@dataclass(frozen=True)
class Batch:
    """What the model reads, which positions it is asked about, and what stood there."""

    tokens: Int[Tensor, "rows pos"]
    asked: Bool[Tensor, "rows pos"]
    targets: Int[Tensor, " asked"]
    n_tokens: dict[str, int]
    """Tokens from each pool."""


class Mix:
    """Endless batches from proteins at large and families, each a function of the seed and the batch's number."""

    def __init__(self, collection: Collection, seed: int, tokens_per_batch: int = TOKENS_PER_BATCH):
        self.seed = seed
        self.tokens_per_batch = tokens_per_batch
        self.at_large = make_pool("at large", AT_LARGE_ROWS, collection.trained, whole_proteins=True)
        total = sum(split.family.weight for split in collection.families)
        self.families = [
            make_pool(
                split.family.name,
                split.family.weight / total,
                split.trained,
                split.family.whole_proteins,
                LEAST_OF_A_DOMAIN,
            )
            for split in collection.families
        ]

    def batch(self, number: int) -> Batch:
        """Batch `number`: crops of one length, masked."""
        rng = np.random.default_rng((self.seed, number))
        length = self._length(rng)
        pools = (self.at_large, *self.families)
        weights = np.array([pool.weight * len(pool.eligible(length)) / len(pool.length) for pool in pools])
        n_rows = max(1, self.tokens_per_batch // length)
        rows_of = rng.multinomial(n_rows, weights / weights.sum()).tolist()
        rows = np.concatenate([_crops(pool, length, n, rng) for pool, n in zip(pools, rows_of, strict=True) if n])
        n_tokens = {pool.name: n * length for pool, n in zip(pools, rows_of, strict=True)}
        rates = rng.uniform(*MASKED_IN_FAMILIES, size=len(rows))
        rates[: rows_of[0]] = MASKED
        return mask(rows, rng, n_tokens, rates)

    def _length(self, rng: np.random.Generator) -> int:
        """The length of a sequence drawn from the mix, or shorter, so that every length is trained."""
        if rng.random() < AT_LARGE_LENGTHS:
            drawn = int(np.exp(rng.uniform(np.log(SHORTEST), np.log(LONGEST + 1))))
            return min(drawn, int(self.at_large.length[-1]))
        weights = np.array([pool.weight for pool in self.families])
        pool = self.families[rng.choice(len(self.families), p=weights)]
        whole = int(min(rng.choice(pool.length), LONGEST))
        return whole if rng.random() < WHOLE_SHARE else int(rng.integers(min(SHORTEST, whole), whole + 1))


def _crops(pool: Pool, length: int, n: int, rng: np.random.Generator) -> UInt8[np.ndarray, "n length"]:
    """Crops of `n` random sequences of a pool."""
    eligible = pool.eligible(length)
    chosen = rng.integers(eligible.start, eligible.stop, size=n)
    room = pool.length[chosen] - length  # the last offset at which a crop fits
    if pool.whole_proteins:
        inside = rng.integers(np.minimum(1, room), np.maximum(room, np.minimum(1, room) + 1))  # neither BOS nor EOS
        where = rng.random(n)
        offset = np.where(where < STARTS, 0, np.where(where < STARTS + ENDS, room, inside))
        fragment = (where >= STARTS + ENDS) & (where < STARTS + ENDS + FRAGMENTS)
    else:
        offset, fragment = rng.integers(0, room + 1), False
    rows = pool.tokens[(pool.start[chosen] + offset)[:, None] + np.arange(length)]
    rows[fragment, 0] = BOS
    return rows


def mask(
    rows: UInt8[np.ndarray, "rows pos"],
    rng: np.random.Generator,
    n_tokens: dict[str, int],
    rates: Float[np.ndarray, " rows"] | float = MASKED,
) -> Batch:
    """Choose a share of each row's amino acids to predict: 80% become `<mask>`, 10% a random amino acid, 10% stay.

    At least one is asked about. Source: ESM-2's objective (Lin et al. 2023), after BERT; there the share is 15%.
    """
    first, last = AMINO_ACID_IDS[0], AMINO_ACID_IDS[-1]
    residues = (rows >= first) & (rows <= last)
    asked = residues & (rng.random(rows.shape) < np.reshape(rates, (-1, 1)))
    if not asked.any():
        asked.flat[rng.choice(np.flatnonzero(residues))] = True
    shown = rows.copy()
    fate = rng.random(rows.shape)
    shown[asked & (fate < BLANKED)] = MASK
    replaced = asked & (fate >= BLANKED) & (fate < BLANKED + REPLACED)
    shown[replaced] = rng.integers(first, last + 1, size=int(replaced.sum()))
    return Batch(
        tokens=torch.from_numpy(shown.astype(np.int64)),
        asked=torch.from_numpy(asked),
        targets=torch.from_numpy(rows[asked].astype(np.int64)),
        n_tokens=n_tokens,
    )
