"""plmscope in the browser: `streamlit run dashboard/app.py`."""

import sys
from pathlib import Path

import streamlit as st

# `streamlit run` puts this file's folder on the path, not the project's
PROJECT = Path(__file__).resolve().parent.parent
if str(PROJECT) not in sys.path:
    sys.path.insert(0, str(PROJECT))

from core.errors import InputError  # noqa: E402
from dashboard.sidebar import ask, stop_with  # noqa: E402
from dashboard.views import (  # noqa: E402
    ablation,
    bos,
    competition,
    contact_edits,
    contact_head,
    contact_heads,
    contacts,
    explore,
    first_residue,
    injection,
    minimal_circuit,
    motif,
    patching,
    rope,
    rope_bands,
    rope_shift,
    rope_swap,
    sufficiency,
    write_vectors,
)

st.set_page_config(page_title="plmscope", page_icon=str(PROJECT / "assets" / "icon.svg"), layout="wide")
st.html("<style>.stMainBlockContainer {padding: 3.75rem 2.5rem 4rem}</style>")

# Pages are drawn after the sidebar, below: by then there is a question
EXPLORE = st.Page(lambda: explore.page(question), title="Explore", icon=":material/tune:", default=True)
SUFFICIENCY = st.Page(lambda: sufficiency.page(question), title="Sufficiency", url_path="sufficiency")
BOS = st.Page(lambda: bos.page(question), title="BOS knock-outs", url_path="bos")
PAGES = {
    "": [EXPLORE],
    "Circuits": [
        st.Page(lambda: first_residue.page(question), title="First residue", url_path="first-residue"),
        st.Page(lambda: ablation.page(question, EXPLORE), title="Ablation", url_path="ablation"),
        BOS,
        st.Page(lambda: minimal_circuit.page(question, SUFFICIENCY), title="Minimal circuit", url_path="circuit"),
        SUFFICIENCY,
        st.Page(lambda: patching.page(question), title="Patching", url_path="patching"),
        st.Page(lambda: injection.page(question), title="Injection", url_path="injection"),
        st.Page(lambda: write_vectors.page(question), title="Write vectors", url_path="write-vectors"),
        st.Page(lambda: competition.page(question), title="Competition", url_path="competition"),
    ],
    "RoPE": [
        st.Page(lambda: rope.page(question), title="Rotations", url_path="rope"),
        st.Page(lambda: rope_swap.page(question, BOS), title="Swapped rotations", url_path="rope-swap"),
        st.Page(lambda: rope_shift.page(question), title="Shift", url_path="rope-shift"),
        st.Page(lambda: rope_bands.page(question), title="Norm and direction", url_path="rope-bands"),
    ],
    "Contacts": [
        st.Page(lambda: contacts.page(question), title="Three roads", url_path="contacts"),
        st.Page(lambda: contact_heads.page(question), title="Contact heads", url_path="contact-heads"),
        st.Page(lambda: contact_edits.page(question), title="Edited contacts", url_path="contact-edits"),
        st.Page(lambda: contact_head.page(question), title="Fit a contact head", url_path="contact-head"),
        st.Page(lambda: motif.page(question), title="Motif recovery", url_path="motif"),
    ],
}
page = st.navigation(PAGES, position="top")
# The sidebar is drawn here and not by the pages, whose widgets Streamlit forgets when another page is opened
question = ask()
try:
    page.run()
except InputError as error:
    stop_with(error)
