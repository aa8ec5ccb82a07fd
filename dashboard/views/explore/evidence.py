"""Beside the prediction: is it evidence, or a default? One line, and the way to the page that says more."""

from typing import Final

import streamlit as st

from core.analyses.evidence import REPEATS
from core.answers.calibration import kept_calibration
from core.answers.evidence import Chosen, letters
from core.answers.evidence_words import beside_prediction
from core.answers.verdict_words import verdict_words
from core.errors import InputError
from dashboard.engine import UNASKED_SECONDS, seconds
from dashboard.page_parts import link_to
from dashboard.question import Question
from dashboard.session import plain
from dashboard.survey import SessionSurvey
from dashboard.views import sanity

ROWS: Final = 2 * (len(REPEATS) + 2)
"""Forward passes that take a residue apart."""


def evidence_or_default(question: Question) -> None:
    """The line on the clean run at the residue read, it alone masked."""
    text, link = st.columns([4, 1], vertical_alignment="center")
    place = text.empty()
    link_to(sanity, sanity.TITLE, {}, link)
    sequence = question.protein.sequence
    about = seconds(question.model, ROWS, len(sequence))
    if about > UNASKED_SECONDS:
        place.markdown("Evidence or default? On a model of this size the page Sanity check is asked for it.")
        return
    survey = SessionSurvey(question.model, "Asking whether it is evidence", about)
    try:
        with place:
            found = letters(survey, {question.protein.name: Chosen(sequence, (question.residue,))})
    except InputError as error:
        place.markdown(plain(str(error)))
        return
    words = verdict_words(kept_calibration(question.model))
    place.markdown(plain(beside_prediction(found, question.residue_label, words)))
