"""The linked view on structures that PDB's columns can't hold; the query string chooses which."""

import json

import gemmi
import numpy as np
import streamlit as st

from core.proteins.numbering import Numbering
from core.proteins.protein import proteins_from_file
from dashboard.widgets.linked_view import Heat, LinkedViewData, Pick, StructureText, linked_view
from tests.made_structures import as_mmcif, chain, entry

SEQUENCE = "MKTAYIAKQRQISFVKSHFSRQLE"
PLACES = [(1, " "), (2, " "), (12, " "), (12, "A"), (12, "B"), (13, " ")]

st.set_page_config(layout="wide")
case = st.query_params["case"]
made = chain("AAA" if case in ("names", "insertions") else "A", SEQUENCE, first=10_001 if case == "large" else 1)
if case == "insertions":
    for residue, (number, code) in zip(made, PLACES + [(n, " ") for n in range(14, 32)], strict=True):
        residue.seqid = gemmi.SeqId(number, code)
if case == "letters":
    for index in (4, 9):
        made[index].name = "A1ABC"
other = chain("A-2" if case == "names" else "B", "GSGSGSGSGSGS", shift=18)
chains = entry(made, other)
if case == "trace":
    chains = gemmi.Selection("/*/*/*/CA").copy_structure_selection(chains)
protein = proteins_from_file("odd.cif", as_mmcif(chains).encode())[0]
structure = protein.structure
assert structure is not None
data = LinkedViewData(
    residues=Numbering.of(protein).names(),
    above=Heat(np.zeros((len(protein.sequence),) * 2), "nothing"),
    structure=StructureText.of(structure),
)
pick = linked_view(data, key="view", pick=st.session_state.get("pick", Pick()))
st.session_state["pick"] = pick
st.text(f"Python knows: picked {pick.residues}")
st.code(json.dumps(structure.ca.tolist()))
