"""Micro-batches of training, planned on the CPU: crops of one exact length, so no padding anywhere, and of one kind.

A plan depends on the seed and its own number alone, so a run that resumes at plan n sees what it would have seen.
`core.training.masking` draws it on the device that trains.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any, Final, Literal

import numpy as np
from jaxtyping import Bool, Int64, UInt8
from torch.utils.data import DataLoader

from core.training.families import Collection
from core.training.pools import Crops, Pool, make_pool

Kind = Literal["at large", "families"]
KINDS: Final[tuple[Kind, ...]] = ("at large", "families", "families")
"""The micro-batches of one step, in order."""
TOKENS_PER_MICRO_BATCH: Final = 12_288
SHORTEST: Final = 8
LONGEST: Final = 512
ANY_LENGTH: Final = 0.5
"""Share of the batches at large whose length is drawn evenly on a log scale; the others are as long as a protein."""
WHOLE_SHARE: Final = 0.9
"""Share of the family batches that are as long as a whole member; the others are shorter."""
LEAST_OF_A_DOMAIN: Final = 0.8
"""A member of a family is never cropped to less than this share of its length."""


@dataclass(frozen=True)
class Plan:
    """One micro-batch before it is drawn: which crops of `Mix.tokens` it holds."""

    kind: Kind
    seed: int
    """Of everything that is drawn at random on the device: masks, and the network's dropout."""
    length: int
    start: Int64[np.ndarray, " rows"]
    begins: Bool[np.ndarray, " rows"]
    """Rows whose first token gives way to BOS."""
    n_tokens: dict[str, int]
    """Tokens from each pool that has any."""


class Mix:
    """Endless plans from proteins at large and families, each a function of the seed and the plan's number."""

    tokens: UInt8[np.ndarray, " tokens"]
    """Every pool's sequences, one after another."""

    def __init__(self, collection: Collection, seed: int, tokens_per_micro_batch: int = TOKENS_PER_MICRO_BATCH):
        self.seed = seed
        self.tokens_per_micro_batch = tokens_per_micro_batch
        at_large = make_pool("at large", 1.0, collection.trained, whole_proteins=True)
        total = sum(split.family.weight for split in collection.families)
        families = [
            make_pool(
                split.family.name,
                split.family.weight / total,
                split.trained,
                split.family.whole_proteins,
                LEAST_OF_A_DOMAIN,
            )
            for split in collection.families
        ]
        pools = [at_large, *families]
        self.tokens = np.concatenate([pool.tokens for pool in pools])
        ends = np.cumsum([len(pool.tokens) for pool in pools])
        self._offset = dict(zip((pool.name for pool in pools), [0, *ends.tolist()], strict=False))
        self.pools: dict[Kind, list[Pool]] = {"at large": [at_large], "families": families}

    def __getitem__(self, number: int) -> Plan:
        """Plan `number`; its kind is the one whose turn it is."""
        kind = KINDS[number % len(KINDS)]
        rng = np.random.default_rng((self.seed, number))
        while True:
            length = quantised(self._length(kind, rng))
            weights = np.array(
                [pool.weight * len(pool.eligible(length)) / len(pool.length) for pool in self.pools[kind]]
            )
            if weights.any():  # a shortened length may fit no member of any family
                break
        rows_of = rng.multinomial(max(1, self.tokens_per_micro_batch // length), weights / weights.sum()).tolist()
        taken = [(pool, n) for pool, n in zip(self.pools[kind], rows_of, strict=True) if n]
        crops = [self._crops(pool, length, n, rng) for pool, n in taken]
        return Plan(
            kind=kind,
            seed=int(rng.integers(2**62)),
            length=length,
            start=np.concatenate([each.start for each in crops]),
            begins=np.concatenate([each.begins for each in crops]),
            n_tokens={pool.name: n * length for pool, n in taken},
        )

    def _crops(self, pool: Pool, length: int, n: int, rng: np.random.Generator) -> Crops:
        start, begins = pool.crops(length, n, rng)
        return Crops(start + self._offset[pool.name], begins)

    def _length(self, kind: Kind, rng: np.random.Generator) -> int:
        """The length of a sequence drawn from the pools of a kind, or shorter, so that every length is trained."""
        pools = self.pools[kind]
        pool = pools[rng.choice(len(pools), p=[pool.weight for pool in pools])]
        whole = int(min(rng.choice(pool.length), LONGEST))
        if kind == "families":
            return whole if rng.random() < WHOLE_SHARE else int(rng.integers(min(SHORTEST, whole), whole + 1))
        if rng.random() < ANY_LENGTH:
            drawn = int(np.exp(rng.uniform(np.log(SHORTEST), np.log(LONGEST + 1))))
            return min(drawn, int(pool.length[-1]))
        return whole


def quantised(length: int) -> int:
    """The next shorter length that is trained: a multiple of 4 below 64, of 8 from there on.

    Few lengths are little to allocate for, and their common divisor keeps a compiled layer from being compiled again.
    """
    step = 8 if length >= 64 else 4
    return max(length // step * step, min(length, SHORTEST))


def plans(mix: Mix, first_step: int, rank: int, n_workers: int, processes: int) -> Iterator[list[Plan]]:
    """What one of `n_workers` trains at `first_step` and each step after it, planned ahead by `processes` if any."""
    numbers = (
        (step * n_workers + rank) * len(KINDS) + micro for step in count(first_step) for micro in range(len(KINDS))
    )
    loader = DataLoader(
        mix,  # pyright: ignore[reportArgumentType] (endless, so without a length)
        batch_size=None,
        sampler=numbers,
        num_workers=processes,
        collate_fn=_unchanged,
        prefetch_factor=8 if processes else None,
    )
    planned = iter(loader)
    while True:
        yield [next(planned) for _ in KINDS]


def _unchanged(plan: Any) -> Any:
    return plan
