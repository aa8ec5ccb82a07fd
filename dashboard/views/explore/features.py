"""Which features of a layer are active at the residue read, clean beside edited?"""

import numpy as np
import streamlit as st

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
    every = np.union1d(clean.at(position), edited.at(position))
    both = np.array([[run.of(int(each))[position] for each in every] for run in (clean, edited)])
    strongest = both.max(0).argsort()[::-1][:MOST_DRAWN]
    names = [label(question.model, layer, each) for each in every[strongest].tolist()]
    draw(
        figures.clean_and_edited(both[0, strongest], both[1, strongest], names),
        f"The {len(names)} strongest of {len(every)} features of L{layer + 1}; all of them, their names and effects "
        "are on the page Features.",
        "features at the mask",
    )
