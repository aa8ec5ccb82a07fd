"""How do query and key meet, band by band?"""

import streamlit as st

from core.analyses.exploration import RunView, band_view
from core.figures.explore import band_bars
from core.interventions import Condition
from dashboard.controls import bound
from dashboard.page_parts import about_norms, draw
from dashboard.question import Question

THE_MASK = "the masked residue"


@st.fragment
def band_by_band(question: Question, condition: Condition, clean: RunView, edited: RunView) -> None:
    st.markdown(f"**How do query and key meet in {edited.head}, band by band?**")
    names = ["BOS", *question.numbering.names(), "EOS"]
    controls = st.container(horizontal=True)
    query = bound.select("Query", [THE_MASK, *names], "query", controls, width=bound.WIDTH)
    key = bound.select("Key", names, "key", controls, width=bound.WIDTH)
    at = names.index(question.residue_label if query == THE_MASK else query)
    before, after = (band_view(view, at, names.index(key)) for view in (clean, edited))
    score, attention = f"{before.score:+.2f}", f"{before.attention:.3f}"
    if condition:
        score, attention = f"{score} → {after.score:+.2f}", f"{attention} → {after.attention:.3f}"
    draw(
        band_bars(before, after if condition else None),
        f"Score {score}, attention {attention}."
        " RoPE turns each pair of dimensions by its own angle per residue: it changes cos θ, never a norm."
        f" What the bands add sums to the score.{about_norms(question.model)}",
        "bands",
    )
