"""Features of a protein as a list: those active at the residues picked, and where the feature picked fires."""

from functools import partial

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.analyses.protein_features import ProteinFeatures
from core.answers.words import counted
from core.errors import InputError
from core.interventions import feature_name
from dashboard.controls import bound
from dashboard.controls.features import choose_feature, keep_feature, label, table_of
from dashboard.controls.picked import choose_picked
from dashboard.page_parts import download, link_to
from dashboard.question import Question
from dashboard.session import plain
from dashboard.views.features import one

MOST_SAID = 12
"""Residues at which a feature is said to fire."""
DECIMALS = {name: st.column_config.NumberColumn(format="%.2f") for name in ("F1", "Specificity")}


def which_they_are(question: Question, found: ProteinFeatures) -> None:
    with st.container(border=True):
        st.markdown("**Which are they?**")
        row = st.container(horizontal=True, vertical_alignment="bottom")
        asked = bound.text("Search by name or number", "find", row, placeholder="cysteine, F120", width=260)
        picked = _picked_feature(question, row)
        residues = choose_picked(question.numbering, row, placeholder="M1, K27", width=bound.WIDTH)
        row.button("Clear", on_click=st.session_state.update, kwargs={"find": "", "feature": "", "pick": ""})
        if picked:
            _where_it_fires(question, found, *picked)
        table = table_of(question, found)
        keep = np.ones(len(table), dtype=bool)
        for residue in residues:
            keep &= found.activation[:, residue + 1] > 0
        if asked:
            words = table["Feature"] + " " + table["Name"]
            keep &= words.str.contains(asked.strip(), case=False, regex=False).to_numpy()
        shown = pd.DataFrame(table[keep])
        key = f"features: {asked} at {residues}"
        st.dataframe(
            shown,
            hide_index=True,
            key=key,
            on_select=partial(_keep_row, key, shown["Feature"].tolist()),
            selection_mode="single-row",
            column_config=DECIMALS,
        )
        st.caption("Picked residues leave the features active at all of them; a chosen row is the picked feature.")
        download(shown, "features")


def _picked_feature(question: Question, place: DeltaGenerator) -> tuple[int, int] | None:
    try:
        return choose_feature(question.model, place, placeholder="L3F120")
    except InputError as error:
        place.warning(plain(str(error)))
        return None


def _where_it_fires(question: Question, found: ProteinFeatures, layer: int, feature: int) -> None:
    """One line: the residues at which the picked feature fires, strongest first, and the link to its own page."""
    name = feature_name(layer, feature)
    if layer != found.layer:
        said = f"is a feature of L{layer + 1}, which is not shown"
    else:
        activation, at = found.of(feature), question.numbering.positions()
        order = activation.argsort(stable=True)[::-1]
        fires = [f"{at[each]} ({activation[each]:.2f})" for each in order[:MOST_SAID] if activation[each] > 0]
        n = int((activation > 0).sum())
        listed = f"{', '.join(fires)}{' …' if n > len(fires) else ''}"
        said = f"fires at {counted(n, 'position')}, the strongest first: {listed}" if n else "fires nowhere here"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(plain(f"{label(question.model, layer, feature)} {said}."), width="content")
        link_to(one, f"Look closely at {name}", {"feature": name})


def _keep_row(key: str, names: list[str]) -> None:
    """The feature of a row that was chosen is picked."""
    for row in st.session_state[key]["selection"]["rows"]:
        keep_feature(names[row])
