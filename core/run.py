"""Running the model: one call for a batch of conditions, and sweeps that reuse what conditions have in common."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.alphabet import TOKENS
from core.edits import Edits, compile_edits, sources_in
from core.errors import InputError
from core.forward import LayerActivations, Start, embed, head_out, layers, unembed
from core.interventions import (
    AblateAttention,
    AblateHead,
    AblateMlp,
    BlockAttention,
    ClampFeature,
    Condition,
    PatchActivation,
    ScaleFeature,
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
    for computed in layers(model, start, prepared.edits, prepared.read, patterns):
        if keep.wants(computed.layer):
            kept |= {(site, computed.layer): getattr(computed, site) for site in keep.sites}
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
    given = baseline.conditions[0]
    if any(condition[: len(given)] != given for condition in conditions):
        raise InputError("a sweep's conditions must begin with the condition of the run that it resumes from")
    if len(baseline.positions) != baseline.tokens.shape[1]:
        raise InputError("a sweep resumes from a run that read every position: leave out `positions` there")
    if not conditions:
        return np.empty((0,))
    sources = run_sources(model, baseline.tokens, [tuple(chain.from_iterable(conditions))])
    by_start: dict[tuple[int, int], list[int]] = {}
    for index, condition in enumerate(conditions):
        by_start.setdefault(_first_edit(condition[len(given) :], model), []).append(index)
    explicit = bool({"pattern", "scores"} & keep.sites) or any(
        isinstance(part, BlockAttention) for condition in conditions for part in condition
    )
    per_chunk = rows_within(model, baseline.tokens.shape[1], explicit, memory_budget)
    results: dict[int, Tensor] = {}
    for (layer, stage), members in sorted(by_start.items()):
        for first in range(0, len(members), per_chunk):
            chunk = members[first : first + per_chunk]
            prepared = _prepare(model, baseline.tokens[0], [conditions[i] for i in chunk], positions, sources)
            start = _resume(baseline, layer, stage, prepared)
            measured = measure(_finish(model, prepared, start, keep))
            # copied, so that a view does not keep the whole chunk alive
            results |= zip(chunk, measured.to("cpu", copy=True), strict=True)
            progress.report(len(results), len(conditions))
    stacked = torch.stack([results[index] for index in range(len(conditions))])
    return (stacked.float() if stacked.dtype == torch.bfloat16 else stacked).numpy()


_ATTENTION, _Z, _MLP = range(3)


def _first_edit(condition: Condition, model: Model) -> tuple[int, int]:
    """The layer, and the stage inside it, before which a condition changes nothing."""
    return min(((layer_of(part), _stage(part)) for part in condition), default=(model.shape.n_layers - 1, _MLP))


def _stage(intervention: object) -> int:
    match intervention:
        case (
            AblateMlp() | ScaleFeature() | ClampFeature() | PatchActivation(site="resid_mid" | "mlp_out" | "resid_post")
        ):
            return _MLP
        case AblateHead() | AblateAttention() | PatchActivation(site="z" | "attn_out"):
            return _Z
        case _:
            return _ATTENTION


def _resume(baseline: Trace, layer: int, stage: int, prepared: _Prepared) -> Start:
    n_rows = len(prepared.tokens)
    if layer < 0:
        return Start(0, embed(baseline.model, prepared.tokens, prepared.edits))
    resid_pre = baseline["resid_pre", layer].expand(n_rows, -1, -1)
    z = baseline["z", layer].expand(n_rows, -1, -1, -1) if stage == _Z else None
    resid_mid = baseline["resid_mid", layer].expand(n_rows, -1, -1) if stage == _MLP else None
    return Start(layer, resid_pre, z, resid_mid)


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
