"""What happens to the contacts when parts are switched off?"""

import numpy as np
import streamlit as st

from core.errors import InputError
from core.interventions import Condition, describe
from core.proteins.contact_scores import gained_contacts, largest_counted, top_contacts
from core.proteins.structure import ContactRule
from dashboard.controls import bound
from dashboard.controls.edits import EDITED, choose_edits
from dashboard.controls.heads import warn_of_unknown
from dashboard.controls.labelled_set import choose_contact
from dashboard.controls.picked import picked_before
from dashboard.page_parts import introduce
from dashboard.question import Question, stop_with
from dashboard.session import forget_edits, plain
from dashboard.take_away import offer_script
from dashboard.views.contacts.edited_grid import grid_of_effects
from dashboard.views.contacts.linked import show_pairs
from dashboard.views.contacts.methods import (
    CONTACT_HEAD,
    QUANTITIES,
    averaged_heads,
    one_pass_map,
    one_pass_methods,
    script_of_map,
)
from dashboard.views.contacts.precision import precision_table
from dashboard.views.contacts.shares import heads_of_one_contact
from dashboard.widgets.linked_view import Heat

TITLE, PATH, MASKS = "Edited contacts", "contact-edits", False


def page(question: Question) -> None:
    introduce(
        "What happens to the contacts when parts are switched off?",
        "Which residues touch is read from where all heads of the model look (their attention). Which parts must "
        "work for it to be right?",
        "The grid shows what each part does to the map, on top of what is off already; the difference map shows where "
        "the edited run differs from the clean one; at the end, one contact is split into what every head adds to it.",
        "A head that is off no longer writes, but its own attention stays and is still read: it changes the map through"
        " later layers alone, so the last layer's parts change nothing.",
    )
    model = question.model
    warn_of_unknown(model, *EDITED)
    try:
        with st.sidebar:
            st.divider()
            edits = choose_edits(question)
        methods = one_pass_methods(model)
        if not methods:
            named = plain(model.name)
            st.info(f"{named} has no contact head and no ranking of heads: fit or rank them on the next pages.")
            return
        condition = edits.condition(model.shape)
        method = bound.switch("Contacts read from", methods, "read")
        heads = averaged_heads(model, method, ask=True)
        rule = choose_contact()
        grid = st.container(border=True)
        with grid:
            _headline(condition)
        offer_script(script_of_map(question, method, heads, condition))
        clean, edited = (one_pass_map(question, method, heads, each) for each in ((), condition))
        with st.container(border=True):
            _difference(question, condition, QUANTITIES[method], clean, edited, rule)
        maps = {"Clean run": clean, "Edited run": edited} if condition else {"Clean run": clean}
        precision_table(question.protein, maps, rule)
        st.divider()
        heads_of_one_contact(question, condition)
        with grid:  # last, because it takes a pass for each part and all else only two
            grid_of_effects(question, edits, condition, heads, rule)
    except InputError as error:
        stop_with(error)


def _headline(condition: Condition) -> None:
    said, reset = st.columns([4, 1], vertical_alignment="center")
    said.markdown(f"{describe(condition)}." if condition else "Nothing is off: click a cell, or choose on the left.")
    reset.button("Reset", on_click=forget_edits, disabled=not condition, icon=":material/undo:", width="stretch")


def _difference(
    question: Question,
    condition: Condition,
    quantity: str,
    clean: np.ndarray,
    edited: np.ndarray,
    rule: ContactRule,
) -> None:
    """Strip, difference map and structure; marked are the pairs that the edit brings among the highest."""
    gained, probability = gained_contacts(clean, edited), quantity == QUANTITIES[CONTACT_HEAD]
    if condition:
        # a change within a tenth of the map's own scale stays pale
        most = largest_counted(np.abs(edited - clean), least=0.1 * (1.0 if probability else largest_counted(clean)))
        above = Heat(edited - clean, f"change of {quantity}, edited − clean", "change", -most, most)
        n_pairs = len(top_contacts(edited))
        said = (
            f"{len(gained)} of the L/2 = {n_pairs} highest pairs give way to others, which are marked, right or not. "
            "Colours end at a tenth of the map's own scale or above, so small changes stay pale."
        )
    else:
        above = Heat(clean, f"{quantity}, clean run", "clean", 0.0, largest_counted(clean))
        said = "Nothing is off yet: above the diagonal is the clean run's map."
    show_pairs(
        question,
        above,
        gained,
        rule,
        picked=picked_before(question.numbering),
        key="contact edits",
        map_title="Where does the map change?",
        map_caption=said,
        structure_title="Where are the new pairs in 3D?",
        without_structure=Heat(edited, f"{quantity}, edited run", "edited", 0.0, largest_counted(edited)),
    )
