"""The residues that are picked: written in a box, or clicked in strip, map and structure, which write them there."""

from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.errors import InputError
from core.proteins.numbering import Numbering
from dashboard.controls import bound
from dashboard.session import plain
from dashboard.widgets.linked_view import Pick

KEY = "pick"


def choose_picked(numbering: Numbering, place: DeltaGenerator | None = None, **look: Any) -> tuple[int, ...]:
    """Draws the box; what it cannot read is said in one line, and nothing is picked."""
    text = bound.text("Picked residues", KEY, place, **look)
    try:
        return numbering.parse_list(text)
    except InputError as error:
        st.warning(plain(str(error)))
        return ()


def picked_before(numbering: Numbering) -> tuple[int, ...]:
    """What is picked, for what is drawn above the box, which says what is wrong."""
    try:
        return numbering.parse_list(st.session_state.get(KEY, st.query_params.get(KEY)) or "")
    except InputError:
        return ()


def keep_pick(pick: Pick, numbering: Numbering) -> None:
    """Writes into the box what was clicked."""
    st.session_state[KEY] = numbering.written(pick.residues)
