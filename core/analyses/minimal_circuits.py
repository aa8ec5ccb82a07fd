"""What is the least that a prediction needs? Components ablated one after another until it fails."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from core.analyses.reading import Reading, read
from core.components import ablate
from core.errors import InputError
from core.interventions import Component, Condition, Scope
from core.metrics import Target
from core.model import Model
from core.progress import SILENT, Progress
from core.run import RESUMABLE, run


@dataclass(frozen=True, slots=True, eq=False)
class MinimalCircuit:
    """A greedy search's path: what was ablated, in order, what that did, and what could not be spared."""

    removed: tuple[Component, ...]
    """In the order of ablation; the prediction fails with the last one, where it fails at all."""
    gaps: Float[np.ndarray, " removed"]
    """The target gap after each ablation, in logits."""
    logits: Float[np.ndarray, " removed"]
    needed: tuple[Component, ...]
    """The minimal set: what was never ablated, and the component whose ablation broke the prediction."""


def minimal_circuit(
    model: Model,
    tokens: Int[Tensor, " pos"],
    candidates: Sequence[Component],
    *,
    scope: Scope = "mask",
    given: Condition = (),
    target: Target = Target(),
    progress: Progress = SILENT,
) -> MinimalCircuit:
    """The greedy minimal circuit of the target at the first mask, among `candidates`.

    Whatever costs the target's logit least is ablated for good, again and again, until the target no longer ranks
    first. `given` is ablated from the start. `progress` hears (ablated, candidates). Source: Jedryszek & Crook 2026,
    Methods, "Greedy minimal-circuit discovery". Raises `InputError` when the target doesn't rank first to begin with.
    """

    def read_without(ablated: Condition, further: Sequence[Condition]) -> Reading:
        baseline = run(model, tokens, [ablated], keep=RESUMABLE)
        conditions = [ablated + condition for condition in further]
        return read(model, tokens, conditions, target=target, baseline=baseline)

    start = read_without(given, [()]).gap[0]
    if start <= 0:
        raise InputError(f"{target.letter} doesn't rank first here (gap {start:.2f}): there is no circuit to reduce")
    left, removed, gaps, logits = list(candidates), [], [], []
    ablated = given
    while left and (not gaps or gaps[-1] > 0):
        found = read_without(ablated, [ablate(component, scope) for component in left])
        least = int(found.logit.argmax())
        removed.append(left.pop(least))
        ablated += ablate(removed[-1], scope)
        gaps.append(found.gap[least])
        logits.append(found.logit[least])
        progress.report(len(removed), len(candidates))
    needed = [*left, removed[-1]] if gaps and gaps[-1] <= 0 else left
    in_order = tuple(component for component in candidates if component in needed)
    return MinimalCircuit(tuple(removed), np.array(gaps), np.array(logits), in_order)
