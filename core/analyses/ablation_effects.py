"""How much does a set of proteins rest on each component? Every ablation of every protein, pooled."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from core.analyses.reading import Reading, read
from core.components import ablate, components
from core.interventions import Mode, NamedScope
from core.metrics import Target
from core.model import Model
from core.progress import SILENT, Progress

SCOPES: Final[tuple[NamedScope, ...]] = ("mask", "bos", "bos+mask", "all")


def ablations(
    model: Model,
    tokens: Int[Tensor, " pos"],
    *,
    scopes: Sequence[NamedScope] = SCOPES,
    mode: Mode = "zero",
    residue: int | None = None,
    target: Target = Target(),
    progress: Progress = SILENT,
) -> dict[NamedScope, Reading]:
    """By scope, the target with nothing ablated, then without each of `core.analyses.head_ablation.components` alone.

    Source: Jedryszek & Crook 2026, Methods, "Ablation framework". Raises what `core.analyses.reading.read` raises.
    """
    listed = components(model.shape)
    conditions = [(), *(ablate(component, scope, mode) for scope in scopes for component in listed)]
    found = read(model, tokens, conditions, target=target, progress=progress)
    gaps, logits = (np.split(values[1:], len(scopes)) for values in (found.gap, found.logit))
    return {
        scope: Reading(np.concatenate([found.gap[:1], gap]), np.concatenate([found.logit[:1], logit]))
        for scope, gap, logit in zip(scopes, gaps, logits, strict=True)
    }


@dataclass(frozen=True, slots=True, eq=False)
class AblationEffects:
    """Means over proteins, one entry per component, in the order of `core.analyses.head_ablation.components`."""

    gap_change: Float[np.ndarray, "components"]
    """The gap without the component minus the gap with it, in logits: negative means that it helps."""
    logit_change: Float[np.ndarray, "components"]
    failure_rate: Float[np.ndarray, "components"]
    """Among the proteins where the target ranks first, the share where it no longer does; nan where there is none."""
    n_proteins: int
    n_predicting: int
    """In how many of them the target ranks first with nothing ablated."""


def pooled(readings: Sequence[Reading]) -> AblationEffects:
    """What `ablations` of several proteins at one scope say together."""
    gap, logit = (np.stack([getattr(reading, name) for reading in readings]) for name in ("gap", "logit"))
    predicting = gap[:, 0] > 0
    fails = gap[predicting, 1:] <= 0
    n_components = gap.shape[1] - 1
    return AblationEffects(
        gap_change=(gap[:, 1:] - gap[:, :1]).mean(0),
        logit_change=(logit[:, 1:] - logit[:, :1]).mean(0),
        failure_rate=fails.mean(0) if predicting.any() else np.full(n_components, np.nan),
        n_proteins=len(readings),
        n_predicting=int(predicting.sum()),
    )
