"""The linked view on a synthetic protein; the query string chooses what it shows."""

import time
from contextlib import nullcontext
from unittest.mock import patch

import numpy as np
import streamlit as st
from helices import HELIX, SEQUENCE, two_helices

from dashboard.widgets.linked_view import (
    DrawnContact,
    Heat,
    LinkedViewData,
    Pick,
    ResidueValues,
    StructureText,
    linked_view,
)

EVIL = '</script><script>window.pwned = 1</script><img src=x onerror="window.pwned = 2">'

st.set_page_config(layout="wide")
query = st.query_params
case = query.get("case", "plain")
length = int(query.get("length", len(SEQUENCE)))
sequence = (SEQUENCE * (length // len(SEQUENCE) + 1))[:length]

st.session_state.setdefault("pick", Pick(residues=tuple(int(i) for i in query.get_all("picked")), masked=(0,)))
sharp = st.toggle("Sharpen the map", key="sharp")
if st.button("Pick residue 3"):
    st.session_state.pick = Pick(residues=(2,), masked=st.session_state.pick.masked)

i, j = np.indices((length, length))
facing = np.exp(-(((i + j) - (2 * HELIX - 1)) ** 2) / 6) * (abs(i - j) > 5)
near = np.exp(-((abs(i - j) - 4) ** 2) / 2) * 0.6
predicted = np.clip(facing + near, 0, 1) ** (4 if sharp else 1)
pairs = [(a, 2 * HELIX - 1 - a) for a in range(1, HELIX - 4, 3)]
kinds = ("right", "right", "near", "wrong")
shown = LinkedViewData(
    residues=tuple(f"{letter}{number}" for number, letter in enumerate(sequence, start=1)),
    above=None if case == "effects" else Heat(predicted, "contact probability, L6H8 off"),
    below=None if case == "effects" else Heat(facing > 0.5, "true contact", palette="truth"),
    contacts=tuple(DrawnContact(a, b, kinds[n % 4]) for n, (a, b) in enumerate(pairs)),
    structure=None
    if case == "no-structure"
    else StructureText(
        two_helices(remark=EVIL if case == "evil" else ""),
        tuple(("A", n + 1, "") if n < len(SEQUENCE) else None for n in range(length)),
    ),
    residue_values={
        "values": ResidueValues(np.linspace(0, 1, length), "attention from M1"),
        "effects": ResidueValues(np.sign(np.linspace(-1, 1, length)), "effect", -1.0, 1.0, "effects"),
    }.get(case),
    maskable=case != "unmaskable",
    map_title=EVIL if case == "evil" else "Where does it see contacts?",
    map_caption="Top: the edited run. Bottom: pairs whose Cβ atoms are closer than 8 Å.",
    structure_title="Structure",
    structure_caption="Lines join predicted contacts.",
)
if case == "slow":
    time.sleep(1)


def keep(pick: Pick) -> None:
    """A page that refuses to unmask the last residue."""
    st.session_state.pick = pick if pick.masked else Pick(pick.residues, st.session_state.pick.masked)


if not st.toggle("Hide the view"):
    not_set_up = patch("dashboard.widgets.linked_view.is_set_up", return_value=False)
    with not_set_up if case == "not-set-up" else nullcontext():
        st.session_state.pick = linked_view(
            shown, key="view", pick=st.session_state.pick, on_change=keep if case == "refuses" else None
        )
st.text(f"Python knows: picked {st.session_state.pick.residues} masked {st.session_state.pick.masked} sharp {sharp}")
