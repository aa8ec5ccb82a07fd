"""A batch of conditions turned into tensors: what `core.forward` adds, replaces or multiplies in every layer.

Where several interventions meet at one site, replacements (patches, mean and resample ablation) come first and zeroing
last, whatever their order in the condition; a later replacement of the same place wins.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from core.alphabet import BOS, EOS, MASK
from core.errors import InputError
from core.features.dictionary import Dictionary
from core.interventions import (
    HEAD_SITES,
    AblateAttention,
    AblateHead,
    AblateMlp,
    AblateValues,
    BlockAttention,
    ClampFeature,
    Condition,
    FixTokenDropout,
    Head,
    Intervention,
    PatchActivation,
    RemoveRope,
    ScaleBand,
    ScaleFeature,
    Scope,
    ShiftRope,
    Site,
    Source,
    SwapRope,
    complement,
    describe_scope,
    feature_name,
    layer_of,
)
from core.model import Model

SourceActivation = Callable[[Source, Site, int], Float[Tensor, "..."]]
"""(source, site, layer) -> that run's activation: pos x d_model, or n_heads x pos x d_head at head sites."""


class Replacement(NamedTuple):
    """Values that stand in for an activation wherever `where` is true."""

    where: Bool[Tensor, "..."]
    values: Float[Tensor, "..."]


class AttentionScaling(NamedTuple):
    """One head of one row: its pattern from some queries to some keys is multiplied by `scale`."""

    row: int
    head: int
    queries: Bool[Tensor, " pos"]
    keys: Bool[Tensor, " pos"]
    scale: float
    renormalise: bool


class FeatureChange(NamedTuple):
    """One feature of one row, where its activation becomes `value`, or where that is None `factor` times itself."""

    row: int
    feature: int
    where: Bool[Tensor, " pos"]
    factor: float
    value: float | None = None


@dataclass(slots=True, eq=False)
class LayerEdits:
    """What the rows of a batch change in one layer; None or empty where they leave it alone. Built once, then read."""

    q_positions: Float[Tensor, "rows n_heads pos"] | None = None
    k_positions: Float[Tensor, "rows n_heads pos"] | None = None
    band_gain: Float[Tensor, "rows n_heads n_bands"] | None = None
    v_gain: Float[Tensor, "rows n_heads pos"] | None = None
    z_gain: Float[Tensor, "rows n_heads pos"] | None = None
    attention_gain: Float[Tensor, "rows pos"] | None = None
    mlp_gain: Float[Tensor, "rows pos"] | None = None
    attention: list[AttentionScaling] = field(default_factory=list)
    replacements: dict[Site, Replacement] = field(default_factory=dict)
    dictionary: Dictionary | None = None
    features: list[FeatureChange] = field(default_factory=list)

    @property
    def attention_off(self) -> bool:
        """Whether attention adds nothing anywhere, in any row."""
        off = self.attention_gain is not None and not self.attention_gain.any()
        return off and "resid_pre" not in self.replacements

    @property
    def mlp_off(self) -> bool:
        """Whether the MLP adds nothing anywhere, in any row."""
        return self.mlp_gain is not None and not self.mlp_gain.any()

    def replaced(self, site: Site, x: Float[Tensor, "..."], read: Int[Tensor, " read"] | None = None) -> Tensor:
        """`x` with this site's replacements; `read` says which positions x holds when not all of them."""
        if site not in self.replacements:
            return x
        where, values = self.replacements[site]
        if read is not None:
            where, values = where[..., read], values[..., read, :]
        return torch.where(where.unsqueeze(-1), values, x)

    def scaled_pattern(self, pattern: Tensor, read: Int[Tensor, " read"] | None = None) -> Tensor:
        """`pattern` (rows n_heads query key) with every attention scaling applied, on a copy."""
        if not self.attention:
            return pattern
        pattern = pattern.clone()
        for row, head, queries, keys, scale, renormalise in self.attention:
            edited = queries if read is None else queries[read]
            rest = torch.where(keys, scale * pattern[row, head, edited], pattern[row, head, edited])
            if renormalise:
                total = rest.sum(-1, keepdim=True)
                rest = torch.where(total > 0, rest / total, rest)
            pattern[row, head, edited] = rest
        return pattern

    def with_features(
        self, resid: Float[Tensor, "rows pos d_model"], read: Int[Tensor, " read"] | None = None
    ) -> Tensor:
        """`resid` with every feature changed, on a copy: clamped ones first, whatever their order in the condition."""
        if self.dictionary is None:
            return resid
        at = torch.zeros(resid.shape[0], len(self.features[0].where), dtype=torch.bool, device=resid.device)
        for change in self.features:
            at[change.row] |= change.where
        at = at if read is None else at[:, read]
        rows, positions = at.nonzero(as_tuple=True)
        positions = positions if read is None else read[positions]
        code = self.dictionary.encode(resid[at])
        wanted: dict[int, Tensor] = {}
        for row, feature, where, factor, value in sorted(self.features, key=lambda change: change.value is None):
            here = (rows == row) & where[positions]
            activation = wanted.get(feature, code.features[:, feature])
            changed = factor * activation if value is None else torch.full_like(activation, value)
            wanted[feature] = torch.where(here, changed, activation)
        added = torch.zeros_like(resid[at])
        for feature, activation in wanted.items():
            added += (activation - code.features[:, feature])[:, None] * self.dictionary.decoder[feature]
        resid = resid.clone()
        resid[at] += added * code.std
        return resid


