"""What a masked residue's logits say of a target under many conditions: the measurement most analyses share."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.interventions import Condition
from core.metrics import Target
from core.model import Model
from core.progress import SILENT, Progress
from core.run import RESUMABLE, Trace, run, sweep


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
    target: Target = Target(),
    baseline: Trace | None = None,
    progress: Progress = SILENT,
) -> Reading:
    """The target under each condition.

    `baseline` may be a run that kept `RESUMABLE`, unedited or under what all conditions begin with; where it is missing
    it is made, unedited. Raises `InputError` when nothing is masked and no residue is named.
    """

    def measure(trace: Trace) -> Tensor:
        logits = trace.logits[:, 0]
        return torch.stack((target.gap(logits), target.logit(logits)), dim=-1)

    measured = sweep(
        model,
        baseline or run(model, tokens, keep=RESUMABLE),
        conditions,
        measure,
        positions=[target.position(tokens)],
        progress=progress,
    )
    return Reading(measured[:, 0], measured[:, 1])
