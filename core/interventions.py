"""What may be changed in a forward pass, as frozen data: hashable, JSON in and out, said in a sentence.

A `Condition` (a tuple of interventions) is one row of a batch, a cache key, a permalink and a command-line argument.
`core.edits` turns a batch of them into tensors.

>>> condition = (AblateHead(Head.parse("L6H8"), "mask"), ShiftRope(Head.parse("L5H9"), 3))
>>> condition_from_json(condition_to_json(condition)) == condition, condition in {condition}
(True, True)
>>> print(describe(condition))
L6H8 off at the mask · q of L5H9 shifted by +3 residues
"""

import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from core.errors import InputError

Index = Annotated[int, Meta(ge=0)]
Side = Literal["q", "k", "qk"]
NamedScope = Literal["mask", "bos", "bos+mask", "bos+eos", "not-mask", "not-bos", "not-bos+mask", "not-bos+eos", "all"]
Scope = NamedScope | tuple[Index, ...]
"""Where an intervention acts: masked residues, BOS, both ends (BOS and EOS), everything else, or residues by their
0-based indices."""
HeadSite = Literal["q", "k", "v", "q_rot", "k_rot", "z"]
StreamSite = Literal["resid_pre", "attn_out", "resid_mid", "mlp_out", "resid_post"]
Site = HeadSite | StreamSite
Mode = Literal["zero", "mean", "resample"]

HEAD_SITES: tuple[HeadSite, ...] = ("q", "k", "v", "q_rot", "k_rot", "z")
STREAM_SITES: tuple[StreamSite, ...] = ("resid_pre", "attn_out", "resid_mid", "mlp_out", "resid_post")
MOST_LISTED = 10


class Head(msgspec.Struct, frozen=True, order=True):
    """An attention head by 0-based layer and index; people read and write it counted from 1, as L6H8."""

    layer: Index
    index: Index

    def __str__(self) -> str:
        return f"L{self.layer + 1}H{self.index + 1}"

    @classmethod
    def parse(cls, text: str) -> "Head":
        """The head that a person calls `text`; `InputError` unless it is written like L6H8."""
        found = re.fullmatch(r"\s*L([1-9]\d*)\s*H([1-9]\d*)\s*", text, re.IGNORECASE)
        if not found:
            raise InputError(f"'{text}' is not a head: write layer and head counted from 1, as L6H8")
        return cls(int(found[1]) - 1, int(found[2]) - 1)


Module = tuple[Literal["attention", "mlp"], int]
"""A layer's whole attention module or MLP, by the layer's 0-based number."""
Component = Head | Module


def component_name(component: Component) -> str:
    """What people call a component, layers and heads counted from 1: L6H8, L6 attention, L1 MLP."""
    if isinstance(component, Head):
        return str(component)
    kind, layer = component
    return f"L{layer + 1} {'MLP' if kind == 'mlp' else kind}"


def feature_name(layer: int, feature: int) -> str:
    """What people call a feature: its layer counted from 1 and its number in the dictionary's file, as L3F120."""
    return f"L{layer + 1}F{feature}"


def parse_feature(text: str) -> tuple[int, int]:
    """(layer, feature) of the feature that a person calls `text`; `InputError` unless it is written like L3F120."""
    found = re.fullmatch(r"\s*L([1-9]\d*)\s*F(\d+)\s*", text, re.IGNORECASE)
    if not found:
        raise InputError(f"'{text}' is not a feature: write its layer, from 1, and its number, from 0, as L3F120")
    return int(found[1]) - 1, int(found[2])


def parse_component(text: str) -> Component:
    """The component that a person calls `text`; `InputError` unless it is written like L6H8, L6 attention or L1 MLP."""
    found = re.fullmatch(r"\s*L([1-9]\d*)\s*(attention|mlp)\s*", text, re.IGNORECASE)
    if found:
        return ("mlp" if found[2].lower() == "mlp" else "attention", int(found[1]) - 1)
    try:
        return Head.parse(text)
    except InputError:
        raise InputError(f"'{text}' is not a component: write it as L6H8, L6 attention or L1 MLP") from None


class Source(msgspec.Struct, frozen=True):
    """Another run to take activations from, described by its data: its tokens, and its own condition."""

    tokens: tuple[Index, ...]
    condition: "Condition" = ()


class _Intervention(
    msgspec.Struct, frozen=True, tag=True, tag_field="kind", forbid_unknown_fields=True, omit_defaults=True
):
    """Base of all interventions; its JSON names the class under "kind"."""


