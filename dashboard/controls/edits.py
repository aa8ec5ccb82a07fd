"""The sidebar's second half: what is switched off, where, and how RoPE is shifted."""

from functools import cache
from typing import Any

import streamlit as st

from core.analyses.readout_head import stored_readout_head
from core.components import component_names, head_names
from core.interventions import Head, component_name, parse_component
from core.model import Model
from core.proteins.examples import examples, load_example
from core.proteins.protein import Protein
from dashboard.controls import bound
from dashboard.controls.heads import costliest_heads
from dashboard.question import Question
from dashboard.session import EVERY_HEAD, MODES, SCOPE_NAMES, SIDES, EditChoices, chosen_scope, parse_feature_edits
from dashboard.widgets.head_grid import HeadChoice, HeadGridData, head_grid

FEATURES_HELP = "Off, times two, or held at four, at the places chosen above; numbers are those of the page Features."
EDITED = ("off", "bos", "shifted")
"""Which controls of an edit, and parts of a link, hold heads and modules."""


def edit_controls(question: Question) -> tuple[Head, EditChoices]:
    """Draws the head looked at and the editing controls, and returns both; RoPE is shifted in that head unless others
    are chosen.

    Raises `InputError` when the chosen residues cannot be read.
    """
    with st.sidebar:
        st.divider()
        head = choose_head(question.model)
        edits = choose_edits(question, head)
        bound.toggle(
            "Grid colours given what is off",
            "given",
            help="Measure each part's effect on top of the edits above, instead of on the clean run.",
        )
    return head, edits


def choose_head(model: Model, label: str = "Look closely at head", key: str = "head", **look: Any) -> Head:
    """Draws the choice of the head looked at."""
    heads = head_names(model.shape)
    return Head.parse(bound.select(label, heads, key, index=heads.index(str(_readout_head(model))), **look))


def _readout_head(model: Model) -> Head:
    """The head to show first: what M at residue 1 rests on most, over the proteins of the model's card.

    Without a card, on the first example; never on the protein that is shown, so that another one doesn't change it.
    """
    first = Question(model, _first_example(), masked=(0,), residue=0, letter="M")
    return stored_readout_head(model) or costliest_heads(first)[0]


@cache
def _first_example() -> Protein:
    return load_example(examples()[0].id)


def choose_edits(question: Question, looked_at: Head | None = None, of: str = "") -> EditChoices:
    """Draws the controls that switch parts off and shift RoPE; without a head `looked_at`, only chosen ones shift.

    `of` stands before the keys where a page has several sides to edit. Raises `InputError` when the chosen residues
    cannot be read.
    """
    shape = question.model.shape
    heads, none = head_names(shape), "None" if of else "Or click the grid"
    st.subheader("Switch off", divider=False)
    off = bound.several("Heads and modules", component_names(shape), f"{of}off", placeholder=none)
    scope = bound.select("Where", SCOPE_NAMES, f"{of}scope")
    residues = bound.text("At residues", f"{of}at", placeholder="M1, 5, 8-12") if scope == "residues" else ""
    mode = bound.select("Replace by", MODES, f"{of}mode")
    features = ""
    if question.model.dictionaries:
        features = bound.text("Features", f"{of}feat", placeholder="L3F120, L3F7 x2, L3F9 = 4", help=FEATURES_HELP)
    blocked = bound.several("Block attention to BOS in", [EVERY_HEAD, *heads], f"{of}bos", placeholder="No head")
    st.subheader("Shift RoPE", divider=False)
    shift = bound.slider("Residues", -20, 20, 0, f"{of}shift")
    shifted = bound.several("In heads", heads, f"{of}shifted", placeholder=str(looked_at or "No head"))
    side = bound.switch("Move", SIDES, f"{of}side")
    return EditChoices(
        off=tuple(off),
        scope=(at := chosen_scope(scope, residues, question.numbering)),
        mode=mode,
        blocked=tuple(blocked),
        shift=shift,
        shifted=tuple(Head.parse(name) for name in shifted) or ((looked_at,) if looked_at else ()),
        side=side,
        features=parse_feature_edits(features, at),
    )


def edit_grid(data: HeadGridData, edits: EditChoices, key: str, looked_at: Head | None = None) -> None:
    """Draws the grid on which clicks choose what is off and, where one is looked at, the head."""

    def take(choice: HeadChoice) -> None:
        st.session_state["off"] = sorted(map(component_name, choice.off))
        if looked_at and choice.selected:
            st.session_state["head"] = str(choice.selected)

    head_grid(data, key=key, choice=HeadChoice(frozenset(map(parse_component, edits.off)), looked_at), on_change=take)
