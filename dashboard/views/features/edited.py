"""Which features change when parts are switched off?"""

import numpy as np
import pandas as pd
import streamlit as st

from core.analyses.protein_features import FeatureChanges, feature_changes
from core.errors import InputError
from core.figures import features as figures
from core.interventions import describe, feature_name
from dashboard.controls.edits import EDITED, choose_edits
from dashboard.controls.features import choose_layer, described, features_of, label, places
from dashboard.controls.heads import warn_of_unknown
from dashboard.page_parts import download, draw, introduce
from dashboard.question import Question, stop_with

TITLE, PATH = "Edited features", "feature-edits"
MOST_DRAWN = 30


def page(question: Question) -> None:
    introduce(
        "Which features change when parts are switched off?",
        "A head that is off leaves the stream without what it writes: which features of a layer does that move?",
        "Shown is every feature's activation in the edited run minus that in the clean one.",
        "Parts after the layer change nothing in it. Features that are switched off show what is left of them.",
    )
    warn_of_unknown(question.model, *EDITED)
    layer = choose_layer(question)
    if layer is None:
        return
    try:
        with st.sidebar:
            st.divider()
            edits = choose_edits(question)
        condition = edits.condition(question.model.shape)
        clean, edited = (features_of(question, layer, each) for each in ((), condition))
    except InputError as error:
        stop_with(error)
    st.markdown(f"**{describe(condition)[0].upper()}{describe(condition)[1:]}.**")
    changes = feature_changes(clean, edited)
    if not len(changes.features):
        st.info("No feature of this layer changes: choose in the sidebar what to switch off, at this layer or before.")
        return
    shown = min(MOST_DRAWN, len(changes.features))
    names = [label(question.model, layer, feature) for feature in changes.features[:shown].tolist()]
    with st.container(border=True):
        draw(
            figures.where_they_fire(changes.change[:shown], names, places(question), change=True),
            f"The {shown} of {len(changes.features)} features that change most; blue lost, red gained.",
            "changed features",
        )
        table = _table(question, layer, changes)
        st.dataframe(table, hide_index=True)
        download(table, "changed-features")


def _table(question: Question, layer: int, changes: FeatureChanges) -> pd.DataFrame:
    names, at = places(question), np.abs(changes.change).argmax(1)
    largest = changes.change[np.arange(len(at)), at]
    return pd.DataFrame(
        {
            "Feature": [feature_name(layer, each) for each in changes.features.tolist()],
            "Name": [described(question.model, layer, each).name for each in changes.features.tolist()],
            "Changes most at": [names[each] for each in at],
            "Change": largest.round(3),
        }
    )
