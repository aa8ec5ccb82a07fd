"""The two residues of one contact: written, picked, or the likeliest."""

import streamlit as st

from core.proteins.contact_scores import likeliest_contact
from dashboard.controls import bound
from dashboard.controls.picked import KEY
from dashboard.question import Question
from dashboard.views.contacts.methods import averaged_heads, one_pass_map, one_pass_methods
from dashboard.views.contacts.three_methods import TITLE as MAPS


def choose_pair(question: Question) -> tuple[int, int] | None:
    """The two residues that are written or were picked, else those of the likeliest contact.

    None, after a line that says what to do, where there is neither. Raises `InputError` for what are not residues.
    """
    numbering = question.numbering
    likeliest = _likeliest(question)
    text = bound.text(
        "The contact's two residues",
        KEY,
        placeholder=f"{numbering.written(likeliest)} (the likeliest contact)" if likeliest else "M1, K27",
        help=f"Written as M1, K27, or picked as a cell of the map on the page {MAPS}.",
    )
    picked = numbering.parse_list(text)
    if len(picked) == 2:
        return picked
    if likeliest is None or picked:
        st.info(f"Name two residues, or pick a cell of the map on the page {MAPS}.")
        return None
    return likeliest


def pair_name(question: Question, pair: tuple[int, int]) -> str:
    return "–".join(map(question.numbering.name, pair))


def _likeliest(question: Question) -> tuple[int, int] | None:
    methods = one_pass_methods(question.model)
    if not methods:
        return None
    predicted = one_pass_map(question, methods[0], averaged_heads(question.model, methods[0]))
    return likeliest_contact(predicted, question.protein.structure)
