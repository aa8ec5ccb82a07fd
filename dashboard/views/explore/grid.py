"""Which heads matter? Every part's own effect on the target, and a click that switches it off."""

from typing import Final

import streamlit as st

from core.analyses.component_attribution import agreement, component_attribution, graph_bytes
from core.analyses.head_ablation import ComponentEffects, ComponentLogits, component_logits
from core.components import components
from core.interventions import Condition, Head
from core.metrics import Target
from core.model import ModelShape
from dashboard import engine
from dashboard.controls.edits import edit_grid
from dashboard.engine import on_request, seconds
from dashboard.question import Question
from dashboard.session import EditChoices
from dashboard.widgets.head_grid import HeadGridData

GUESSED_FROM: Final = 0.3
"""Seconds of a sweep from which a first guess is drawn before it."""
MOST_FOR_A_GUESS: Final = 2 * 2**30
"""Bytes that its gradient may take."""
GUESS: Final = "first-guess"
HATCHED: Final = f"""<style>
.st-key-{GUESS} {{position: relative}}
.st-key-{GUESS}::after {{
  content: ""; position: absolute; inset: 0; pointer-events: none;
  background: repeating-linear-gradient(135deg, transparent 0 6px, rgb(128 128 128 / .3) 6px 7.5px);
}}
</style>"""


def grid_of_effects(question: Question, edits: EditChoices, condition: Condition, head: Head, target: Target) -> None:
    shape = question.model.shape
    given = condition if st.session_state.get("given") else ()
    key = ("components", *question.run_key, question.residue, edits.scope, edits.mode, given)
    about = seconds(question.model, len(components(shape)), len(question.tokens))
    guess_key = ("attribution", *key, target)
    guess, place = engine.known(guess_key), st.empty()
    if engine.known(key) is None and about > GUESSED_FROM:
        guess = _guess(question, edits, given, target, guess_key)
        with place.container(key=GUESS):
            _unmeasured(guess, edits, shape, head)
    found = _sweep(question, edits, given, key, about)
    if found is None:
        return
    effects = found.effects(target)
    with place.container():
        edit_grid(_data(effects), edits, f"grid {shape}", head)
        st.caption(
            f"Each cell: how the {question.letter} gap at {question.residue_label} changes when that part alone is "
            "switched off, in the scope and mode chosen on the left; red raises, blue lowers. Click a cell to switch "
            "it off or on, a label for its row or column; shift-click chooses the head that the panels below look at."
            + (f" The first guess had a rank correlation of {agreement(guess, effects):.2f}." if guess else "")
        )


def _unmeasured(guess: ComponentEffects | None, edits: EditChoices, shape: ModelShape, head: Head) -> None:
    if guess is None:
        edit_grid(HeadGridData.not_computed(shape.n_layers, shape.n_heads), edits, f"guess {shape}", head)
        return
    st.html(HATCHED)
    edit_grid(_data(guess, "Which heads matter? A first guess"), edits, f"guess {shape}", head)
    st.caption("Hatched: estimated from one gradient, until what each part's absence does is measured.")


def _data(effects: ComponentEffects, title: str = "Which heads matter?") -> HeadGridData:
    return HeadGridData(effects.heads, effects.attention, effects.mlp, title=title)


def _guess(
    question: Question, edits: EditChoices, given: Condition, target: Target, key: tuple
) -> ComponentEffects | None:
    model, tokens, shape = question.model, question.tokens, question.model.shape
    if graph_bytes(shape, len(tokens)) > MOST_FOR_A_GUESS:
        return None
    settings = {"scope": edits.scope, "mode": edits.mode, "given": given}
    return engine.computed(
        key, lambda _: component_attribution(model, tokens, target, **settings), "Estimating effects"
    )


def _sweep(
    question: Question, edits: EditChoices, given: Condition, key: tuple, about: float
) -> ComponentLogits | None:
    n_components = len(components(question.model.shape))
    with on_request(key, about, f"Compute the effect of all {n_components} components") as go:
        if not go:
            return None
        return engine.computed(
            key,
            lambda progress: component_logits(
                question.model,
                question.tokens,
                question.residue + 1,
                scope=edits.scope,
                mode=edits.mode,
                given=given,
                progress=progress,
            ),
            f"Switching off {n_components} components, one at a time",
            about,
        )
