"""What is the least that a prediction needs? Components ablated one after another until it fails."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.components import ablate
from core.errors import InputError
from core.interventions import Component, Condition, Scope, layer_of
from core.metrics import Target
from core.model import Model
from core.progress import SILENT, Progress
from core.run import RESUMABLE, Keep, Trace, extend, run

MOST_KEPT: Final = 256 * 2**20
"""Bytes that a search may keep of one step's runs for the next."""


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
    whole = run(model, tokens, [given], keep=RESUMABLE)
    position = target.position(tokens)
    start = float(target.gap(whole.logits[0, position]))
    if start <= 0:
        raise InputError(f"{target.letter} doesn't rank first here (gap {start:.2f}): there is no circuit to reduce")
    keep = _worth_keeping(model, tokens, candidates)
    left, removed, gaps, logits = list(candidates), [], [], []
    without: dict[Component, Trace] = {}
    while left and (not gaps or gaps[-1] > 0):
        without = _without_each(whole, without, left, removed[-1:], scope, keep, position)
        found = torch.stack([without[component].logits[0, 0] for component in left])
        found = found.to(torch.promote_types(found.dtype, torch.float32))
        gap, logit = target.gap(found).numpy(force=True), target.logit(found).numpy(force=True)
        least = int(logit.argmax())
        removed.append(left.pop(least))
        gaps.append(gap[least])
        logits.append(logit[least])
        whole = _extended(whole, removed[-1], scope)
        progress.report(len(removed), len(candidates))
    needed = [*left, removed[-1]] if gaps and gaps[-1] <= 0 else left
    in_order = tuple(component for component in candidates if component in needed)
    return MinimalCircuit(tuple(removed), np.array(gaps), np.array(logits), in_order)


def _layer(component: Component) -> int:
    return layer_of(ablate(component)[0])


def _worth_keeping(model: Model, tokens: Int[Tensor, " pos"], candidates: Sequence[Component]) -> Keep:
    """What a run without a candidate is continued from one step later: the streams before later candidates' layers.

    Nothing where they would take too much memory.
    """
    layers = sorted(set(map(_layer, candidates)))[1:]
    floats = sum(layer > _layer(component) for component in candidates for layer in layers)
    bytes_each = len(tokens) * model.shape.d_model * model.embedding.element_size()
    return Keep.of("resid_pre", layers=layers) if floats * bytes_each <= MOST_KEPT else Keep()


def _without_each(
    whole: Trace,
    before: Mapping[Component, Trace],
    left: Sequence[Component],
    last: Sequence[Component],
    scope: Scope,
    keep: Keep,
    position: int,
) -> dict[Component, Trace]:
    """The run without each of `left`, one step further than `before`: `last` has been ablated since.

    It goes on from the later of two places: where the candidate changes `whole`, which lacks `last` already, or where
    `last` changes the candidate's own run of one step before.
    """
    baselines: list[Trace] = []
    conditions: list[Condition] = []
    for component in left:
        baseline, further = whole, component
        if last and _layer(component) < _layer(last[0]) and keep.wants(_layer(last[0])):
            baseline, further = before[component], last[0]
        baselines.append(baseline)
        conditions.append(baseline.conditions[0] + ablate(further, scope))
    found: dict[Component, Trace] = {}
    for chunk, trace in extend(whole.model, baselines, conditions, keep=keep, positions=[position]):
        for row, index in enumerate(chunk):
            own = trace.row(row)
            found[left[index]] = own if baselines[index] is whole else _with_earlier(own, baselines[index], last[0])
    return found


def _extended(whole: Trace, further: Component, scope: Scope) -> Trace:
    """`whole` without one component more, to be extended again."""
    condition = whole.conditions[0] + ablate(further, scope)
    ((_, trace),) = extend(whole.model, [whole], [condition], keep=RESUMABLE)
    return _with_earlier(trace, whole, further)


def _with_earlier(trace: Trace, baseline: Trace, further: Component) -> Trace:
    """A run with what its baseline kept of the layers before the one where they part, which holds for both."""
    earlier = {key: activation for key, activation in baseline.kept.items() if key[1] < _layer(further)}
    return replace(trace, kept={**earlier, **trace.kept})
