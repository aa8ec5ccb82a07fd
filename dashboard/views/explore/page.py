"""What changes when parts of the model are switched off?"""

from dataclasses import replace

import streamlit as st

from core.analyses.prediction import prediction
from core.errors import InputError
from dashboard.controls import bound
from dashboard.controls.edits import EDITED, edit_controls
from dashboard.controls.heads import warn_of_unknown
from dashboard.question import Question, stop_with
from dashboard.views.explore.attention import attention_to_bos, whole_pattern
from dashboard.views.explore.bands import band_by_band
from dashboard.views.explore.effects import effects_of
from dashboard.views.explore.evidence import evidence_or_default
from dashboard.views.explore.features import features_at_the_mask
from dashboard.views.explore.grid import grid_at_once, measured_grid
from dashboard.views.explore.headline import COMPETITORS, headline
from dashboard.views.explore.linked import strip_map_structure
from dashboard.views.explore.prediction import predicted_amino_acids
from dashboard.views.explore.runs import logits_of, view_of
from dashboard.views.explore.script import script_of

TITLE, PATH = "Explore", "explore"


def page(question: Question) -> None:
    warn_of_unknown(question.model, "head", *EDITED, "averaged")
    try:
        head, edits = edit_controls(question)
        among = bound.select("Target gap against", COMPETITORS, "among", st.sidebar)
        target = replace(question.target, among=among)
        condition = edits.condition(question.model.shape)
        logits = [logits_of(question, each)[question.residue + 1] for each in ((), condition)]
    except InputError as error:
        stop_with(error)
    before, after = (prediction(each, target) for each in logits)

    headline(question, condition, before, after, among, script_of(question, condition, head, target))
    beside = st.container()  # filled last, so that nothing waits for it
    left, right = st.columns([5, 4])
    parts = left.container(border=True, height="stretch")
    with parts:
        grid, effects = st.empty(), effects_of(question, edits, condition, target)
        measured = grid_at_once(grid, effects, head)
    with right.container(border=True, height="stretch"):
        predicted_amino_acids(question, condition, before, after)
    clean, edited = (view_of(question, each, head) for each in ((), condition))
    with st.container(border=True):
        strip_map_structure(question, condition, clean, edited)
    with st.container(border=True):
        band_by_band(question, condition, clean, edited)
    left, right = st.columns([5, 4])
    with left.container(border=True, height="stretch"):
        attention_to_bos(question, condition, clean, edited)
    with right.container(border=True, height="stretch"):
        whole_pattern(condition, clean, edited)
    with beside:
        evidence_or_default(question)
    if question.model.dictionaries:
        with st.container(border=True):
            features_at_the_mask(question, condition)
    if not measured:
        with parts:
            measured_grid(grid, effects, head)
