"""Running the model: one call for a batch of conditions, and sweeps that reuse what conditions have in common."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Literal, NamedTuple, get_args

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.alphabet import TOKENS
from core.edits import Edits, compile_edits, scope_positions, sources_in
from core.errors import InputError
from core.forward import LayerActivations, Start, embed, head_out, layers, one_layer, unembed
from core.interventions import (
    AblateAttention,
    AblateHead,
    AblateMlp,
    BlockAttention,
    ClampFeature,
    Condition,
    Intervention,
    PatchActivation,
    ScaleFeature,
    Scope,
    Site,
    Source,
    layer_of,
)
from core.model import Model
from core.progress import SILENT, Progress

KeptSite = Literal[
    "resid_pre",
    "resid_mid",
    "resid_post",
    "attn_out",
    "mlp_out",
    "q",
    "k",
    "v",
    "q_rot",
    "k_rot",
    "scores",
    "pattern",
    "z",
]
KEPT_SITES: tuple[KeptSite, ...] = get_args(KeptSite)
MEMORY_BUDGET = 32 * 2**20
"""Bytes that the activations of one batch may take: few enough for a core's cache and for many workers."""


@dataclass(frozen=True, slots=True)
class Keep:
    """Which activations a run hands back: sites, in chosen layers or (None) in all of them."""

    sites: frozenset[KeptSite] = frozenset()
    layers: frozenset[int] | None = None

    @classmethod
    def of(cls, *sites: KeptSite, layers: Sequence[int] | None = None) -> "Keep":
        unknown = [site for site in sites if site not in KEPT_SITES]
        if unknown:
            raise InputError(f"'{unknown[0]}' is not an activation: {', '.join(KEPT_SITES)}")
        return cls(frozenset(sites), None if layers is None else frozenset(layers))

    def wants(self, layer: int) -> bool:
        return bool(self.sites) and (self.layers is None or layer in self.layers)


RESUMABLE = Keep.of("resid_pre", "z", "resid_mid")
"""What a baseline must keep for a sweep to resume from it."""


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """What a run left behind: logits at the positions that were read, and the activations that were asked for.

    In the last layer, activations on the query side hold only `positions`. `trace["pattern", 5]` is layer 6's pattern
    (rows n_heads query pos), with -1 for the last layer and so on.
    """

    model: Model
    tokens: Int[Tensor, "rows pos"]
    conditions: tuple[Condition, ...]
    positions: Int[Tensor, " read"]
    logits: Float[Tensor, "rows read vocab"]
    kept: Mapping[tuple[KeptSite, int], Tensor]

    def __getitem__(self, key: tuple[KeptSite, int]) -> Tensor:
        site, layer = key
        layer = layer % self.model.shape.n_layers
        if (site, layer) not in self.kept:
            raise KeyError(f"'{site}' of layer {layer} was not kept: run again with keep=Keep.of('{site}')")
        return self.kept[site, layer]

    def row(self, index: int) -> "Trace":
        """One row by itself, copied: it doesn't keep the others' activations alive."""
        row = slice(index, index + 1)
        kept = {key: activation[row].clone() for key, activation in self.kept.items()}
        return replace(
            self, tokens=self.tokens[row], conditions=self.conditions[row], logits=self.logits[row], kept=kept
        )

    def head_out(self, layer: int) -> Float[Tensor, "rows n_heads query d_model"]:
        """What each head of a layer writes into the residual stream (needs z)."""
        layer = layer % self.model.shape.n_layers
        return head_out(self.model, layer, self["z", layer])


def run(
    model: Model,
    tokens: Int[Tensor, " pos"] | Int[Tensor, "rows pos"],
    conditions: Sequence[Condition] = ((),),
    *,
    keep: Keep = Keep(),
    positions: Sequence[int] | None = None,
) -> Trace:
    """One forward pass with a row for each condition, all at once.

    `tokens` is one protein under all conditions (pos), or a protein of the same length for each row (rows pos), then
    with as many conditions or a single one for all. `positions` restricts what the last layer computes and unembeds.
    Raises `InputError` for what the model or the sequence does not have.

    >>> from core.alphabet import tokenize
    >>> from core.interventions import AblateHead, Head
    >>> from core.model import load_model
    >>> tokens = tokenize("MKTAYIAKQR", masked=[0])
    >>> off = (AblateHead(Head.parse("L6H8"), "mask"),)
    >>> tuple(run(load_model("embedded"), tokens, [(), off]).logits.shape)  # conditions, BOS to EOS, tokens
    (2, 12, 33)
    """
    prepared = _prepare(model, tokens, conditions, positions)
    start = Start(0, embed(model, prepared.tokens, prepared.edits))
    return _finish(model, prepared, start, keep)


