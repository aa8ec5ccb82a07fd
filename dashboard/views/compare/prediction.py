"""What does each side predict? The twenty amino acids at the residue that each reads."""

import streamlit as st

from core.analyses.comparison import prediction_difference
from core.figures import comparison as figures
from dashboard.controls import bound
from dashboard.page_parts import draw
from dashboard.views.compare.sides import Pair
from dashboard.views.explore.prediction import READOUTS


def predicted_amino_acids(pair: Pair) -> None:
    st.markdown("**What does each side predict?**")
    readout = bound.switch("Readout", READOUTS, "readout", label_visibility="collapsed")
    a, b = (side.prediction() for side in pair.sides)
    left, right = st.columns(2)
    with left:
        at = " and ".join(dict.fromkeys(side.question.residue_label for side in pair.sides))
        draw(figures.predictions(a, b, readout), f"At the masked {at}, most likely in A first.", "both predictions")
    with right:
        draw(
            figures.prediction_change(a, prediction_difference(a, b), readout),
            "Red: B gives more, blue: less.",
            "prediction difference",
        )