class AblateHead(_Intervention, frozen=True):
    """A head's z replaced before the output projection: by zero, by its mean over positions of `source` (the clean run
    of the same tokens when None), or by `source`'s own z at the same places (resample)."""

    head: Head
    scope: Scope = "all"
    mode: Mode = "zero"
    source: Source | None = None


class AblateAttention(_Intervention, frozen=True):
    """A whole attention module's output, bias included, replaced before it joins the residual stream."""

    layer: Index
    scope: Scope = "all"
    mode: Mode = "zero"
    source: Source | None = None


class AblateMlp(_Intervention, frozen=True):
    """A whole MLP's output, bias included, replaced before it joins the residual stream."""

    layer: Index
    scope: Scope = "all"
    mode: Mode = "zero"
    source: Source | None = None


class BlockAttention(_Intervention, frozen=True):
    """A head's pattern from `queries` to `keys` multiplied by `scale` (0 blocks it); with `renormalise` each edited
    query's pattern is divided by its sum afterwards, so that the rest takes over what was removed."""

    head: Head
    queries: Scope = "all"
    keys: Scope = "bos"
    scale: float = 0.0
    renormalise: bool = False


class AblateValues(_Intervention, frozen=True):
    """A head's value vectors set to zero at `scope`: BOS alone, or everything but BOS ("not-bos")."""

    head: Head
    scope: Scope = "bos"


class ShiftRope(_Intervention, frozen=True):
    """A head's RoPE positions moved by `shift` residues on q, on k, or on both (the control: nothing may change)."""

    head: Head
    shift: float
    side: Side = "q"


class SwapRope(_Intervention, frozen=True):
    """A head's rotations at `scope` replaced by those that residue `residue` (0-based) natively has."""

    head: Head
    scope: Scope = "mask"
    residue: Index = 0
    side: Side = "q"


class RemoveRope(_Intervention, frozen=True):
    """A head's rotations at `scope` replaced by the identity."""

    head: Head
    scope: Scope = "all"
    side: Side = "qk"


class ScaleBand(_Intervention, frozen=True):
    """What one RoPE band adds to every score of a head, multiplied by `factor`."""

    head: Head
    band: Index
    factor: float = 0.0


class PatchActivation(_Intervention, frozen=True):
    """An activation replaced at `scope` by the one that `source` has at `source_scope` (the same scope when None).

    Scopes are resolved in each run's own tokens: "mask" carries the mask of one run onto the mask of the other. `head`
    chooses one head at a head site (None: all of them) and must be None at a site of the residual stream.
    """

    site: Site
    layer: Index
    source: Source
    head: Index | None = None
    scope: Scope = "mask"
    source_scope: Scope | None = None


class ScaleFeature(_Intervention, frozen=True):
    """A feature's activation at `scope` multiplied by `factor` (0 ablates it), the rest of the stream left as it is.

    The stream after `layer` changes by the change of activation times the feature's decoder row, so that whatever the
    dictionary doesn't say (its error) stays; features are numbered from 0, as in their files.
    """

    layer: Index
    feature: Index
    factor: float = 0.0
    scope: Scope = "all"


class ClampFeature(_Intervention, frozen=True):
    """A feature's activation at `scope` set to `value`, whether it was active or not; see `ScaleFeature`."""

    layer: Index
    feature: Index
    value: float
    scope: Scope = "all"


class FixTokenDropout(_Intervention, frozen=True):
    """The scale of token dropout held at `scale`, instead of following length and number of masks."""

    scale: float


Intervention = (
    AblateHead
    | AblateAttention
    | AblateMlp
    | BlockAttention
    | AblateValues
    | ShiftRope
    | SwapRope
    | RemoveRope
    | ScaleBand
    | PatchActivation
    | ScaleFeature
    | ClampFeature
    | FixTokenDropout
)
Condition = tuple[Intervention, ...]
"""One batch row: any number of interventions. () leaves the model alone."""

_DECODER = msgspec.json.Decoder(Condition)


def condition_to_json(condition: Condition) -> str:
    """The condition as compact JSON, layers and heads counted from 0."""
    return msgspec.json.encode(condition).decode()


def condition_from_json(text: str | bytes) -> Condition:
    """The condition that `text` describes; `InputError` in one line when it is not one."""
    try:
        return _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise InputError(f"not a list of interventions: {error}") from error


def layer_of(intervention: Intervention) -> int:
    """The layer that an intervention acts in; token dropout, before every layer, gives -1."""
    match intervention:
        case FixTokenDropout():
            return -1
        case AblateAttention() | AblateMlp() | PatchActivation() | ScaleFeature() | ClampFeature():
            return intervention.layer
        case _:
            return intervention.head.layer


