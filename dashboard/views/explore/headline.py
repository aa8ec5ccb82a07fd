"""What is switched off, said in a sentence, and what it does to the target."""

from typing import Any, Final

import streamlit as st

from core.analyses.prediction import Prediction
from core.interventions import Condition, describe
from core.metrics import Among
from dashboard.glossary import told
from dashboard.page_parts import link_to
from dashboard.question import Question
from dashboard.script import Script
from dashboard.session import forget_edits
from dashboard.take_away import show_script
from dashboard.views import compare
from dashboard.views.compare import beside_clean

QUIET: Final[dict[str, Any]] = {"delta_color": "off", "delta_arrow": "off"}
COMPETITORS: dict[Among, str] = {"amino acids": "the other amino acids", "vocabulary": "all other tokens"}


def headline(
    question: Question, condition: Condition, before: Prediction, after: Prediction, among: Among, script: Script
) -> None:
    title, others = st.columns([3, 2], vertical_alignment="top")
    said = describe(condition) if condition else "Nothing is switched off: the clean run"
    title.markdown(
        f"#### What changes when parts of the model are switched off?\n{said}.",
        help=told("masked residue", "head", "MLP", "attention", "BOS", "RoPE", "contact"),
    )
    buttons = others.container(horizontal=True, horizontal_alignment="right")
    with buttons.popover("Share", icon=":material/share:"):
        st.caption("The address of this page holds every choice: copy it to share this view. The same run in Python:")
        show_script(script)
    buttons.button("Reset", on_click=forget_edits, disabled=not condition, icon=":material/undo:")
    edits = {key: st.query_params.get_all(key) for key in st.query_params}
    link_to(compare, "Compare with clean", beside_clean(edits), others.container(horizontal_alignment="right"))
    target = question.letter
    columns = st.columns(4)
    columns[0].metric(
        f"P({target}) at {question.residue_label}",
        f"{after.target_probability:.3f}",
        **_change(condition, f"{after.target_probability - before.target_probability:+.3f}"),
        help=told("probability"),
    )
    columns[1].metric(
        f"{target} gap (logits)",
        f"{after.target_gap:+.2f}",
        **_change(condition, f"{after.target_gap - before.target_gap:+.2f}"),
        help=f"The target's logit minus the largest among {COMPETITORS[among]}: positive when the target ranks first."
        f"\n\n{told('logit')}",
    )
    rank: dict[str, Any] = {"delta_color": "inverse"}  # a higher place is a larger number
    rank |= _change(condition, f"{after.target_rank - before.target_rank:+d}")
    columns[2].metric(f"Rank of {target}", after.target_rank, **rank, help=told("rank"))
    predicted = {**QUIET, "delta": f"clean: {before.first}"} if condition else _change(condition, "")
    columns[3].metric("Predicted", after.first, **predicted)


def _change(condition: Condition, written: str) -> dict[str, Any]:
    """What stands below a number: a line in any case, so that nothing moves when an edit comes; and no arrow where
    nothing changes."""
    if not condition:
        return {**QUIET, "delta": "nothing is edited"}
    return {"delta": written} if float(written) else {**QUIET, "delta": "no change"}
