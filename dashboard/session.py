"""What the person chose, and its place in the address: every control is a widget bound to a query parameter.

So one link restores one view. Lists of heads and residues travel as people write them: L6H8, L3 attention, L2 MLP, M1.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from core.alphabet import AMINO_ACIDS
from core.components import ablate, components, head_names
from core.errors import InputError
from core.interventions import (
    BlockAttention,
    ClampFeature,
    Condition,
    Head,
    Mode,
    ScaleFeature,
    Scope,
    ShiftRope,
    Side,
    component_name,
    parse_feature,
)
from core.model import ModelShape
from core.proteins.numbering import Numbering

SCOPE_NAMES: dict[str, str] = {
    "all": "Every position",
    "mask": "The mask",
    "bos": "BOS",
    "bos+mask": "BOS and the mask",
    "residues": "Chosen residues",
}
MODES: dict[Mode, str] = {"zero": "zero", "mean": "its mean"}
SIDES: dict[Side, str] = {"q": "q", "qk": "q and k (control)"}
EVERY_HEAD = "every head"
WILD_TYPE = "wild type"


def plain(text: str) -> str:
    """`text` so that Streamlit's Markdown shows it as it is: what a person wrote is never markup."""
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|$:~&])", r"\\\1", text)


def parse_residues(text: str, of: Numbering | str) -> tuple[int, ...]:
    """The 0-based residues in a list such as "M1, 5 7, 3-6", in its order, once each, by a protein's numbering or by
    the positions of a sequence; `InputError` for anything else."""
    return (Numbering(of) if isinstance(of, str) else of).parse_list(text)


def written_residues(residues: Sequence[int], of: Numbering | str) -> str:
    """Residues as `parse_residues` takes them."""
    return (Numbering(of) if isinstance(of, str) else of).written(residues)


def chosen_scope(scope: str, residues: str, of: Numbering | str) -> Scope:
    """The scope that the two widgets mean; `InputError` when residues are wanted and none is named."""
    if scope != "residues":
        return scope  # pyright: ignore[reportReturnType] - one of the options of the selectbox
    chosen = parse_residues(residues, of)
    if not chosen:
        raise InputError("the scope is 'chosen residues', but none is named: write them as M1, 5, 8-12")
    return chosen


@dataclass(frozen=True, slots=True)
class EditChoices:
    """The switched-off components, blocked heads and RoPE shift as the widgets hold them."""

    off: tuple[str, ...]
    scope: Scope
    mode: Mode
    blocked: tuple[str, ...]
    shift: int
    shifted: tuple[Head, ...]
    side: Side
    features: tuple[ScaleFeature | ClampFeature, ...] = ()

    def condition(self, shape: ModelShape) -> Condition:
        """The interventions that these choices mean, in a fixed order, so that equal choices are equal conditions."""
        condition: list = []
        for component in components(shape):
            if component_name(component) in self.off:
                condition += ablate(component, self.scope, self.mode)
        names = head_names(shape)
        blocked = names if EVERY_HEAD in self.blocked else [name for name in names if name in self.blocked]
        condition += [BlockAttention(Head.parse(name), "all", "bos") for name in blocked]
        if self.shift:
            condition += [ShiftRope(head, self.shift, self.side) for head in self.shifted]
        return (*condition, *self.features)


def parse_feature_edits(text: str, scope: Scope) -> tuple[ScaleFeature | ClampFeature, ...]:
    """What is done to features, written as "L3F120, L3F7 x2, L5F9 = 4": off, times two, held at four.

    `InputError` for what is not written so.
    """
    done: list[ScaleFeature | ClampFeature] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        found = re.fullmatch(r"(\S+?)(?:\s*([x×=])\s*(-?\d+\.?\d*))?", part)
        if not found:
            raise InputError(f"'{part}' is no change of a feature: write L3F120 (off), L3F120 x2 or L3F120 = 4")
        layer, feature = parse_feature(found[1])
        if found[2] == "=":
            done.append(ClampFeature(layer, feature, float(found[3]), scope))
        else:
            done.append(ScaleFeature(layer, feature, float(found[3] or 0), scope))
    return tuple(done)


def target_letter(chosen: str, sequence: str, residue: int) -> str:
    """The target amino acid: the one chosen, or the residue's own; M where its own is no standard amino acid."""
    if chosen != WILD_TYPE:
        return chosen
    return sequence[residue] if sequence[residue] in AMINO_ACIDS else "M"


def forget_edits() -> None:
    """Sets every editing control back to where it changes nothing (for the Reset button)."""
    st.session_state.update(off=[], feat="", bos=[], shifted=[], shift=0, side="q", scope="all", mode="zero")