_COMPLEMENTS: dict[NamedScope, NamedScope] = {
    "mask": "not-mask",
    "bos": "not-bos",
    "bos+mask": "not-bos+mask",
    "bos+eos": "not-bos+eos",
    "not-mask": "mask",
    "not-bos": "bos",
    "not-bos+mask": "bos+mask",
    "not-bos+eos": "bos+eos",
}
_SCOPES = {
    "mask": "at the mask",
    "bos": "at BOS",
    "bos+mask": "at BOS and the mask",
    "bos+eos": "at BOS and EOS",
    "not-mask": "everywhere but the mask",
    "not-bos": "everywhere but BOS",
    "not-bos+mask": "everywhere but BOS and the mask",
    "not-bos+eos": "everywhere but BOS and EOS",
    "all": "at every position",
}


def complement(scope: NamedScope) -> NamedScope:
    """The scope of all positions that `scope` leaves out; `InputError` for "all", which leaves out none."""
    if scope == "all":
        raise InputError("every position is in the scope 'all': nothing is left for its complement")
    return _COMPLEMENTS[scope]


def describe_scope(scope: Scope) -> str:
    """The scope in words: "at the mask", "at residues 3, 4"."""
    if isinstance(scope, str):
        return _SCOPES[scope]
    numbers = ", ".join(str(residue + 1) for residue in scope)
    return f"at residue{'s' if len(scope) != 1 else ''} {numbers}"


def describe(condition: Condition) -> str:
    """What the condition does, in a plain phrase; "nothing is changed" for the empty one.

    Interventions that differ only in the component they name are told together: "L1H8, L4H3 off at the mask".
    """
    groups: dict[str, list[str]] = {}
    for intervention in condition:
        subject, predicate = _phrase(intervention)
        groups.setdefault(predicate, []).append(subject)
    return " · ".join(f"{_listed(s)} {p}".strip() for p, s in groups.items()) or "nothing is changed"


def _listed(subjects: list[str]) -> str:
    """All of a few, or the first ones of many and how many more."""
    shown = subjects if len(subjects) <= MOST_LISTED else subjects[: MOST_LISTED - 2]
    more = len(subjects) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _phrase(intervention: Intervention) -> tuple[str, str]:
    match intervention:
        case AblateHead() | AblateAttention() | AblateMlp():
            ended = {"zero": "off", "mean": "set to its mean", "resample": "resampled"}[intervention.mode]
            return _subject(intervention), f"{ended} {describe_scope(intervention.scope)}"
        case BlockAttention(head, queries, keys, scale, renormalise):
            verb = "blocked" if scale == 0 else f"times {scale:g}"
            target = describe_scope(keys).removeprefix("at ")
            tail = ", renormalised" if renormalise else ""
            return f"attention of {head}", f"to {target} {verb} {describe_scope(queries)}{tail}"
        case AblateValues(head, scope):
            return f"values of {head}", f"zeroed {describe_scope(scope)}"
        case ShiftRope(head, shift, side):
            return f"{_side(side)} of {head}", f"shifted by {shift:+g} residues"
        case SwapRope(head, scope, residue, side):
            return f"{_side(side)} of {head}", f"given the rotation of residue {residue + 1} {describe_scope(scope)}"
        case RemoveRope(head, scope, side):
            return f"{_side(side)} of {head}", f"without rotation {describe_scope(scope)}"
        case ScaleBand(head, band, factor):
            return f"band {band} of {head}", f"times {factor:g}"
        case PatchActivation():
            return _subject(intervention), f"patched from another run {describe_scope(intervention.scope)}"
        case ScaleFeature(layer, feature, factor, scope):
            done = "off" if factor == 0 else f"times {factor:g}"
            return feature_name(layer, feature), f"{done} {describe_scope(scope)}"
        case ClampFeature(layer, feature, value, scope):
            return feature_name(layer, feature), f"held at {value:g} {describe_scope(scope)}"
        case FixTokenDropout(scale):
            return "token dropout's scale", f"held at {scale:.3g}"


def _subject(intervention: AblateHead | AblateAttention | AblateMlp | PatchActivation) -> str:
    match intervention:
        case AblateHead():
            return str(intervention.head)
        case AblateAttention(layer):
            return component_name(("attention", layer))
        case AblateMlp(layer):
            return component_name(("mlp", layer))
        case PatchActivation(site, layer, _, head):
            return f"{site} of {Head(layer, head)}" if head is not None else f"{site} of L{layer + 1}"


def _side(side: Side) -> str:
    return {"q": "q", "k": "k", "qk": "q and k"}[side]
