"""What does it predict? The twenty amino acids at the masked residue, clean and edited."""

import streamlit as st

from core.analyses.prediction import Prediction
from core.figures.explore import Readout, prediction_bars
from core.interventions import Condition
from dashboard.controls import bound
from dashboard.page_parts import draw
from dashboard.question import Question

READOUTS: tuple[Readout, ...] = ("probability", "logit")


@st.fragment
def predicted_amino_acids(question: Question, condition: Condition, before: Prediction, after: Prediction) -> None:
    st.markdown("**What does it predict?**")
    readout = bound.switch("Readout", READOUTS, "readout", label_visibility="collapsed")
    clean = "outlined in grey, edited filled" if condition else "in grey, nothing is edited"
    draw(
        prediction_bars(before, after if condition else None, question.letter, readout),
        f"The masked {question.residue_label}, most likely in the clean run first: clean {clean};"
        f" {question.letter}, the target, in orange.",
        "prediction",
    )
