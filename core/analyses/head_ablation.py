"""Which components does a prediction rest on? Every head and every module switched off, one at a time."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from core.components import ablate, components
from core.interventions import Condition, Mode, Scope
from core.metrics import Target
from core.model import Model
from core.progress import SILENT, Progress
from core.run import RESUMABLE, Trace, run, sweep


@dataclass(frozen=True, slots=True, eq=False)
class ComponentEffects:
    """The target gap without each component minus the gap with it, in logits: negative means that it helps."""

    target: Target
    scope: Scope
    gap: float
    """The target gap of the unedited run."""
    heads: Float[np.ndarray, "n_layers n_heads"]
    attention: Float[np.ndarray, " n_layers"]
    mlp: Float[np.ndarray, " n_layers"]

    @property
    def by_layer(self) -> Float[np.ndarray, "n_layers parts"]:
        """A row per layer: its heads, its attention module, its MLP."""
        return np.column_stack([self.heads, self.attention, self.mlp])


def component_sweep(
    model: Model,
    tokens: Int[Tensor, " pos"],
    target: Target = Target(),
    *,
    scope: Scope = "all",
    mode: Mode = "zero",
    given: Condition = (),
    baseline: Trace | None = None,
    progress: Progress = SILENT,
) -> ComponentEffects:
    """How the target gap changes without each component.

    `given` holds for every run, the one compared with included: which components matter once these are off? `baseline`
    is that run, where the caller has it already (it kept `RESUMABLE`). Raises
    `InputError` when nothing is masked and no residue is named.
    """
    baseline = baseline or run(model, tokens, [given], keep=RESUMABLE)
    listed = components(model.shape)
    conditions = [given, *(given + ablate(component, scope, mode) for component in listed)]
    gaps = sweep(
        model,
        baseline,
        conditions,
        lambda trace: target.gap(trace.logits[:, 0]),
        positions=[target.position(tokens)],
        progress=progress,
    )
    effects = gaps[1:] - gaps[0]
    n_layers, n_heads = model.shape.n_layers, model.shape.n_heads
    heads, attention, mlp = np.split(effects, [n_layers * n_heads, n_layers * n_heads + n_layers])
    return ComponentEffects(target, scope, float(gaps[0]), heads.reshape(n_layers, n_heads), attention, mlp)
