"""What does each side predict? The twenty amino acids at the residue that each reads."""

import numpy as np
import streamlit as st

from core.alphabet import AMINO_ACIDS
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
    difference = prediction_difference(a, b)
    order = np.argsort(-a.logits, kind="stable")
    letters = [AMINO_ACIDS[place] for place in order]
    of_a, of_b, change = (
        (each.probabilities if readout == "probability" else each.logits)[order] for each in (a, b, difference)
    )
    quantity = {"probability": "Probability", "logit": "Logit"}[readout]
    left, right = st.columns(2)
    with left:
        at = " and ".join(dict.fromkeys(side.question.residue_label for side in pair.sides))
        draw(
            figures.side_by_side(letters, of_a, of_b, quantity=quantity, x="Amino acid"),
            f"At the masked {at}, most likely in A first.",
            "both predictions",
        )
    with right:
        draw(
            figures.change(letters, change, quantity=quantity, x="Amino acid"),
            "Red: B gives more, blue: less.",
            "prediction difference",
        )
