"""From how far does a prediction's support come, and does it move with the residue's place? Controls on one residue.

Each is read in random orders (or random residues) whose numbers are their seeds; intervals cover 95% of further ones,
as in `core.analyses.evidence`. These are ladders to look at, no parts that add up.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
import torch

from core.alphabet import tokenize
from core.analyses.evidence import BACKGROUND, REPEATS, Contrast, Estimate, in_random_order, one_mask_scale, read_rows
from core.model import Model
from core.progress import SILENT, Progress

WINDOWS: Final = (2, 4, 8, 16, 32)
"""Residues on each side of the masked one."""
MOVED_BY: Final = (10, 50)
"""Random residues put between BOS and the protein."""
WHOLE: Final = "as it is"


def distance_ladder(
    model: Model,
    sequence: str,
    residue: int,
    letters: Sequence[str],
    *,
    windows: Sequence[int] = WINDOWS,
    repeats: Sequence[int] = REPEATS,
    seed: int = 0,
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """Log-odds of letters at a masked residue with only what is near in its place, and only what is far.

    Columns letter, kept ("near": the rest in a random order; "far": the window's residues in one), window, log_odds,
    low, high (nats). `progress` hears of windows. Raises `InputError` for a residue outside the sequence.
    """
    tokens = tokenize(sequence, [residue])
    condition = one_mask_scale(model, len(tokens))
    found = []
    for done, window in enumerate(windows):
        inside = [at for at in range(len(sequence)) if at != residue and abs(at - residue) <= window]
        outside = [at for at in range(len(sequence)) if abs(at - residue) > window]
        for kept, moved in (("near", outside), ("far", inside)):
            rows = torch.stack([in_random_order(tokens, moved, repeat, seed) for repeat in repeats])
            log_p = read_rows(model, rows, condition, residue + 1)
            found += [(letter, kept, window, *_estimate(letter, log_p)) for letter in letters]
        progress.report(done + 1, len(windows))
    return pd.DataFrame(found, columns=["letter", "kept", "window", "log_odds", "low", "high"])


def moved(
    model: Model,
    sequence: str,
    residue: int,
    letters: Sequence[str],
    *,
    by: Sequence[int] = MOVED_BY,
    repeats: Sequence[int] = REPEATS,
    seed: int = 0,
) -> pd.DataFrame:
    """Log-odds of letters with the same protein at another place: random residues before it, or BOS left out.

    Columns letter, place (in words), log_odds, low, high (nats). The residues put before it are drawn from proteins'
    composition.
    """
    tokens = tokenize(sequence, [residue])
    frequencies = np.array(list(BACKGROUND.values())) / sum(BACKGROUND.values())
    places = {WHOLE: (tokens[None], residue + 1), "BOS left out": (tokens[None, 1:], residue)}
    for n in by:
        drawn = [
            np.random.default_rng((seed, repeat, n)).choice(list(BACKGROUND), n, p=frequencies) for repeat in repeats
        ]
        rows = [tokenize("".join(each) + sequence, [n + residue]) for each in drawn]
        places[f"after {n} random residues"] = torch.stack(rows), n + residue + 1
    found = []
    for place, (rows, position) in places.items():
        log_p = read_rows(model, rows, one_mask_scale(model, rows.shape[1]), position)
        found += [(letter, place, *_estimate(letter, log_p)) for letter in letters]
    return pd.DataFrame(found, columns=["letter", "place", "log_odds", "low", "high"])


def _estimate(letter: str, log_p: np.ndarray) -> tuple[float, float, float]:
    found = Estimate.of(Contrast(letter).of(log_p))
    return found.mean, found.low, found.high
