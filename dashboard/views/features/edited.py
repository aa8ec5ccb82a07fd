"""Which features change when parts are switched off?"""

import streamlit as st

from core.analyses.protein_features import feature_changes
from core.answers.features import change_table
from core.errors import InputError
from core.figures import features as figures
from core.interventions import describe
from dashboard.controls.edits import EDITED, choose_edits
from dashboard.controls.features import COLUMNS, choose_layer, descriptions, features_of, labels
from dashboard.controls.heads import warn_of_unknown
from dashboard.page_parts import download, draw, introduce
from dashboard.question import Question, stop_with
from dashboard.take_away import offer_script
from dashboard.views.features.script import MOST_DRAWN, script_of_changes

TITLE, PATH = "Edited features", "feature-edits"


def page(question: Question) -> None:
    introduce(
        "Which features change when parts are switched off?",
        "A head that is off leaves the stream without what it writes: which features of a layer does that move?",
        "Shown is every feature's activation in the edited run minus that in the clean one.",
        "Parts after the layer change nothing in it. Features that are switched off show what is left of them.",
    )
    model, places = question.model, question.numbering.positions()
    warn_of_unknown(model, *EDITED)
    layer = choose_layer(question)
    if layer is None:
        return
    try:
        with st.sidebar:
            st.divider()
            edits = choose_edits(question)
        condition = edits.condition(model.shape)
        clean, edited = (features_of(question, layer, each) for each in ((), condition))
    except InputError as error:
        stop_with(error)
    st.markdown(f"**{describe(condition)[0].upper()}{describe(condition)[1:]}.**")
    changes = feature_changes(clean, edited)
    if not len(changes.features):
        st.info("No feature of this layer changes: choose in the sidebar what to switch off, at this layer or before.")
        return
    offer_script(script_of_changes(question, layer, condition))
    names = labels(model, layer, changes.features[:MOST_DRAWN])
    with st.container(border=True):
        draw(
            figures.where_they_fire(changes.change[:MOST_DRAWN], names, places, change=True),
            f"The {len(names)} of {len(changes.features)} features that change most; blue lost, red gained.",
            "changed features",
        )
        table = change_table(changes, descriptions(model).get(layer), places).rename(columns=COLUMNS)
        st.dataframe(table.round({"Change": 3}), hide_index=True)
        download(table, "changed-features")
