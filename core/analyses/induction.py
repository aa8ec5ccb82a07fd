"""Which heads copy a repeat? Attention from a masked residue of a second copy to its twin in the first, and what the
model makes of it.

A subject is a random segment that stands twice in a row. Its control is the same second copy behind the segment's
residues in a random order, so that all but the repeat is alike: length, composition, and the masked residue's own copy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.alphabet import AMINO_ACIDS, MASK, token_id, tokenize
from core.components import by_head
from core.errors import InputError
from core.interventions import BlockAttention, Condition, Head
from core.metrics import probabilities, rank
from core.model import Model
from core.progress import SILENT, Progress
from core.proteins.evaluation_sets import shuffled
from core.run import rows_within, run, stream

LENGTH: Final = 30
"""Residues of a segment."""
SEGMENTS: Final = 20
STEP: Final = 3
"""The first, fourth, seventh … residue of the second copy is masked, each alone."""
NOTHING, NO_REPEAT = "nothing", "no repeat"
"""What is blocked where nothing is; and in the control, where there is no twin."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """A random segment that stands twice, and its residues in the order that they have before it in the control."""

    segment: str
    disordered: str

    @property
    def twice(self) -> str:
        return self.segment * 2

    @property
    def once(self) -> str:
        """The control: the second copy behind what is no copy."""
        return self.disordered + self.segment

    @property
    def masked(self) -> range:
        """The residues (0-based, of the segment) that are masked in the second copy."""
        return range(0, len(self.segment), STEP)


def random_repeats(n: int = SEGMENTS, length: int = LENGTH, seed: int = 0) -> dict[str, Repeat]:
    """Segments of uniformly random letters, by name; each depends on the seed, the length and its own number only.

    Raises `InputError` for segments of fewer than two residues.
    """
    if length < 2:
        raise InputError(f"a segment needs two residues or more, not {length}")
    found = {}
    for number in range(n):
        rng = np.random.default_rng((seed, number))
        segment = "".join(rng.choice(list(AMINO_ACIDS), length))
        found[f"segment {number + 1}"] = Repeat(segment, shuffled(segment, rng))
    return found


def twin_attention(model: Model, repeat: Repeat, *, progress: Progress = SILENT) -> pd.DataFrame:
    """Every head's attention from a masked residue of the second copy, mean over the masked residues.

    Columns layer, head (0-based), twin (to its twin), elsewhere (to another residue of the first copy, their mean) and
    once (to the same place in the control). An even spread gives each position 1 / (2 L + 2).
    """
    masked = list(repeat.masked)
    twice, once = (_to_first(model, _rows(each, repeat)) for each in (repeat.twice, repeat.once))
    progress.report(1, 1)
    twin, same_place = (each[:, :, range(len(masked)), masked].mean(-1) for each in (twice, once))
    elsewhere = (twice.sum(-1).mean(-1) - twin) / (len(repeat.segment) - 1)
    return by_head(model.shape, twin=twin, elsewhere=elsewhere, once=same_place)


def _rows(sequence: str, repeat: Repeat) -> Int[Tensor, "masked pos"]:
    """The sequence with one residue of its second half masked in each row."""
    return torch.stack([tokenize(sequence, [len(repeat.segment) + residue]) for residue in repeat.masked])


def _to_first(model: Model, tokens: Int[Tensor, "masked pos"]) -> Float[np.ndarray, "layer head masked key"]:
    """Attention from each row's mask to every residue of the first half."""
    by_chunk = []
    for chunk in tokens.split(rows_within(model, tokens.shape[1], patterns=True)):
        row, at = (chunk == MASK).nonzero(as_tuple=True)
        by_layer = []
        for computed in stream(model, chunk):
            assert computed.pattern is not None
            at_mask = computed.pattern[row, :, at, 1 : tokens.shape[1] // 2]
            by_layer.append(at_mask.transpose(0, 1).float().numpy(force=True))
        by_chunk.append(np.stack(by_layer))
    return np.concatenate(by_chunk, axis=2)


def copying(
    model: Model, repeat: Repeat, *, blocked: Sequence[tuple[str, tuple[Head, ...]]] = (), progress: Progress = SILENT
) -> pd.DataFrame:
    """What the model makes of the twin's letter at every masked residue of the second copy.

    `blocked` are sets of heads by name, whose attention from the masked residue to its twin is blocked; with NOTHING
    blocked and the control, NO_REPEAT, they are the values of the column blocked. The others are residue (0-based, of
    the segment), probability (over the vocabulary) and rank (among the amino acids).
    """
    named: dict[str, tuple[Head, ...]] = {NOTHING: (), **dict(blocked), NO_REPEAT: ()}
    rows = [(name, residue) for name in named for residue in repeat.masked]
    tokens = torch.cat([_rows(repeat.once if name == NO_REPEAT else repeat.twice, repeat) for name in named])
    conditions = [_blocked_to_twin(named[name], residue) for name, residue in rows]
    first = len(repeat.segment) + 1
    per_chunk, found = rows_within(model, tokens.shape[1], patterns=True), []
    for begin in range(0, len(rows), per_chunk):
        chunk = slice(begin, begin + per_chunk)
        read = list(range(first, first + len(repeat.segment), STEP))
        logits = run(model, tokens[chunk], conditions[chunk], positions=read).logits
        for row, (name, residue) in zip(logits, rows[chunk], strict=True):
            at_mask, letter = row[residue // STEP], repeat.segment[residue]
            found.append((name, residue, float(probabilities(at_mask)[token_id(letter)]), int(rank(at_mask, letter))))
        progress.report(len(found), len(rows))
    return pd.DataFrame(found, columns=["blocked", "residue", "probability", "rank"])


def _blocked_to_twin(heads: Sequence[Head], residue: int) -> Condition:
    return tuple(BlockAttention(head, "mask", (residue,)) for head in heads)
