"""What does it predict? The twenty amino acids at the masked residue, clean and edited."""

import streamlit as st

from core.analyses.prediction import Prediction
from core.figures.explore import Readout, prediction_bars
from dashboard.controls import bound
from dashboard.page_parts import draw
from dashboard.question import Question

READOUTS: tuple[Readout, ...] = ("probability", "logit")


@st.fragment
def predicted_amino_acids(question: Question, before: Prediction, after: Prediction) -> None:
    st.markdown("**What does it predict?**")
    readout = bound.switch("Readout", READOUTS, "readout", label_visibility="collapsed")
    draw(
        prediction_bars(before, after, question.letter, readout),
        f"The masked {question.residue_label}, most likely in the clean run first: clean outlined in grey, edited"
        f" filled; {question.letter}, the target, in orange.",
        "prediction",
    )
