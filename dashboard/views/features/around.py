"""What stands around one feature: letters that it raises, heads that write and read it, features that are alike."""

import numpy as np
import pandas as pd
import streamlit as st

from core.analyses.feature_heads import FeatureHeads, direct_letters, feature_heads, neighbours
from core.figures import features as figures
from core.figures.style import head_heatmap
from core.interventions import feature_name
from core.model import Model
from dashboard import engine
from dashboard.controls.features import described
from dashboard.page_parts import draw
from dashboard.question import Question

GRIDS = {
    "write_effect": ("Heads that write it: activation lost or gained when the head is off", "activation"),
    "write_weight": ("… by weights: encoder column through the head's output", "length"),
    "read_effect": ("Heads that read it: change of the head's z when the feature is off", "share of z"),
    "read_weight": ("… by weights: decoder row through the head's q, k and v", "length"),
}


def letters_it_raises(question: Question, layer: int, feature: int) -> None:
    st.markdown("**Which letters does it raise and lower?**")
    slopes = engine.computed(
        ("letters", *question.key, layer, feature),
        lambda _: direct_letters(question.model, question.tokens, layer, feature, question.residue),
        "Following the direct path",
    )
    draw(
        figures.letters(slopes),
        f"The direct path alone: the decoder row through the unembed at {question.residue_label}, the later layers "
        "left out, minus the mean over amino acids.",
        "letters",
    )


def heads_around(question: Question, layer: int, feature: int, position: int) -> None:
    place = question.numbering.positions()[position]
    st.markdown(f"**Which heads write it and read it?** At {place}, where it is strongest here.")
    found: FeatureHeads = engine.computed(
        ("feature heads", *question.key, layer, feature, position),
        lambda progress: feature_heads(question.model, question.tokens, layer, feature, position, progress=progress),
        "Switching heads off",
    )
    columns = st.columns(2)
    for index, (name, (title, quantity)) in enumerate(GRIDS.items()):
        grid = getattr(found, name)
        with columns[index // 2]:
            if np.isnan(grid).all():
                st.caption(f"{title}: no head comes after this layer.")
                continue
            diverging = name == "write_effect"
            draw(head_heatmap(grid, quantity=quantity, diverging=diverging), f"{title}.", name)


def alike(model: Model, layer: int, feature: int) -> None:
    st.markdown("**Which features point most alike?**")
    near = [
        {"Feature": feature_name(layer, each), "Name": described(model, layer, each).name, "Cosine": round(cosine, 3)}
        for each, cosine in neighbours(model, layer, feature)
    ]
    st.dataframe(pd.DataFrame(near), hide_index=True)
    st.caption("Cosine of decoder rows.")
