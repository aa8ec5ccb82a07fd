"""What is chosen for either side: one by the sidebar, the other here, both with edits of their own."""

from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.components import head_names
from core.errors import InputError
from core.interventions import Head
from core.model import Model
from core.proteins.protein import Protein
from core.proteins.variants import mutated, on_wild_types_structure, parse_variant
from dashboard.controls import bound
from dashboard.controls.edits import EDITED, choose_edits, choose_head
from dashboard.controls.heads import warn_of_unknown
from dashboard.controls.model import choose_model
from dashboard.controls.protein import choose_protein
from dashboard.question import Question, numbering_of
from dashboard.session import plain
from dashboard.sidebar import choose_mask_and_target
from dashboard.views.compare import BESIDE, SIDEBAR
from dashboard.views.compare.sides import Pair, Side, edits_on


def choose_pair(question: Question, row: DeltaGenerator, left: DeltaGenerator, right: DeltaGenerator) -> Pair:
    """Draws every choice, those of A on the left; raises `InputError` for what can't be read."""
    swapped = bound.toggle("Swap sides", "swapped", row, help="What is on the left comes to the right.")
    names, cards = ("A", "B"), (left, right)
    if swapped:
        names, cards = names[::-1], cards[::-1]
    warn_of_unknown(question.model, *(f"{SIDEBAR}{key}" for key in ("head", *EDITED)))
    head = choose_head(question.model, key=f"{SIDEBAR}head", place=row, width=bound.WIDTH)
    _offer_variant(question, names[0], row, cards[1])
    with cards[0]:
        ours = _sidebars_side(question, names[0], head)
    with cards[1]:
        theirs = _other_side(ours, names[1])
    return Pair.of(*((theirs, ours) if swapped else (ours, theirs)))


def _sidebars_side(question: Question, name: str, head: Head) -> Side:
    row = st.container(horizontal=True, vertical_alignment="center")
    row.caption("Model and protein: in the sidebar.")
    with row.popover("Edits"):
        edits = choose_edits(question, head, SIDEBAR)
    return Side(name, question, edits, head)


def _other_side(ours: Side, name: str) -> Side:
    """The side beside: what isn't the same as `ours` has its controls here."""
    question = ours.question
    locks = st.container(horizontal=True, vertical_alignment="center", gap="xsmall")
    same = {
        what: bound.toggle(f"Same {what}", f"same_{what}", locks, value=what != "edits")
        for what in ("model", "protein", "edits")
    }
    model = question.model if same["model"] else choose_model(BESIDE)
    if same["protein"]:
        question = replace(question, model=model)
    else:
        protein = choose_protein(BESIDE, wild_type=ours.question.protein)
        question = choose_mask_and_target(model, protein, numbering_of(protein), of=BESIDE)
    head = _head_of(model, ours, name)
    if same["edits"]:
        edits, lacking = edits_on(ours.edits, question)
        if lacking:
            st.caption(plain(f"Left out, as {name} has none: {', '.join(lacking)}."))
        return Side(name, question, edits, head)
    warn_of_unknown(model, *(f"{BESIDE}{key}" for key in EDITED))
    with locks.popover("Edits"):
        edits = choose_edits(question, head, BESIDE)
    return Side(name, question, edits, head)


def _head_of(model: Model, ours: Side, name: str) -> Head:
    """The same head, or one of its own where the models differ."""
    if model.trunk_fingerprint == ours.question.model.trunk_fingerprint:
        return ours.head
    warn_of_unknown(model, f"{BESIDE}head")
    if str(ours.head) in head_names(model.shape) and model.name == ours.question.model.name:
        return ours.head
    return choose_head(model, f"Look closely at head of {name}", f"{BESIDE}head")


def _offer_variant(question: Question, name: str, row: DeltaGenerator, card: DeltaGenerator) -> None:
    """Makes the other side a variant of this one when the person asks."""
    text = row.text_input(f"A variant of {name}", key="variant of", placeholder="A23V", width=bound.WIDTH)
    if not row.button("Compare with it", disabled=not text.strip(), width=bound.WIDTH):
        return
    try:
        variant = parse_variant(text, question.numbering)
    except InputError as error:
        card.warning(plain(str(error)))
        return
    protein = Protein(f"{question.protein.name} {variant.name}", mutated(question.protein.sequence, variant))
    numbering = numbering_of(on_wild_types_structure(protein, question.protein))
    masked = sorted(question.masked, key=lambda residue: residue != question.residue)
    chosen = {
        f"{BESIDE}from": "Paste",
        f"{BESIDE}sequence": f">{protein.name}\n{protein.sequence}",
        f"{BESIDE}mask": numbering.written(masked),
        f"{BESIDE}target": question.letter,
    }
    st.session_state.update({"same_protein": False, **chosen})
    st.query_params.update(chosen)  # a control that was not there before doesn't write itself into the address
