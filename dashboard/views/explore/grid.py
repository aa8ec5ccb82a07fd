"""Which heads matter? Every part's own effect on the target, and a click that switches it off."""

import streamlit as st

from core.analyses.head_ablation import ComponentEffects, component_sweep
from core.components import components
from core.interventions import Condition, Head
from core.metrics import Target
from dashboard import engine
from dashboard.controls.edits import edit_grid
from dashboard.engine import on_request, seconds
from dashboard.question import Question
from dashboard.session import EditChoices
from dashboard.widgets.head_grid import HeadGridData


def grid_of_effects(question: Question, edits: EditChoices, condition: Condition, head: Head, target: Target) -> None:
    shape = question.model.shape
    effects = _effects(question, edits, condition, target)
    data = (
        HeadGridData.not_computed(shape.n_layers, shape.n_heads)
        if effects is None
        else HeadGridData(effects.heads, effects.attention, effects.mlp)
    )
    edit_grid(data, edits, f"grid {shape}", head)
    st.caption(
        f"Each cell: how the {question.letter} gap at {question.residue_label} changes when that part alone is switched"
        " off, in the scope and mode chosen on the left; red raises, blue lowers. Click a cell to switch it off or on,"
        " a label for its row or column; shift-click chooses the head that the panels below look at."
    )


def _effects(question: Question, edits: EditChoices, condition: Condition, target: Target) -> ComponentEffects | None:
    model = question.model
    given = condition if st.session_state.get("given") else ()
    key = _key(question, edits, given, target)
    n_components = len(components(model.shape))
    about = seconds(model, n_components, len(question.tokens))
    with on_request(key, about, f"Compute the effect of all {n_components} components") as go:
        if not go:
            return None
        return measured_effects(question, edits, given, target)


def measured_effects(question: Question, edits: EditChoices, given: Condition, target: Target) -> ComponentEffects:
    """Every part's effect in the scope and mode of `edits`, on top of what is `given`."""
    model = question.model
    return engine.computed(
        _key(question, edits, given, target),
        lambda progress: component_sweep(
            model,
            question.tokens,
            target,
            scope=edits.scope,
            mode=edits.mode,
            given=given,
            progress=progress,
        ),
        f"Switching off {len(components(model.shape))} components, one at a time",
    )


def _key(question: Question, edits: EditChoices, given: Condition, target: Target) -> tuple:
    return ("effects", *question.key, edits.scope, edits.mode, given, target)
