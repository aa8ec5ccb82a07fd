"""The residues coloured by verdict in strip and structure; a click opens a residue's card."""

import numpy as np
import pandas as pd
import streamlit as st

from core.alphabet import tokenize
from core.answers.calibration import kept_calibration
from core.answers.evidence import VERDICTS
from core.answers.verdict_words import verdict_words
from core.contacts import contact_map
from core.figures.contacts import PROBABILITY
from core.figures.evidence import VERDICT_COLOURS
from dashboard import engine
from dashboard.controls.picked import choose_picked, keep_pick
from dashboard.question import Question
from dashboard.views.sanity.card import residue_card_panel
from dashboard.widgets.linked_view import Heat, LinkedViewData, Pick, ResidueValues, linked_view


@st.fragment
def coloured_by_verdict(question: Question, strip: pd.DataFrame, seed: int) -> None:
    """A pick redraws these alone."""
    st.markdown("**Click a residue: what does its prediction rest on?**")
    picked = choose_picked(question.numbering, placeholder="M1", help="Or click strip or structure.", width=200)
    residue = picked[0] if picked else question.residue
    words = verdict_words(kept_calibration(question.model))
    above = _contact_heat(question)
    present = [verdict for verdict in VERDICTS if (strip.verdict == verdict).any()]
    values = ResidueValues(
        np.array([present.index(verdict) for verdict in strip.verdict], dtype=float),
        "verdict",
        classes=tuple((words[verdict], VERDICT_COLOURS[verdict]) for verdict in present),
    )
    data = LinkedViewData.of(
        question.protein,
        above,
        None,
        (),
        residue_values=values,
        maskable=False,
        map_title="The contact head's map",
        map_caption="Nothing masked.",
        structure_title="Where in the structure?",
        structure_caption="Coloured by verdict.",
    )
    linked_view(data, key="sanity", pick=Pick((residue,)), on_change=lambda pick: keep_pick(pick, question.numbering))
    residue_card_panel(question, residue, seed)


def _contact_heat(question: Question) -> Heat:
    model, sequence = question.model, question.protein.sequence
    if model.contact_head is None:
        return Heat(np.full((len(sequence), len(sequence)), np.nan), "no contact head", "clean")
    predicted = engine.computed(
        ("contact map", model.fingerprint, sequence, (), ()),
        lambda _: contact_map(model, tokenize(sequence)),
        "Reading the contact head",
    )
    return Heat(predicted, PROBABILITY, "edited")
