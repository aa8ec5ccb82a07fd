"""Which components does a prediction rest on? Every head and every module switched off, one at a time."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.alphabet import MASK
from core.errors import InputError
from core.interventions import AblateAttention, AblateHead, AblateMlp, Component, Condition, Head, Mode, Scope
from core.metrics import Among, target_gap
from core.model import Esm2, ModelShape
from core.run import MEMORY_BUDGET, RESUMABLE, Trace, run, sweep


@dataclass(frozen=True, slots=True, eq=False)
class ComponentEffects:
    """The target gap without each component minus the gap with it, in logits: negative means that it helps."""

    target: str
    scope: Scope
    gap: float
    """The target gap of the unedited run."""
    heads: Float[np.ndarray, "n_layers n_heads"]
    attention: Float[np.ndarray, " n_layers"]
    mlp: Float[np.ndarray, " n_layers"]


def components(shape: ModelShape) -> list[Component]:
    """Every head, layer by layer, then every attention module, then every MLP."""
    heads: list[Component] = [Head(layer, index) for layer in range(shape.n_layers) for index in range(shape.n_heads)]
    layers = range(shape.n_layers)
    return [*heads, *(("attention", layer) for layer in layers), *(("mlp", layer) for layer in layers)]


def ablate(component: Component, scope: Scope = "all", mode: Mode = "zero") -> Condition:
    """The condition that ablates one component; a resample ablation is built with its source, not here."""
    if isinstance(component, Head):
        return (AblateHead(component, scope, mode),)
    kind, layer = component
    return (AblateAttention(layer, scope, mode),) if kind == "attention" else (AblateMlp(layer, scope, mode),)


def component_sweep(
    model: Esm2,
    tokens: Int[Tensor, " pos"],
    target: str = "M",
    *,
    residue: int | None = None,
    scope: Scope = "all",
    mode: Mode = "zero",
    among: Among = "amino acids",
    given: Condition = (),
    baseline: Trace | None = None,
    memory_budget: int = MEMORY_BUDGET,
    progress: Callable[[int, int], None] | None = None,
    cancel: threading.Event | None = None,
) -> ComponentEffects:
    """How the target gap at `residue` (0-based; the first masked one when None) changes without each component.

    `given` holds for every run, the one compared with included: which components matter once these are off? `baseline`
    is that run, where the caller has it already (it kept `RESUMABLE`). Raises
    `InputError` when nothing is masked and no residue is named, and `Cancelled` when `cancel` is set.
    """
    at = residue_position(tokens, residue)
    baseline = baseline or run(model, tokens, [given], keep=RESUMABLE)
    listed = components(model.shape)
    conditions = [given, *(given + ablate(component, scope, mode) for component in listed)]
    gaps = sweep(
        model,
        baseline,
        conditions,
        lambda trace: target_gap(trace.logits[:, 0], target, among),
        positions=[at],
        memory_budget=memory_budget,
        progress=progress,
        cancel=cancel,
    )
    effects = gaps[1:] - gaps[0]
    n_layers, n_heads = model.shape.n_layers, model.shape.n_heads
    heads, attention, mlp = np.split(effects, [n_layers * n_heads, n_layers * n_heads + n_layers])
    return ComponentEffects(target, scope, float(gaps[0]), heads.reshape(n_layers, n_heads), attention, mlp)


def residue_position(tokens: Int[Tensor, " pos"], residue: int | None) -> int:
    """The position of a residue, or of the first mask when `residue` is None."""
    if residue is not None:
        if not 0 <= residue < len(tokens) - 2:
            raise InputError(f"residue {residue + 1} is outside the sequence: it has residues 1 to {len(tokens) - 2}")
        return residue + 1
    masked = torch.nonzero(tokens == MASK).flatten()
    if not len(masked):
        raise InputError("no residue is masked: mask one, or say which residue's prediction to follow")
    return int(masked[0])
