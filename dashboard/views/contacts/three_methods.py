"""Where are this protein's contacts, by three methods?"""

import numpy as np
import streamlit as st

from core.errors import InputError
from core.proteins.structure import ContactRule
from dashboard.controls import bound
from dashboard.controls.labelled_set import choose_contact
from dashboard.controls.picked import choose_picked
from dashboard.page_parts import introduce
from dashboard.question import Question, stop_with
from dashboard.take_away import offer_script
from dashboard.views.contacts.jacobian import JACOBIANS, chosen_jacobian, computed_before
from dashboard.views.contacts.linked import show_pairs
from dashboard.views.contacts.marked import choose_marked, list_of_pairs, said_of_pair
from dashboard.views.contacts.methods import averaged_heads, colour_range, one_pass_map, one_pass_methods, script_of_map
from dashboard.views.contacts.precision import precision_table
from dashboard.widgets.linked_view import Heat

TITLE, PATH, MASKS = "Three methods", "contacts", False


def page(question: Question) -> None:
    introduce(
        "Where are this protein's contacts, by three methods?",
        "A protein language model never saw a structure. Does this one know which residues touch?",
        "The contact head and the best heads read attention in one forward pass; a Jacobian mutates every residue to "
        "every amino acid and watches what changes elsewhere, about 20 passes per residue.",
        "Compare each map with the structure below the diagonal; the table counts how many of the highest-ranked pairs "
        "are contacts, beside chance.",
    )
    fast = one_pass_methods(question.model)
    methods = [*fast, *JACOBIANS]
    try:
        method = bound.switch(
            "Method",
            methods,
            "method",
            help="The Categorical Jacobian watches the predictions, the hidden-state one what the last layer holds.",
        )
        rule = choose_contact()
        maps = {each: _one_pass(question, each, ask=each == method) for each in fast}
        if method in JACOBIANS:
            found = chosen_jacobian(question, method)
            if found is None:
                return
            maps[method] = found
        for each in JACOBIANS:
            if each not in maps and (found := computed_before(question, each)) is not None:
                maps[each] = found
    except InputError as error:
        stop_with(error)
    with st.container(border=True):
        _linked(question, method, maps[method], rule)
    precision_table(question.protein, {each: maps[each] for each in methods if each in maps}, rule)


def _one_pass(question: Question, method: str, *, ask: bool) -> np.ndarray:
    heads = averaged_heads(question.model, method, ask=ask)
    if ask:
        offer_script(script_of_map(question, method, heads))
    return one_pass_map(question, method, heads)


@st.fragment
def _linked(question: Question, method: str, predicted: np.ndarray, rule: ContactRule) -> None:
    placeholder = "Picked residues, such as M1, K27"
    picked = choose_picked(question.numbering, placeholder=placeholder, label_visibility="collapsed")
    pairs, said = choose_marked(question, method, predicted)
    label = f"{method[0].lower()}{method[1:]} (higher: more likely in contact)"
    show_pairs(
        question,
        Heat(predicted, label, "edited", *colour_range(method, predicted)),
        pairs,
        rule,
        picked=picked,
        key="contacts",
        map_title="Where are the contacts?",
        map_caption=said,
        structure_title="Where are they in 3D?",
    )
    if about := said_of_pair(question, picked, predicted, rule):
        st.markdown(about)
    list_of_pairs(question, predicted, pairs, rule)