@torch.inference_mode()
def stream(
    model: Model,
    tokens: Int[Tensor, " pos"] | Int[Tensor, "rows pos"],
    conditions: Sequence[Condition] = ((),),
    *,
    patterns: bool = True,
) -> Iterator[LayerActivations]:
    """The layers' activations one layer at a time, for what is too large to keep whole (patterns of long proteins)."""
    prepared = _prepare(model, tokens, conditions, None)
    start = Start(0, embed(model, prepared.tokens, prepared.edits))
    yield from layers(model, start, prepared.edits, patterns=patterns)


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    tokens: Int[Tensor, "rows pos"]
    conditions: tuple[Condition, ...]
    edits: Edits
    read: Int[Tensor, " read"] | None


@torch.inference_mode()
def _prepare(
    model: Model,
    tokens: Tensor,
    conditions: Sequence[Condition],
    positions: Sequence[int] | None,
    sources: Mapping[Source, Trace] | None = None,
) -> _Prepared:
    conditions = tuple(conditions)
    if tokens.ndim == 1:
        tokens = tokens.expand(len(conditions), -1)
    elif len(conditions) == 1:
        conditions = conditions * len(tokens)
    if len(tokens) != len(conditions):
        raise InputError(f"{len(tokens)} rows of tokens cannot follow {len(conditions)} conditions")
    n_pos = tokens.shape[1]
    outside = [position for position in positions or () if not 0 <= position < n_pos]
    if outside:
        raise InputError(f"position {outside[0]} does not exist: BOS, residues and EOS are positions 0 to {n_pos - 1}")
    if tokens.numel() and not 0 <= int(tokens.min()) <= int(tokens.max()) < len(TOKENS):
        raise InputError(f"token ids are 0 to {len(TOKENS) - 1}, not {int(tokens.min())} to {int(tokens.max())}")
    tokens = tokens.to(model.device)
    held = dict(sources or {}) or run_sources(model, tokens, conditions)
    edits = compile_edits(model, tokens, conditions, lambda source, site, layer: held[source][site, layer][0])
    read = None if positions is None else torch.tensor(positions, dtype=torch.long, device=model.device)
    return _Prepared(tokens, conditions, edits, read)


def run_sources(model: Model, tokens: Int[Tensor, "rows pos"], conditions: Sequence[Condition]) -> dict[Source, Trace]:
    """The runs that these conditions take activations from, each done once."""
    return {
        source: run(model, torch.tensor(source.tokens), (source.condition,), keep=_keeping(taken))
        for source, taken in sources_in(conditions, tokens).items()
    }


def _keeping(taken: Iterable[tuple[Site, int]]) -> Keep:
    sites, layers = zip(*taken, strict=True)
    return Keep.of(*sites, layers=layers)


@torch.inference_mode()
def _finish(model: Model, prepared: _Prepared, start: Start, keep: Keep) -> Trace:
    kept: dict[tuple[KeptSite, int], Tensor] = {}
    resid = None
    patterns = bool({"scores", "pattern"} & keep.sites)
    # nobody resumes from attention that is off everywhere, but whoever asks for its activations gets them
    idle = [
        layer
        for layer, edits in enumerate(prepared.edits.layers)
        if edits.attention_off and (keep == RESUMABLE or keep.sites <= {"resid_pre"} or not keep.wants(layer))
    ]
    for computed in layers(model, start, prepared.edits, prepared.read, patterns, idle):
        if keep.wants(computed.layer):
            found: dict[KeptSite, Tensor | None] = {site: getattr(computed, site) for site in keep.sites}
            kept |= {(site, computed.layer): x for site, x in found.items() if x is not None}
        resid = computed.resid_post
    assert resid is not None
    positions = torch.arange(prepared.tokens.shape[1]) if prepared.read is None else prepared.read
    return Trace(model, prepared.tokens, prepared.conditions, positions, unembed(model, resid), kept)


