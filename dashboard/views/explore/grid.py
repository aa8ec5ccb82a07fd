"""Which heads matter? Every part's own effect on the target, and a click that switches it off."""

from dataclasses import dataclass
from typing import Any, Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.analyses.component_attribution import agreement, component_attribution, graph_bytes
from core.analyses.head_ablation import ComponentEffects, ComponentLogits, component_logits
from core.components import components
from core.interventions import Condition, Head
from core.metrics import Target
from dashboard import engine
from dashboard.controls.edits import edit_grid
from dashboard.engine import UNASKED_SECONDS, on_request, seconds
from dashboard.page_parts import download
from dashboard.question import Question
from dashboard.session import EditChoices
from dashboard.widgets.head_grid import HeadGridData

LEAST: Final = 0.1
"""Logits at which the colours end if all effects are smaller: those hardly move a probability."""
GUESSED_FROM: Final = 0.3
"""Seconds of a sweep from which a first guess is drawn before it."""
MOST_FOR_A_GUESS: Final = 2 * 2**30
"""Bytes that its gradient may take."""
PASSES_OF_A_GUESS: Final = 5
"""What its way there and back takes, in resumed passes."""
GUESS: Final = "first-guess"
HATCHED: Final = f"""<style>
.st-key-{GUESS} {{position: relative}}
.st-key-{GUESS}::after {{
  content: ""; position: absolute; inset: 51px 0 30px 32px; pointer-events: none;
  background: repeating-linear-gradient(135deg, transparent 0 6px, rgb(128 128 128 / .3) 6px 7.5px);
}}
</style>"""


@dataclass(frozen=True, slots=True)
class Effects:
    """Which effects the grid shows: of every part, on the target, on top of what is `given`."""

    question: Question
    edits: EditChoices
    given: Condition
    target: Target

    @property
    def key(self) -> tuple:
        question, edits = self.question, self.edits
        return ("components", *question.run_key, question.residue, edits.scope, edits.mode, self.given)

    @property
    def guess_key(self) -> tuple:
        return ("attribution", *self.key, self.target)

    @property
    def about(self) -> float:
        """Seconds that measuring them takes."""
        model = self.question.model
        return seconds(model, len(components(model.shape)), len(self.question.tokens))

    @property
    def settings(self) -> dict[str, Any]:
        return {"scope": self.edits.scope, "mode": self.edits.mode, "given": self.given}


def effects_of(question: Question, edits: EditChoices, condition: Condition, target: Target) -> Effects:
    """What the grid is asked for; on top of `condition` where the person wants that."""
    return Effects(question, edits, condition if st.session_state.get("given") else (), target)


def grid_at_once(place: DeltaGenerator, effects: Effects, head: Head) -> bool:
    """Draws what is known, or else a first guess where measuring takes long; whether nothing is left to measure."""
    if engine.known(effects.key) is not None or effects.about <= GUESSED_FROM:
        measured_grid(place, effects, head)
        return True
    guess, shape = _guess(effects), effects.question.model.shape
    with place.container():
        if guess is None:
            edit_grid(HeadGridData.not_computed(shape.n_layers, shape.n_heads), effects.edits, f"guess {shape}", head)
            return False
        st.html(HATCHED)
        with st.container(key=GUESS):
            edit_grid(_data(guess, "Which heads matter? A first guess"), effects.edits, f"guess {shape}", head)
        st.caption("Hatched: estimated from one gradient, until what each part's absence does is measured.")
    return False


def measured_grid(place: DeltaGenerator, effects: Effects, head: Head) -> None:
    """Draws the measured effects instead of what stands in `place`, once they are there."""
    found = _sweep(effects)
    if found is None:
        return
    question, measured = effects.question, found.effects(effects.target)
    guess = engine.known(effects.guess_key)
    with place.container():
        data = _data(measured)
        edit_grid(data, effects.edits, f"grid {question.model.shape}", head)
        download(data.table, "effects")
        st.caption(
            f"Each cell: how the {question.letter} gap at {question.residue_label} changes when that part alone is "
            "switched off, in the scope and mode chosen on the left; red raises, blue lowers. Click a cell to switch "
            "it off or on, a label for its row or column; shift-click chooses the head that the panels below look at."
            + (f" The first guess had a rank correlation of {agreement(guess, measured):.2f}." if guess else "")
        )


def _data(effects: ComponentEffects, title: str = "Which heads matter?") -> HeadGridData:
    return HeadGridData(effects.heads, effects.attention, effects.mlp, title=title, noise=LEAST)


def _guess(effects: Effects) -> ComponentEffects | None:
    model, tokens = effects.question.model, effects.question.tokens
    about = seconds(model, PASSES_OF_A_GUESS, len(tokens))
    if graph_bytes(model.shape, len(tokens)) > MOST_FOR_A_GUESS or about > UNASKED_SECONDS:
        return None
    return engine.computed(
        effects.guess_key,
        lambda _: component_attribution(model, tokens, effects.target, **effects.settings),
        "Estimating effects",
        about,
    )


def _sweep(effects: Effects) -> ComponentLogits | None:
    n_components = len(components(effects.question.model.shape))
    with on_request(effects.key, effects.about, f"Compute the effect of all {n_components} components") as go:
        return swept(effects) if go else None


def swept(effects: Effects) -> ComponentLogits:
    """Logits without each part, from which the effects are read."""
    question, n_components = effects.question, len(components(effects.question.model.shape))
    return engine.computed(
        effects.key,
        lambda progress: component_logits(
            question.model, question.tokens, question.residue + 1, progress=progress, **effects.settings
        ),
        f"Switching off {n_components} components, one at a time",
        effects.about,
    )
