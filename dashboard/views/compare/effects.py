"""Which heads matter on each side?"""

import streamlit as st

from core.analyses.comparison import difference, one_scale
from core.components import components
from core.figures import comparison as figures
from core.metrics import Among
from dashboard.engine import on_request
from dashboard.page_parts import draw
from dashboard.views.compare.sides import OTHER_HEADS, Pair
from dashboard.views.explore.effects import Effects, swept

QUANTITY = "change of target gap (logits)"


def effects_of_heads(pair: Pair, among: Among) -> None:
    st.markdown("**Which heads matter?**")
    both = [Effects(side.question, side.edits, side.condition, side.target(among)) for side in pair.sides]
    n_components = sum(len(components(side.question.model.shape)) for side in pair.sides)
    key = ("effects of both", *(effects.key for effects in both))
    about = sum(effects.about for effects in both)
    with on_request(key, about, f"Compute the effect of all {n_components} components") as go:
        if not go:
            return
        a, b = (swept(effects).effects(effects.target).by_layer for effects in both)
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
    draw(
        figures.component_effects(change, quantity=f"{QUANTITY}, B − A", most=one_scale(change, least=0.1 * most)),
        "Red: switching that part off raises the gap more in B, or lowers it less; blue: the other way. Colours end at "
        "a tenth of the scale above or higher.",
        "effects difference",
    )