Measure = Callable[[Trace], Tensor]
"""A chunk's trace -> what is wanted of it, a tensor whose first axis is the rows."""


@torch.inference_mode()
def sweep(
    model: Model,
    baseline: Trace,
    conditions: Sequence[Condition],
    measure: Measure,
    *,
    keep: Keep = Keep(),
    positions: Sequence[int] | None = None,
    memory_budget: int | None = None,
    progress: Progress = SILENT,
) -> np.ndarray:
    """`measure` of every condition on the baseline's protein, in the order of `conditions`.

    A condition resumes from `baseline` (a single-row run that kept `RESUMABLE`) where it first differs: every condition
    begins with the baseline's own, mostly (). The last layer computes only `positions`. Conditions go in chunks whose
    activations fit `memory_budget` bytes (by default `MEMORY_BUDGET`); `progress` hears of conditions after each.

    >>> from core.alphabet import tokenize
    >>> from core.components import ablate, components
    >>> from core.metrics import Target
    >>> from core.model import load_model
    >>> model, tokens = load_model("embedded"), tokenize("MKTAYIAKQR", masked=[0])
    >>> conditions = [ablate(component) for component in components(model.shape)]
    >>> baseline = run(model, tokens, keep=RESUMABLE)
    >>> gaps = sweep(model, baseline, conditions, lambda trace: Target().gap(trace.logits[:, 0]), positions=[1])
    >>> len(gaps) == len(conditions)
    True
    """
    if len(baseline.tokens) != 1:
        raise InputError("a sweep resumes from a run of one row: give run(model, tokens, keep=RESUMABLE)")
    if len(baseline.positions) != baseline.tokens.shape[1]:
        raise InputError("a sweep resumes from a run that read every position: leave out `positions` there")
    if not conditions:
        return np.empty((0,))
    results: dict[int, Tensor] = {}
    settings = {"keep": keep, "positions": positions, "memory_budget": memory_budget}
    for chunk, trace in extend(model, [baseline] * len(conditions), conditions, **settings):
        # copied, so that a view does not keep the whole chunk alive
        results |= zip(chunk, measure(trace).to("cpu", copy=True), strict=True)
        progress.report(len(results), len(conditions))
    stacked = torch.stack([results[index] for index in range(len(conditions))])
    return (stacked.float() if stacked.dtype == torch.bfloat16 else stacked).numpy()


@torch.inference_mode()
def extend(
    model: Model,
    baselines: Sequence[Trace],
    conditions: Sequence[Condition],
    *,
    keep: Keep = Keep(),
    positions: Sequence[int] | None = None,
    memory_budget: int | None = None,
) -> Iterator[tuple[list[int], Trace]]:
    """Runs of `conditions` in chunks, each with the indices of its rows.

    Every condition resumes from a baseline of its own, as late as what that kept allows: a single-row run of one
    protein under what the condition begins with. Nothing is kept of the layers before. Settings are those of `sweep`.
    """
    if any(condition[: len(_given(own))] != _given(own) for condition, own in zip(conditions, baselines, strict=True)):
        raise InputError("a sweep's conditions must begin with the condition of the run that it resumes from")
    tokens = baselines[0].tokens[0].cpu()
    sources = run_sources(model, baselines[0].tokens, [tuple(chain.from_iterable(conditions))])
    by_departure: dict[_Departure, list[int]] = {}
    for index, (condition, baseline) in enumerate(zip(conditions, baselines, strict=True)):
        by_departure.setdefault(_departure(condition, baseline, tokens, keep), []).append(index)
    explicit = bool({"pattern", "scores"} & keep.sites) or any(
        isinstance(part, BlockAttention) for condition in conditions for part in condition
    )
    per_chunk = rows_within(model, len(tokens), explicit, memory_budget)
    for departure, members in sorted(by_departure.items()):
        for first in range(0, len(members), per_chunk):
            chunk = members[first : first + per_chunk]
            prepared = _prepare(model, tokens, [conditions[i] for i in chunk], positions, sources)
            start = _resume([baselines[i] for i in chunk], departure, prepared)
            yield chunk, _finish(model, prepared, start, keep)


