"""Which features are active at the residue that each side reads?"""

import streamlit as st

from core.analyses.comparison import difference, features_at_two, features_correspond
from core.figures import comparison as figures
from dashboard.controls import bound
from dashboard.controls.features import features_of, label
from dashboard.page_parts import draw
from dashboard.views.compare.sides import Pair
from dashboard.views.explore.features import MOST_DRAWN


def features_at_the_residues(pair: Pair) -> None:
    """Of models that have dictionaries; a difference where they are the same."""
    models = [side.question.model for side in pair.sides]
    if not any(model.dictionaries for model in models):
        return
    with st.container(border=True):
        st.markdown("**Which features are active at the residue read?**")
        if not features_correspond(*models):
            st.caption("No features to compare: the two sides have other dictionaries, or one of them has none.")
            return
        layers = {held.layer: f"L{held.layer + 1}" for held in models[0].dictionaries}
        layer = bound.select("Layer", layers, "layer", width=bound.WIDTH)
        found = [features_of(side.question, layer, side.condition) for side in pair.sides]
        both = features_at_two(found[0], pair.a.question.residue + 1, found[1], pair.b.question.residue + 1)
        a, b = both.first[:MOST_DRAWN], both.second[:MOST_DRAWN]
        names = [label(models[0], layer, feature) for feature in both.features[:MOST_DRAWN].tolist()]
        left, right = st.columns(2)
        with left:
            draw(
                figures.side_by_side(names, a, b, quantity="Activation", x="Feature"),
                f"The {len(names)} strongest of {len(both.features)} features of L{layer + 1}.",
                "both features",
            )
        with right:
            draw(
                figures.change(names, difference(a, b), quantity="Activation", x="Feature"),
                "Red: more active in B, blue: less.",
                "features difference",
            )
