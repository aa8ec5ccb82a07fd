"""Is a circuit enough? Everything ablated but the circuit; and what the circuit says where it should keep silent."""

from collections.abc import Callable, Collection, Mapping, Sequence

import pandas as pd
import torch
from jaxtyping import Int
from torch import Tensor

from core.alphabet import tokenize
from core.analyses.reading import read
from core.components import components
from core.errors import InputError
from core.interventions import (
    AblateAttention,
    AblateHead,
    AblateMlp,
    Component,
    Condition,
    Head,
    Mode,
    NamedScope,
    RemoveRope,
    Scope,
    Source,
    complement,
    component_name,
)
from core.metrics import Target
from core.model import Model, ModelShape
from core.progress import SILENT, Progress
from core.run import Trace, rows_within, run


def keep_only(
    shape: ModelShape,
    kept: Collection[Component],
    *,
    scope: Scope = "all",
    attention_at: NamedScope = "all",
    mlps_at: NamedScope = "all",
    mode: Mode = "zero",
    source: Source | None = None,
) -> Condition:
    """The condition that ablates everything except `kept`, at the positions of `scope`.

    Keeping a head keeps its layer's output bias too; keeping an attention module keeps all its heads. `attention_at`
    and `mlps_at` keep the circuit's own parts at those positions only (with `scope` "all"). Raises `InputError` for a
    component that the model lacks. Source: Jedryszek & Crook 2026, Methods, "Causal sufficiency testing".
    """
    unknown = [component for component in kept if component not in components(shape)]
    if unknown:
        lacking = component_name(unknown[0])
        raise InputError(f"no component {lacking} in a model of {shape.n_layers} layers of {shape.n_heads} heads")
    if scope != "all" and (attention_at, mlps_at) != ("all", "all"):
        raise InputError("a circuit kept at some positions only needs everything else ablated at all positions")
    attention_off = None if attention_at == "all" else complement(attention_at)
    mlps_off = None if mlps_at == "all" else complement(mlps_at)
    condition: list[AblateHead | AblateAttention | AblateMlp] = []
    for layer in range(shape.n_layers):
        heads = [Head(layer, index) for index in range(shape.n_heads)]
        spared = heads if ("attention", layer) in kept else [head for head in heads if head in kept]
        if not spared:
            condition.append(AblateAttention(layer, scope, mode, source))
        else:
            condition += [AblateHead(head, scope, mode, source) for head in heads if head not in spared]
            condition += [AblateAttention(layer, attention_off, mode, source)] if attention_off else []
        if ("mlp", layer) not in kept:
            condition.append(AblateMlp(layer, scope, mode, source))
        elif mlps_off:
            condition.append(AblateMlp(layer, mlps_off, mode, source))
    return tuple(condition)


def token_scopes(
    model: Model,
    tokens: Int[Tensor, " pos"],
    kept: Collection[Component],
    *,
    target: Target = Target(),
    baseline: Trace | None = None,
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """Where must a circuit's parts work? The target at the first mask with `kept` working at some positions only.

    One row per choice of positions: columns attention_at, mlps_at, gap, logit; the first row ("the whole model") has
    nothing ablated. Source: Jedryszek & Crook 2026, Figure 3F and Extended Data Figure 13.
    """
    scopes: tuple[NamedScope, ...] = ("mask", "bos", "bos+mask", "all")
    chosen: list[tuple[NamedScope, NamedScope]] = [(a, m) for a in scopes for m in scopes]
    conditions = [keep_only(model.shape, kept, attention_at=a, mlps_at=m) for a, m in chosen]
    found = read(model, tokens, [(), *conditions], target=target, baseline=baseline, progress=progress)
    whole = ("the whole model", "the whole model")
    table = pd.DataFrame([whole, *chosen], columns=["attention_at", "mlps_at"])
    return table.assign(gap=found.gap, logit=found.logit)


def without_rope(shape: ModelShape, kept: Collection[Component]) -> Condition:
    """No rotation of the mask's q and k in any attention head of a circuit."""
    heads = [component for component in components(shape) if isinstance(component, Head)]
    return tuple(RemoveRope(head, "mask") for head in heads if head in kept or ("attention", head.layer) in kept)


def gaps_along(
    model: Model,
    sequence: str,
    residues: Sequence[int],
    conditions: Mapping[str, Condition | Callable[[Int[Tensor, " pos"]], Condition]],
    *,
    target: Target = Target(),
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """The target's gap with each of `residues` (0-based) masked in turn: columns residue, condition, gap (logits).

    A condition may be made of the tokens that it is run on: a resample ablation's source has the same masks.
    A circuit over-predicts where its gap is positive and the whole model's isn't. Raises `InputError` for a residue
    outside the sequence.
    """
    rows = [(residue, name) for residue in residues for name in conditions]
    tokens = torch.stack([tokenize(sequence, [residue]) for residue, _ in rows])
    per_chunk = rows_within(model, tokens.shape[1])
    gaps: list[float] = []
    for start in range(0, len(rows), per_chunk):
        chunk = rows[start : start + per_chunk]
        masked = tokens[start : start + per_chunk]
        told = [conditions[name] for _, name in chunk]
        made = [each(row) if callable(each) else each for each, row in zip(told, masked, strict=True)]
        trace = run(model, masked, made)
        at = torch.tensor([residue + 1 for residue, _ in chunk])
        gaps += target.gap(trace.logits[torch.arange(len(chunk)), at]).tolist()
        progress.report(len(gaps), len(rows))
    return pd.DataFrame(rows, columns=["residue", "condition"]).assign(gap=gaps)