def _given(baseline: Trace) -> Condition:
    return baseline.conditions[0]


_ATTENTION, _Z, _MLP = range(3)


class _Departure(NamedTuple):
    """The layer, and the stage inside it, before which a condition changes nothing in the run that it extends."""

    layer: int
    stage: int
    only: tuple[int, ...] = ()
    """The only positions that change in that layer, where they are few and what follows at the others was kept."""


def _departure(condition: Condition, baseline: Trace, tokens: Int[Tensor, " pos"], keep: Keep) -> _Departure:
    further = condition[len(_given(baseline)) :]
    last = baseline.model.shape.n_layers - 1
    layer, stage = min(((layer_of(part), _stage(part)) for part in further), default=(last, _MLP))
    only: tuple[int, ...] = ()
    if stage != _ATTENTION and ("resid_pre", layer + 1) in baseline.kept and not keep.wants(layer):
        only = _positions([part for part in further if layer_of(part) == layer], tokens)
    needs = {_Z: "z", _MLP: "resid_mid"}
    if stage in needs and (needs[stage], layer) not in baseline.kept:
        stage = _ATTENTION
    return _Departure(layer, stage, only if len(only) <= len(tokens) // 4 else ())


def _positions(parts: Sequence[Intervention], tokens: Int[Tensor, " pos"]) -> tuple[int, ...]:
    """Where interventions after attention act, in order."""
    scopes: set[Scope] = {
        part.scope
        for part in parts
        if isinstance(part, AblateHead | AblateAttention | AblateMlp | ScaleFeature | ClampFeature | PatchActivation)
    }
    chosen = [scope_positions(scope, tokens) for scope in scopes]
    return tuple(torch.stack(chosen).any(0).nonzero().flatten().tolist())


def _stage(intervention: Intervention) -> int:
    match intervention:
        case (
            AblateMlp() | ScaleFeature() | ClampFeature() | PatchActivation(site="resid_mid" | "mlp_out" | "resid_post")
        ):
            return _MLP
        case AblateHead() | AblateAttention() | PatchActivation(site="z" | "attn_out"):
            return _Z
        case _:
            return _ATTENTION


def _resume(baselines: Sequence[Trace], departure: _Departure, prepared: _Prepared) -> Start:
    """Where rows begin that depart from their baselines at one place."""
    layer, stage, only = departure
    model = baselines[0].model

    def kept(site: KeptSite, layer: int) -> Tensor:
        if all(baseline is baselines[0] for baseline in baselines):
            return baselines[0][site, layer].expand(len(baselines), *baselines[0][site, layer].shape[1:])
        return torch.cat([baseline[site, layer] for baseline in baselines])

    if layer < 0:
        return Start(0, embed(model, prepared.tokens, prepared.edits))
    start = Start(
        layer,
        kept("resid_pre", layer),
        z=kept("z", layer) if stage == _Z else None,
        resid_mid=kept("resid_mid", layer) if stage == _MLP else None,
    )
    if not only:
        return start
    at = torch.tensor(only, device=model.device)
    changed = one_layer(model, start, prepared.edits.layers[layer], at, patterns=False)
    resid = kept("resid_pre", layer + 1).clone()
    resid[:, at] = changed.resid_post
    return Start(layer + 1, resid)


def rows_within(model: Model, n_pos: int, patterns: bool = False, memory_budget: int | None = None) -> int:
    """How many rows of `n_pos` positions fit a budget in bytes (by default `MEMORY_BUDGET`), at least one.

    The widest moment of a layer counts.
    """
    per_position = 12 * model.shape.d_model  # the residual stream, q, k, v, z and the MLP's hidden layer
    if patterns or model.dtype == torch.float64:
        per_position += 3 * model.shape.n_heads * n_pos
    return max(
        1, math.floor((memory_budget or MEMORY_BUDGET) / (per_position * n_pos * model.embedding.element_size()))
    )
