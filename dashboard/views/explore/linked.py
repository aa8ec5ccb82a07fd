"""Where are the contacts? Strip, map and structure in one view, in which a pick in one is marked in all."""

import numpy as np
import streamlit as st

from core.analyses.exploration import RunView
from core.components import head_names
from core.figures.contacts import ATTENTION, PROBABILITY
from core.interventions import Condition
from core.proteins.numbering import Numbering
from dashboard.controls import bound
from dashboard.controls.picked import choose_picked, keep_pick
from dashboard.page_parts import download
from dashboard.question import Question
from dashboard.views.contacts.marked import choose_marked
from dashboard.views.contacts.methods import CONTACT_HEAD
from dashboard.views.explore.maps import SOURCES, map_of, precision_line, true_contacts
from dashboard.widgets.linked_view import Heat, LinkedViewData, Palette, Pick, ResidueValues, linked_view

BELOW = {"truth": "True contacts", "clean": "Clean run"}
COLOURINGS = {
    "contacts": "Predicted contacts",
    "to": "Attention to the picked residue",
    "from": "Attention of the picked residue",
}
LEAST = 1e-6
"""Where colours end if all values are smaller."""


@st.fragment
def strip_map_structure(question: Question, condition: Condition, clean: RunView, edited: RunView) -> None:
    """A pick redraws these alone."""
    if st.session_state.pop("mask changed", False):
        st.rerun()
    structure, numbering = question.protein.structure, question.numbering
    row = st.container(horizontal=True, vertical_alignment="bottom")  # in a narrow window it becomes two
    sources = {of: name for of, name in SOURCES.items() if of != "contact head" or clean.contact_head is not None}
    source = bound.select("Contact map from", sources, "map", row, width=bound.WIDTH)
    averaged = bound.several(
        "Heads to average",
        head_names(question.model.shape),
        "averaged",
        row,
        disabled=source != "heads",
        placeholder="Choose heads" if source == "heads" else "—",
        width=bound.WIDTH,
    )
    below = bound.select("Below the diagonal", BELOW, "below", row, disabled=not structure, width=bound.WIDTH)
    colouring = bound.select("In 3D", COLOURINGS, "colour", row, width=250)
    clicks = "Or click strip, map or structure."
    picked = choose_picked(numbering, row, placeholder="M1, K27", help=clicks, width=bound.WIDTH)
    if source == "heads" and not averaged:
        st.info("Choose the heads to average; until then the map is that of the head looked at.")
    runs = (((), clean), (condition, edited))
    before, after = (map_of(question, made, run, source, averaged) for made, run in runs)
    quantity, most = (PROBABILITY, 1.0) if source == "contact head" else (ATTENTION, _largest(before, after))
    run: Palette = "edited" if condition else "clean"
    lower = Heat(before, f"{quantity}, clean run", "clean", 0.0, most)
    if structure is not None:
        if below == "truth":
            lower = true_contacts(structure)
        precision_line(before, after if condition else None, structure)
    pairs, said = choose_marked(question, CONTACT_HEAD if source == "contact head" else SOURCES[source], after)
    data = LinkedViewData.of(
        question.protein,
        Heat(after, f"{quantity}, {run} run", run, 0.0, most),
        lower,
        pairs,
        residue_values=residue_values(colouring, picked[0] if picked else question.residue, numbering, edited),
        map_title="Where are the contacts?",
        map_caption=said,
        structure_title="Where are they in 3D?",
        structure_caption=f"{COLOURINGS[colouring]}, {run} run.",
    )
    pick = Pick(picked, question.masked)
    linked_view(data, key="linked", pick=pick, on_change=lambda pick: _take_pick(pick, question))
    download(lambda: data.pairs, "map")


def residue_values(colouring: str, residue: int, numbering: Numbering, edited: RunView) -> ResidueValues | None:
    """What colours strip and structure; None where the contacts are drawn."""
    name = numbering.name(residue)
    if colouring == "contacts":
        return None
    if colouring == "from":
        values, label = edited.attention_from(residue), f"attention of {name} to each residue, {edited.head}"
    else:
        values, label = edited.attention_to(residue), f"attention of each residue to {name}, {edited.head}"
    return ResidueValues(values, label, 0.0, _largest(values))


def _largest(*values: np.ndarray) -> float:
    return max(LEAST, *(float(each.max()) for each in values))


def _take_pick(pick: Pick, question: Question) -> None:
    keep_pick(pick, question.numbering)
    if pick.masked and pick.masked != question.masked:
        read_first = sorted(pick.masked, key=lambda residue: residue != question.residue)
        st.session_state["mask"] = question.numbering.written(read_first)
        st.session_state["mask changed"] = True