@dataclass(frozen=True, slots=True, eq=False)
class Edits:
    """A batch's edits: the scale of token dropout per row (nan: the model's own), and each layer's."""

    layers: tuple[LayerEdits, ...]
    embedding_scale: Float[Tensor, " rows"] | None = None


def scope_positions(scope: Scope, tokens: Int[Tensor, " pos"]) -> Bool[Tensor, " pos"]:
    """Which positions a scope means in these tokens (BOS and EOS counted).

    Raises `InputError` for "mask" where nothing is masked, and for residues outside the sequence.
    """
    chosen = torch.zeros_like(tokens, dtype=torch.bool)
    if isinstance(scope, tuple):
        n_residues = len(tokens) - 2
        outside = [residue + 1 for residue in scope if residue >= n_residues]
        if outside:
            raise InputError(f"residue {outside[0]} is outside the sequence: it has residues 1 to {n_residues}")
        chosen[[residue + 1 for residue in scope]] = True
        return chosen
    if scope.startswith("not-"):
        return ~scope_positions(complement(scope), tokens)
    if scope == "all":
        chosen[:] = True
    if "mask" in scope:
        chosen |= tokens == MASK
        if not chosen.any():
            raise InputError(f"an intervention acts {describe_scope(scope)}, but no residue is masked")
    if "bos" in scope:
        chosen[tokens == BOS] = True
    if "eos" in scope:
        chosen[tokens == EOS] = True
    return chosen


def check_condition(condition: Condition, model: Model) -> None:
    """Raises `InputError` for a layer, head, band or feature that the model lacks, and for an endless number."""
    shape = model.shape
    for intervention in condition:
        layer = layer_of(intervention)
        if layer >= shape.n_layers:
            raise InputError(f"layer {layer + 1} does not exist: {model.name} has layers 1 to {shape.n_layers}")
        head = getattr(intervention, "head", None)
        index = head.index if isinstance(head, Head) else head
        if index is not None and index >= shape.n_heads:
            raise InputError(f"{Head(layer, index)} does not exist: {model.name} has heads 1 to {shape.n_heads}")
        for name in ("shift", "scale", "factor", "value"):
            if not math.isfinite(getattr(intervention, name, 0)):
                raise InputError(f"{name} must be a finite number, not {getattr(intervention, name)}")
        if isinstance(intervention, FixTokenDropout) and not model.token_dropout:
            raise InputError(f"{model.name} was trained without token dropout: there is no scale to hold")
        if isinstance(intervention, ScaleBand) and intervention.band >= shape.n_bands:
            raise InputError(f"band {intervention.band} does not exist: bands are 0 to {shape.n_bands - 1}")
        if isinstance(intervention, ScaleFeature | ClampFeature):
            n_features = model.dictionary(layer).n_features
            if intervention.feature >= n_features:
                name = feature_name(layer, intervention.feature)
                raise InputError(f"{name} does not exist: its dictionary has features 0 to {n_features - 1}")
        if isinstance(intervention, PatchActivation) and head is not None and intervention.site not in HEAD_SITES:
            raise InputError(
                f"'{intervention.site}' belongs to no head: name no head, or one of {', '.join(HEAD_SITES)}"
            )


