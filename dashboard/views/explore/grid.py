"""Which heads matter? Every part's own effect on the target, and a click that switches it off."""

from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.analyses.component_attribution import agreement
from core.analyses.head_ablation import ComponentEffects, ComponentLogits
from core.interventions import Head
from dashboard import engine
from dashboard.controls.edits import edit_grid
from dashboard.engine import on_request
from dashboard.page_parts import download
from dashboard.views.explore.effects import GUESSED_FROM, Effects, guessed, swept
from dashboard.widgets.head_grid import HeadGridData

LEAST: Final = 0.1
"""Logits at which the colours end if all effects are smaller: those hardly move a probability."""
STREAMED_FROM: Final = 3.0
"""Seconds of a sweep from which it is drawn layer by layer."""
HATCHED: Final = """<style>
.st-key-{key} {{position: relative}}
.st-key-{key}::after {{
  content: ""; position: absolute; inset: calc(51px + {measured} * (100% - 113px)) 0 62px 32px; pointer-events: none;
  background: repeating-linear-gradient(135deg, transparent 0 6px, rgb(128 128 128 / .3) 6px 7.5px);
}}
</style>"""


def grid_at_once(place: DeltaGenerator, effects: Effects, head: Head) -> bool:
    """Draws what is known, or else a first guess where measuring takes long; whether nothing is left to measure."""
    if engine.known(effects.key) is not None or effects.about <= GUESSED_FROM:
        measured_grid(place, effects, head)
        return True
    guess, shape = guessed(effects), effects.question.model.shape
    data = _data(guess) if guess else HeadGridData.not_computed(shape.n_layers, shape.n_heads)
    _draw_first_layers(place, effects, head, data, 0)
    return False


def measured_grid(place: DeltaGenerator, effects: Effects, head: Head) -> None:
    """Draws the measured effects instead of what stands in `place`, once they are there."""
    question, guess = effects.question, engine.known(effects.guess_key)

    def draw_first_layers(so_far: ComponentLogits) -> None:
        found = so_far.effects(effects.target)
        _draw_first_layers(place, effects, head, _data(found.or_else(guess) if guess else found), found.n_known_layers)

    with on_request(effects.key, effects.about, f"Compute the effect of all {effects.n_components} components") as go:
        if not go:
            return
        logits = swept(effects, draw_first_layers if effects.about >= STREAMED_FROM else None)
    measured = logits.effects(effects.target)
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


def _draw_first_layers(
    place: DeltaGenerator, effects: Effects, head: Head, data: HeadGridData, n_measured: int
) -> None:
    """Effects of which only the first layers' are measured; the others' are hatched if estimated, or blank."""
    n_layers, key = effects.question.model.shape.n_layers, f"first-guess-{n_measured}"
    with place.container():
        if engine.known(effects.guess_key):
            st.html(HATCHED.format(key=key, measured=n_measured / n_layers))
        with st.container(key=key):
            edit_grid(data, effects.edits, f"first {n_measured} of {effects.question.model.shape}", head)
        rest = "Hatched, a first guess: estimated from one gradient" if engine.known(effects.guess_key) else "Blank"
        measured = f"Measured so far: L1 to L{n_measured}. " if n_measured else ""
        st.caption(f"{measured}{rest}, until what each part's absence does is measured.")


def _data(effects: ComponentEffects) -> HeadGridData:
    return HeadGridData(effects.heads, effects.attention, effects.mlp, noise=LEAST)
