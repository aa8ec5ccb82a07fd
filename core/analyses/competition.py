"""What outvotes a prediction? A repeat grown longer behind the mask, then destroyed mask by mask."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Real

from core.alphabet import AMINO_ACID_IDS, AMINO_ACIDS, token_id, tokenize
from core.arrays import as_array
from core.errors import InputError
from core.forward import token_dropout_scale
from core.interventions import Condition, FixTokenDropout
from core.metrics import Target, probabilities
from core.model import Model
from core.progress import SILENT, Progress
from core.run import rows_within, run

LENGTHS: Final = tuple(range(1, 41))
"""Residues of poly-X behind the mask."""
MASKS: Final = tuple(range(1, 21))
"""Masks in a 20-residue poly-X, the first residue's included."""
REPEAT: Final = 20
"""Residues of the poly-X that is destroyed."""
READ: Final = ("target", "repeated", "probability", "gap", "rank")
"""What is read at the mask."""
ORDERS: Final = 50
"""Random orders of masking it."""


def elongation(
    model: Model,
    letter: str = "A",
    lengths: Sequence[int] = LENGTHS,
    *,
    target: Target = Target(),
    fixed_scale: float | None = None,
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """A masked first residue before ever longer poly-X: columns length and those of `READ`, and scale.

    `target` and `repeated` are the logits of the target and of X at the mask, minus the mean logit of the 20 amino
    acids: logits by themselves have a free constant. `probability` is the target's over the vocabulary. `scale` is what
    token dropout multiplies all embeddings by, which falls as the repeat grows because one mask is a smaller share of
    it. `fixed_scale` holds it still, the control for that; a model without token dropout has 1 throughout. `progress`
    hears (lengths done, all). Source: Jedryszek & Crook 2026, Figure 2C. Raises `InputError` for a letter that is no
    amino acid.
    """
    _check(letter)
    condition: Condition = () if fixed_scale is None else (FixTokenDropout(fixed_scale),)
    scales, read = [], []
    for length in lengths:
        tokens = tokenize(target.letter + letter * length, masked=[0])
        read.append(_read(run(model, tokens, [condition], positions=[1]).logits[:, 0], letter, target))
        scales.append(float(token_dropout_scale(model, tokens[None])) if fixed_scale is None else fixed_scale)
        progress.report(len(read), len(lengths))
    table = pd.concat(read, ignore_index=True).assign(scale=scales)
    table.insert(0, "length", list(lengths))
    return table


def destruction(
    model: Model,
    letter: str = "A",
    masks: Sequence[int] = MASKS,
    *,
    length: int = REPEAT,
    orders: int = ORDERS,
    seed: int = 0,
    target: Target = Target(),
    fixed_scale: float | None = None,
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """Poly-X with ever more random residues masked beside the first: a row per number of masks and order.

    Columns masks, order, those of `READ` and scale, as in `elongation`. `masks` counts the first residue's;
    each of the `orders` masks its residues in one random order, so that more masks add to fewer. `progress` hears
    (repeats read, all). Source: Jedryszek & Crook 2026, Figure 2D. Raises `InputError` for a letter that is no amino
    acid, or more masks than residues.
    """
    _check(letter)
    if max(masks) > length or min(masks) < 1:
        raise InputError(
            f"a repeat of {length} residues can have 1 to {length} masks, not {min(masks)} to {max(masks)}"
        )
    rng = np.random.default_rng((seed, token_id(letter)))
    drawn = [(1 + rng.permutation(length - 1)).tolist() for _ in range(orders)]
    rows = [(n_masks, order) for n_masks in masks for order in range(orders)]
    tokens = torch.stack([tokenize(letter * length, [0, *drawn[order][: n_masks - 1]]) for n_masks, order in rows])
    condition: Condition = () if fixed_scale is None else (FixTokenDropout(fixed_scale),)
    read: list[pd.DataFrame] = []
    for chunk in tokens.split(rows_within(model, tokens.shape[1])):
        read.append(_read(run(model, chunk, [condition], positions=[1]).logits[:, 0], letter, target))
        progress.report(sum(map(len, read)), len(rows))
    table = pd.concat([pd.DataFrame(rows, columns=["masks", "order"]), pd.concat(read, ignore_index=True)], axis=1)
    own = as_array(token_dropout_scale(model, tokens))
    return table.assign(scale=own if fixed_scale is None else fixed_scale)


def crossings(x: Real[np.ndarray, " points"], gap: Float[np.ndarray, " points"]) -> list[float]:
    """Everywhere that a gap changes sign, by linear interpolation between two points."""
    positive = gap > 0
    before = np.flatnonzero(positive[1:] != positive[:-1])
    after = before + 1
    return (x[before] + (x[after] - x[before]) * gap[before] / (gap[before] - gap[after])).tolist()


def crossing(x: Real[np.ndarray, " points"], gap: Float[np.ndarray, " points"]) -> float:
    """Where a gap first changes sign; nan where it never does."""
    return next(iter(crossings(x, gap)), float("nan"))


def _read(logits: Float[torch.Tensor, "rows vocab"], letter: str, target: Target) -> pd.DataFrame:
    """A row for each of the logits: `READ`."""
    centred = logits - logits[:, list(AMINO_ACID_IDS)].mean(-1, keepdim=True)
    probability = probabilities(logits)[:, token_id(target.letter)]
    found = (target.logit(centred), centred[:, token_id(letter)], probability, target.gap(logits), target.rank(logits))
    return pd.DataFrame({name: as_array(values) for name, values in zip(READ, found, strict=True)})


def _check(letter: str) -> None:
    if letter not in AMINO_ACIDS or len(letter) != 1:
        raise InputError(f"'{letter}' is not one of the amino acids {AMINO_ACIDS}")
