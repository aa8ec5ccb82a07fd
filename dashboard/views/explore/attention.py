"""Who attends to BOS, and where does the chosen head attend?"""

import streamlit as st

from core.analyses.exploration import RunView
from core.figures import explore as figures
from core.interventions import Condition
from dashboard.controls import bound
from dashboard.page_parts import draw
from dashboard.question import Question


def attention_to_bos(question: Question, condition: Condition, clean: RunView, edited: RunView) -> None:
    st.markdown(f"**Which heads read BOS from {question.residue_label}?**")
    at, head = question.residue + 1, edited.head
    before, after = clean.bos_attention, edited.bos_attention if condition else None
    draw(
        figures.bos_attention_heads(
            before[:, :, at], None if after is None else after[:, :, at], question.residue_label
        ),
        "A cell per head, dark where the masked residue attends to BOS.",
        "bos heads",
    )
    draw(
        figures.bos_attention_positions(
            before[head.layer, head.index], None if after is None else after[head.layer, head.index]
        ),
        f"{head} alone, from every residue: attention to BOS that is high only at the start is positional.",
        "bos positions",
    )


@st.fragment
def whole_pattern(condition: Condition, clean: RunView, edited: RunView) -> None:
    st.markdown(f"**Where does {edited.head} look?**")
    runs = {"edited": edited, "clean": clean}
    which = bound.switch("Run", list(runs), "pattern", label_visibility="collapsed") if condition else "clean"
    draw(
        figures.pattern_heatmap(runs[which].pattern, f"Attention of {edited.head}, {which} run"),
        "Rows are queries, columns are keys; each row sums to 1. A dark first column is attention to BOS.",
        "pattern",
    )
