"""Which features of a layer are active at the residue read, clean beside edited?"""

import streamlit as st

from core.analyses.comparison import features_at_two
from core.figures import features as figures
from core.interventions import Condition
from dashboard.controls.features import choose_layer, features_of, label
from dashboard.page_parts import draw
from dashboard.question import Question

MOST_DRAWN = 10


def features_at_the_mask(question: Question, condition: Condition) -> None:
    st.markdown(f"**Which features are active at {question.residue_label}?**")
    layer = choose_layer(question)
    if layer is None:
        return
    position = question.residue + 1
    clean, edited = (features_of(question, layer, each) for each in ((), condition))
    both = features_at_two(clean, position, edited, position)
    names = [label(question.model, layer, each) for each in both.features[:MOST_DRAWN].tolist()]
    draw(
        figures.clean_and_edited(both.first[:MOST_DRAWN], both.second[:MOST_DRAWN], names),
        f"The {len(names)} strongest of {len(both.features)} features of L{layer + 1}; all of them, their names and "
        "effects are on the page Features.",
        "features at the mask",
    )
