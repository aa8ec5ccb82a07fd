"""What changes when parts of the model are switched off?"""

from dataclasses import replace

import streamlit as st

from core.analyses.exploration import RunView, view_run
from core.analyses.prediction import prediction
from core.errors import InputError
from core.interventions import Condition, Head
from dashboard import engine
from dashboard.controls import bound
from dashboard.controls.edits import EDITED, edit_controls
from dashboard.controls.heads import warn_of_unknown
from dashboard.question import Question, stop_with
from dashboard.views.explore.attention import attention_to_bos, whole_pattern
from dashboard.views.explore.bands import band_by_band
from dashboard.views.explore.evidence import evidence_or_default
from dashboard.views.explore.features import features_at_the_mask
from dashboard.views.explore.grid import grid_of_effects
from dashboard.views.explore.headline import COMPETITORS, headline
from dashboard.views.explore.linked import strip_map_structure
from dashboard.views.explore.prediction import predicted_amino_acids
from dashboard.views.explore.script import script_of

TITLE, PATH = "Explore", "explore"


def page(question: Question) -> None:
    warn_of_unknown(question.model, "head", *EDITED, "averaged")
    try:
        head, edits = edit_controls(question)
        among = bound.select("Target gap against", COMPETITORS, "among", st.sidebar)
        target = replace(question.target, among=among)
        condition = edits.condition(question.model.shape)
        clean, edited = (_run(question, each, head) for each in ((), condition))
    except InputError as error:
        stop_with(error)
    before, after = (prediction(view.logits, target) for view in (clean, edited))

    headline(question, condition, before, after, among, script_of(question, condition, head, target))
    beside = st.container()  # filled last, so that nothing waits for it
    left, right = st.columns([5, 4])
    with left.container(border=True, height="stretch"):
        grid_of_effects(question, edits, condition, head, target)
    with right.container(border=True, height="stretch"):
        predicted_amino_acids(question, before, after)
    with st.container(border=True):
        strip_map_structure(question, condition, clean, edited)
    with st.container(border=True):
        band_by_band(question, clean, edited)
    left, right = st.columns([5, 4])
    with left.container(border=True, height="stretch"):
        attention_to_bos(question, clean, edited)
    with right.container(border=True, height="stretch"):
        whole_pattern(clean, edited)
    with beside:
        evidence_or_default(question)
    if question.model.dictionaries:
        with st.container(border=True):
            features_at_the_mask(question, condition)


def _run(question: Question, condition: Condition, head: Head) -> RunView:
    return engine.computed(
        ("view", *question.key, condition, head),
        lambda _: view_run(question.model, question.tokens, condition, residue=question.residue, head=head),
        "Running the model",
    )
