"""What an ablated part is given instead: zero, its own mean, or what it does in a shuffle of the same protein."""

from typing import Final

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from core.alphabet import BOS, EOS, MASK
from core.interventions import Mode, Source

MODES: Final[tuple[Mode, ...]] = ("zero", "mean", "resample")


def source_for(mode: Mode, tokens: Int[Tensor, " pos"]) -> Source | None:
    """The run that an ablation of these tokens takes from: for "resample" the same residues in random order (seed 0).

    Masks stay where they are. The other modes need none: "mean" takes the mean over positions of the same run.
    """
    if mode != "resample":
        return None
    shuffle = tokens.cpu().numpy().copy()
    residues = np.flatnonzero(~np.isin(shuffle, [BOS, EOS, MASK]))
    shuffle[residues] = np.random.default_rng(0).permutation(shuffle[residues])
    return Source(tuple(torch.from_numpy(shuffle).tolist()))
