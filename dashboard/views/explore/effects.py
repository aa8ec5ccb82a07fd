"""What each part's absence does to the target: estimated from a gradient, then measured."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import streamlit as st

from core.analyses.component_attribution import component_attribution, graph_bytes
from core.analyses.head_ablation import ComponentEffects, ComponentLogits, component_logits
from core.components import components
from core.interventions import Condition
from core.metrics import Target
from dashboard import engine
from dashboard.engine import UNASKED_SECONDS, seconds
from dashboard.question import Question
from dashboard.session import EditChoices

GUESSED_FROM: Final = 0.3
"""Seconds of a sweep from which a first guess is drawn before it."""
MOST_FOR_A_GUESS: Final = 2 * 2**30
"""Bytes that its gradient may take."""
PASSES_OF_A_GUESS: Final = 5
"""What its way there and back takes, in resumed passes."""


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
    def n_components(self) -> int:
        return len(components(self.question.model.shape))

    @property
    def about(self) -> float:
        """Seconds that measuring them takes."""
        return seconds(self.question.model, self.n_components, len(self.question.tokens))

    @property
    def settings(self) -> dict[str, Any]:
        return {"scope": self.edits.scope, "mode": self.edits.mode, "given": self.given}


def effects_of(question: Question, edits: EditChoices, condition: Condition, target: Target) -> Effects:
    """What the grid is asked for; on top of `condition` where the person wants that."""
    return Effects(question, edits, condition if st.session_state.get("given") else (), target)


def guessed(effects: Effects) -> ComponentEffects | None:
    """Effects estimated from one gradient; None where that takes too long or too much memory."""
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


def swept(effects: Effects, partly: Callable[[ComponentLogits], None] | None = None) -> ComponentLogits:
    """Logits without each part, from which the effects are read; `partly` draws those of the first layers."""
    question = effects.question
    return engine.computed(
        effects.key,
        lambda progress: component_logits(
            question.model, question.tokens, question.residue + 1, progress=progress, **effects.settings
        ),
        f"Switching off {effects.n_components} components, one at a time",
        effects.about,
        partly=partly,
    )