def compile_edits(
    model: Model,
    tokens: Int[Tensor, "rows pos"],
    conditions: Sequence[Condition],
    source_activation: SourceActivation,
) -> Edits:
    """The tensors that make each row of `tokens` follow its own condition.

    Raises `InputError` for anything that the model or the sequence does not have.
    """
    compiler = _Compiler(model, tokens, source_activation)
    for row, condition in enumerate(conditions):
        check_condition(condition, model)
        for intervention in condition:
            compiler.add(row, intervention)
    return Edits(tuple(compiler.layers), compiler.embedding_scale)


class _Compiler:
    """Fills the layers' edits, allocating a tensor only where some row needs it."""

    def __init__(self, model: Model, tokens: Int[Tensor, "rows pos"], source_activation: SourceActivation) -> None:
        self.model, self.tokens, self.source_activation = model, tokens, source_activation
        self.layers = [LayerEdits() for _ in range(model.shape.n_layers)]
        self.embedding_scale: Tensor | None = None
        self._scopes: dict[tuple[int, Scope], Tensor] = {}

    def add(self, row: int, intervention: Intervention) -> None:
        edits = self.layers[max(layer_of(intervention), 0)]
        match intervention:
            case AblateHead(head, scope, mode):
                if mode == "zero":
                    self.per_head(edits, "z_gain")[row, head.index, self.at(row, scope)] = 0
                else:
                    self.ablate_to_source(row, intervention, "z", head.index)
            case AblateAttention(_, scope, mode) | AblateMlp(_, scope, mode):
                module = "attention" if isinstance(intervention, AblateAttention) else "mlp"
                if mode == "zero":
                    self.per_position(edits, f"{module}_gain")[row, self.at(row, scope)] = 0
                else:
                    self.ablate_to_source(row, intervention, "attn_out" if module == "attention" else "mlp_out")
            case BlockAttention(head, queries, keys, scale, renormalise):
                places = self.at(row, queries), self.at(row, keys)
                edits.attention.append(AttentionScaling(row, head.index, *places, scale, renormalise))
            case AblateValues(head, scope):
                self.per_head(edits, "v_gain")[row, head.index, self.at(row, scope)] = 0
            case ShiftRope(head, shift, side):
                for name in _rope_sides(side):
                    self.rope(edits, name)[row, head.index] += shift
            case SwapRope(head, scope, residue, side):
                for name in _rope_sides(side):
                    self.rope(edits, name)[row, head.index, self.at(row, scope)] = residue + 1
            case RemoveRope(head, scope, side):
                for name in _rope_sides(side):
                    self.rope(edits, name)[row, head.index, self.at(row, scope)] = 0
            case ScaleBand(head, band, factor):
                if edits.band_gain is None:
                    shape = self.model.shape
                    edits.band_gain = self.ones(len(self.tokens), shape.n_heads, shape.n_bands)
                edits.band_gain[row, head.index, band] *= factor
            case PatchActivation():
                self.patch(row, intervention)
            case ScaleFeature(layer, feature, factor, scope):
                self.change_feature(layer, FeatureChange(row, feature, self.at(row, scope), factor))
            case ClampFeature(layer, feature, value, scope):
                self.change_feature(layer, FeatureChange(row, feature, self.at(row, scope), 1.0, value))
            case FixTokenDropout(scale):
                if self.embedding_scale is None:
                    self.embedding_scale = torch.full_like(self.ones(len(self.tokens)), float("nan"))
                self.embedding_scale[row] = scale

    def at(self, row: int, scope: Scope) -> Bool[Tensor, " pos"]:
        if (row, scope) not in self._scopes:
            self._scopes[row, scope] = scope_positions(scope, self.tokens[row])
        return self._scopes[row, scope]

    def ones(self, *size: int) -> Tensor:
        return torch.ones(size, dtype=self.model.dtype, device=self.model.device)

    def per_head(self, edits: LayerEdits, name: str) -> Tensor:
        if getattr(edits, name) is None:
            setattr(edits, name, self.ones(len(self.tokens), self.model.shape.n_heads, self.tokens.shape[1]))
        return getattr(edits, name)

    def per_position(self, edits: LayerEdits, name: str) -> Tensor:
        if getattr(edits, name) is None:
            setattr(edits, name, self.ones(*self.tokens.shape))
        return getattr(edits, name)

    def rope(self, edits: LayerEdits, name: str) -> Tensor:
        if getattr(edits, name) is None:
            # float32 at least: half precision cannot count beyond 256 positions
            dtype = torch.promote_types(self.model.dtype, torch.float32)
            native = torch.arange(self.tokens.shape[1], dtype=dtype, device=self.model.device)
            setattr(edits, name, native.repeat(len(self.tokens), self.model.shape.n_heads, 1))
        return getattr(edits, name)

    def change_feature(self, layer: int, change: FeatureChange) -> None:
        self.layers[layer].dictionary = self.model.dictionary(layer)
        self.layers[layer].features.append(change)

    def replace(self, row: int, layer: int, site: Site, head: int | None, at: Tensor, values: Tensor) -> None:
        edits, shape, (n_rows, n_pos) = self.layers[layer], self.model.shape, self.tokens.shape
        if site not in edits.replacements:
            per_head = site in HEAD_SITES
            places = (n_rows, shape.n_heads, n_pos) if per_head else (n_rows, n_pos)
            width = shape.d_head if per_head else shape.d_model
            where = torch.zeros(places, dtype=torch.bool, device=self.model.device)
            edits.replacements[site] = Replacement(where, self.ones(*places, width))
        where, held = edits.replacements[site]
        if site not in HEAD_SITES:
            where[row, at], held[row, at] = True, values
        else:
            heads = slice(None) if head is None else slice(head, head + 1)
            where[row, heads, at], held[row, heads, at] = True, values if head is None else values[None]

    def ablate_to_source(
        self, row: int, ablation: AblateHead | AblateAttention | AblateMlp, site: Site, head: int | None = None
    ) -> None:
        if ablation.mode == "resample" and ablation.source is None:
            raise InputError("resample ablation needs a source run to take activations from")
        tokens = tuple(self.tokens[row].tolist())
        source = ablation.source or Source(tokens)
        layer = layer_of(ablation)
        values = self.source_activation(source, site, layer)
        values = values if head is None else values[head]
        at = self.at(row, ablation.scope)
        if ablation.mode == "mean":
            values = values.mean(-2, keepdim=True).expand(int(at.sum()), -1)
        else:
            if len(source.tokens) != len(tokens):
                raise InputError(
                    f"resample needs runs of one length, not {len(tokens) - 2} and {len(source.tokens) - 2}"
                )
            values = values[at]
        self.replace(row, layer, site, head, at, values)

    def patch(self, row: int, patch: PatchActivation) -> None:
        source_tokens = torch.tensor(patch.source.tokens, device=self.tokens.device)
        at = self.at(row, patch.scope)
        taken = scope_positions(patch.source_scope if patch.source_scope is not None else patch.scope, source_tokens)
        if at.sum() != taken.sum():
            raise InputError(f"a patch takes {int(taken.sum())} positions of its source but writes {int(at.sum())}")
        values = self.source_activation(patch.source, patch.site, patch.layer)
        if patch.head is not None:
            values = values[patch.head]
        self.replace(row, patch.layer, patch.site, patch.head, at, values[..., taken, :])


def _rope_sides(side: str) -> list[str]:
    return [f"{letter}_positions" for letter in side]


def sources_in(
    conditions: Sequence[Condition], tokens: Int[Tensor, "rows pos"]
) -> Mapping[Source, frozenset[tuple[Site, int]]]:
    """The other runs that these conditions take activations from, and the (site, layer) pairs taken from each."""
    needed: dict[Source, frozenset[tuple[Site, int]]] = {}

    def note(source: Source, site: Site, layer: int) -> None:
        needed[source] = frozenset({(site, layer), *needed.get(source, ())})

    for row, condition in enumerate(conditions):
        for intervention in condition:
            match intervention:
                case PatchActivation(site, layer, source):
                    note(source, site, layer)
                case AblateHead(Head(layer), mode="mean" | "resample", source=source):
                    note(source or Source(tuple(tokens[row].tolist())), "z", layer)
                case AblateAttention(layer, mode="mean" | "resample", source=source):
                    note(source or Source(tuple(tokens[row].tolist())), "attn_out", layer)
                case AblateMlp(layer, mode="mean" | "resample", source=source):
                    note(source or Source(tuple(tokens[row].tolist())), "mlp_out", layer)
                case _:
                    pass
    return needed
