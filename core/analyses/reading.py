"""What a masked residue's logits say of a target under many conditions: the measurement most analyses share."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.alphabet import residue_position, token_id
from core.interventions import Condition
from core.metrics import Among, target_gap
from core.model import Model
from core.run import MEMORY_BUDGET, RESUMABLE, Trace, run, sweep


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """The target's gap and logit at the masked residue, one entry per condition."""

    gap: Float[np.ndarray, " conditions"]
    """The target's logit minus the strongest competitor's: positive exactly where the target ranks first."""
    logit: Float[np.ndarray, " conditions"]


def read(
    model: Model,
    tokens: Int[Tensor, " pos"],
    conditions: Sequence[Condition],
    *,
    target: str = "M",
    residue: int | None = None,
    among: Among = "amino acids",
    baseline: Trace | None = None,
    memory_budget: int = MEMORY_BUDGET,
    progress: Callable[[int, int], None] | None = None,
    cancel: threading.Event | None = None,
) -> Reading:
    """The target at `residue` (0-based; the first masked one when None) under each condition.

    `baseline` may be a run that kept `RESUMABLE`, unedited or under what all conditions begin with; where it is missing
    it is made, unedited. Raises `InputError` when nothing is masked and no residue is named, and `Cancelled` when
    `cancel` is set.
    """
    position = residue_position(tokens, residue)
    column = token_id(target)

    def measure(trace: Trace) -> Tensor:
        logits = trace.logits[:, 0]
        return torch.stack((target_gap(logits, target, among), logits[:, column]), dim=-1)

    measured = sweep(
        model,
        baseline or run(model, tokens, keep=RESUMABLE),
        conditions,
        measure,
        positions=[position],
        memory_budget=memory_budget,
        progress=progress,
        cancel=cancel,
    )
    return Reading(measured[:, 0], measured[:, 1])
