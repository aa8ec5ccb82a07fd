"""Which parts matter to the contacts? Each one's own effect on the map, and a click that switches it off."""

import streamlit as st

from core.alphabet import tokenize
from core.analyses.contact_attribution import ContactEffects, ablation_effects
from core.components import components
from core.interventions import Condition, Head
from core.proteins.contact_scores import MIN_SEPARATION
from core.proteins.labelled import LabelledProtein
from core.proteins.structure import ContactRule
from dashboard import engine
from dashboard.controls import bound
from dashboard.controls.edits import edit_grid
from dashboard.engine import on_request, seconds
from dashboard.page_parts import download
from dashboard.question import Question
from dashboard.session import EditChoices
from dashboard.widgets.head_grid import HeadGridData

PRECISION, CHANGE = "Change of P@L/2, long range", "Mean change of the map"


def grid_of_effects(
    question: Question, edits: EditChoices, condition: Condition, heads: tuple[Head, ...], rule: ContactRule
) -> None:
    structure, shape = question.protein.structure, question.model.shape
    of_precision = bound.switch("Shown", [PRECISION, CHANGE] if structure else [CHANGE], "shown") == PRECISION
    truth = LabelledProtein.of(structure, *rule) if structure else None
    effects = _effects(question, edits, condition, heads, truth)
    data = HeadGridData.not_computed(shape.n_layers, shape.n_heads)
    if effects is not None:
        shown, noise, of = effects.change, 0.0, f"the map, absolute, mean over pairs {MIN_SEPARATION} or more apart"
        if of_precision and effects.precision is not None:
            shown, noise, of = effects.precision, effects.precision_noise, "P@L/2, long range"
        texts = {"quantity": f"change of {of}", "title": "Which parts matter?"}
        unit = "percentage points" if of_precision or not heads else "0.01 of corrected attention"
        data = HeadGridData.of(100 * shown, shape.n_layers, 100 * noise, unit=unit, **texts)
    edit_grid(data, edits, f"contact grid {shape}")
    download(data.table, "effects")
    given = effects and effects.given_precision
    now = ""
    if effects is not None and given is not None:
        now = (
            f" P@L/2 is {given:.2f} now; changes below ±{effects.precision_noise:.2f} (two standard errors) stay pale."
        )
    colours = "precision: red raises it, blue lowers it" if of_precision else "map: the redder, the more it moves"
    st.caption(
        f"Each cell: what switching that part off as well, in the scope and mode on the left, does to the {colours}."
        f"{now} Click a cell to switch it off or on, a label for its row or column."
    )


def _effects(
    question: Question,
    edits: EditChoices,
    condition: Condition,
    heads: tuple[Head, ...],
    truth: LabelledProtein | None,
) -> ContactEffects | None:
    model, sequence = question.model, question.protein.sequence
    key = ("contact effects", model.fingerprint, sequence, heads, truth, edits.scope, edits.mode, condition)
    n_parts = len(components(model.shape))
    about = 2 * seconds(model, n_parts, len(sequence))
    with on_request(key, about, f"Switch off {n_parts} parts, one at a time") as go:
        if not go:
            return None
        return engine.computed(
            key,
            lambda progress: ablation_effects(
                model,
                tokenize(sequence),
                truth,
                heads=heads,
                scope=edits.scope,
                mode=edits.mode,
                given=condition,
                progress=progress,
            ),
            f"Switching off {n_parts} parts, one at a time",
            about,
        )
