"""What each side has, in a sentence, and what its target does."""

from typing import Any

import streamlit as st

from core.analyses.comparison import PredictionDifference
from core.analyses.prediction import Prediction
from core.interventions import describe
from dashboard.page_parts import called
from dashboard.session import plain
from dashboard.views.compare.sides import Side
from dashboard.views.explore.headline import QUIET

WIDTH = 104


def headline(side: Side, found: Prediction, difference: PredictionDifference | None = None) -> None:
    """A side's target and first prediction; with a `difference`, how it differs from the other's."""
    question, target = side.question, side.question.letter
    read = f"{question.residue_label} masked" if len(question.masked) == 1 else f"read at {question.residue_label}"
    what = " · ".join(map(plain, (question.protein.name, called(question.model), read)))
    said = describe(side.condition)
    st.markdown(f"**{side.name}** · {what}, target {target}\n\n{said[0].upper()}{said[1:]}.")
    change = difference and {
        "probability": f"{difference.target_probability:+.3f}",
        "gap": f"{difference.target_gap:+.2f}",
        "rank": f"{difference.target_rank:+d}",
    }
    row = st.container(horizontal=True)
    row.metric(f"P({target})", f"{found.target_probability:.3f}", **_change(change, "probability"), width=WIDTH)
    row.metric(f"{target} gap (logits)", f"{found.target_gap:+.2f}", **_change(change, "gap"), width=WIDTH)
    row.metric(f"Rank of {target}", found.target_rank, **_change(change, "rank"), width=WIDTH)
    row.metric("Predicted", found.first, width=WIDTH)


def _change(change: dict[str, str] | None, number: str) -> dict[str, Any]:
    if change is None:
        return {}
    if not float(change[number]):
        return {**QUIET, "delta": "as in A"}
    return {"delta": change[number], "delta_color": "inverse" if number == "rank" else "normal"}
