"""Which components does a prediction rest on? Every head and every module switched off, one at a time."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.components import ablate, components
from core.interventions import Condition, Mode, Scope, layer_of
from core.metrics import Target
from core.model import Model, ModelShape
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
    def n_known_layers(self) -> int:
        """How many of the first layers' effects are measured: while a sweep runs, NaN stands for those to come."""
        return int(np.isfinite(self.mlp).sum())

    def or_else(self, guess: "ComponentEffects") -> "ComponentEffects":
        """With the estimates of `guess` where nothing is measured yet."""
        return replace(
            self,
            heads=np.where(np.isnan(self.heads), guess.heads, self.heads),
            attention=np.where(np.isnan(self.attention), guess.attention, self.attention),
            mlp=np.where(np.isnan(self.mlp), guess.mlp, self.mlp),
        )

    @property
    def by_layer(self) -> Float[np.ndarray, "n_layers parts"]:
        """A row per layer: its heads, its attention module, its MLP."""
        return np.column_stack([self.heads, self.attention, self.mlp])


@dataclass(frozen=True, slots=True, eq=False)
class ComponentLogits:
    """Logits at one residue without each component: the effects on every target are read off them."""

    shape: ModelShape
    scope: Scope
    logits: Float[np.ndarray, "runs vocab"]
    """Of the run with all components, then without each in the order of `core.components.components`."""

    def effects(self, target: Target) -> ComponentEffects:
        """What each component's absence does to one target at that residue."""
        gaps = target.gap(torch.from_numpy(self.logits)).numpy()
        effects = gaps[1:] - gaps[0]
        n_layers, n_heads = self.shape.n_layers, self.shape.n_heads
        heads, attention, mlp = np.split(effects, [n_layers * n_heads, n_layers * n_heads + n_layers])
        return ComponentEffects(target, self.scope, float(gaps[0]), heads.reshape(n_layers, n_heads), attention, mlp)


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
    found = component_logits(
        model,
        tokens,
        target.position(tokens),
        scope=scope,
        mode=mode,
        given=given,
        baseline=baseline,
        progress=progress,
    )
    return found.effects(target)


def component_logits(
    model: Model,
    tokens: Int[Tensor, " pos"],
    position: int,
    *,
    scope: Scope = "all",
    mode: Mode = "zero",
    given: Condition = (),
    baseline: Trace | None = None,
    progress: Progress = SILENT,
) -> ComponentLogits:
    """The sweep of `component_sweep` for whichever target is followed at `position` (BOS is 0).

    Layer by layer: `progress` is shown what is known after each, NaN for the parts of layers to come.
    """
    baseline = baseline or run(model, tokens, [given], keep=RESUMABLE)
    edits = [ablate(component, scope, mode) for component in components(model.shape)]
    layers = np.array([layer_of(edit[0]) for edit in edits])
    clean = baseline.logits[0, position].double().numpy(force=True)
    logits = np.vstack([clean, np.full((len(edits), len(clean)), np.nan)])
    for layer in range(model.shape.n_layers):
        of_layer = np.flatnonzero(layers == layer)
        logits[1 + of_layer] = sweep(
            model,
            baseline,
            [given + edits[part] for part in of_layer],
            lambda trace: trace.logits[:, 0],
            positions=[position],
            progress=progress.stretch(layer, model.shape.n_layers),
        )
        progress.show(ComponentLogits(model.shape, scope, logits.copy()))
    return ComponentLogits(model.shape, scope, logits)
