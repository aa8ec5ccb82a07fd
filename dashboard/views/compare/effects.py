"""Which heads matter on each side?"""

import streamlit as st

from core.analyses.comparison import difference, one_scale
from core.components import components
from core.figures import comparison as figures
from core.metrics import Among
from dashboard.engine import on_request, seconds
from dashboard.page_parts import draw
from dashboard.views.compare.sides import OTHER_HEADS, Pair
from dashboard.views.explore.grid import measured_effects

QUANTITY = "change of target gap (logits)"


def effects_of_heads(pair: Pair, among: Among) -> None:
    st.markdown("**Which heads matter?**")
    counts = [len(components(side.question.model.shape)) for side in pair.sides]
    about = sum(
        seconds(side.question.model, count, len(side.question.tokens))
        for side, count in zip(pair.sides, counts, strict=True)
    )
    key = ("effects of both", *(each for side in pair.sides for each in (*side.question.key, side.condition)))
    with on_request(key, about, f"Compute the effect of all {sum(counts)} components") as go:
        if not go:
            return
        a, b = (
            measured_effects(side.question, side.edits, side.condition, side.target(among)).by_layer
            for side in pair.sides
        )
    most = one_scale(a, b)
    for place, side, effects in zip(st.columns(2), pair.sides, (a, b), strict=True):
        with place:
            draw(
                figures.component_effects(effects, quantity=QUANTITY, most=most),
                f"{side.name}: how the {side.question.letter} gap at {side.question.residue_label} changes when that "
                "part is switched off on top of the side's edits, in its scope and mode.",
                f"effects {side.name}",
            )
    if not pair.same_heads:
        st.caption(OTHER_HEADS)
        return
    change = difference(a, b)
    left, _ = st.columns(2)
    with left:
        draw(
            figures.component_effects(change, quantity=f"{QUANTITY}, B − A", most=one_scale(change, least=0.1 * most)),
            "Red: switching that part off raises the gap more in B, or lowers it less; blue: the other way. Colours "
            "end at a tenth of the scale above or higher.",
            "effects difference",
        )
