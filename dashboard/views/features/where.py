"""Where one feature fires: in this protein, and in those that it was described on."""

import numpy as np
import pandas as pd
import streamlit as st

from core.analyses.protein_features import together
from core.features.descriptions import Description, Example
from core.figures import features as figures
from core.interventions import feature_name
from dashboard.controls import bound
from dashboard.controls.picked import choose_picked, keep_pick
from dashboard.page_parts import draw
from dashboard.question import Question
from dashboard.session import plain
from dashboard.widgets.linked_view import Heat, LinkedViewData, Pick, ResidueValues, linked_view


def fires_here(question: Question, layer: int, feature: int, activation: np.ndarray) -> None:
    name = feature_name(layer, feature)
    strongest = question.numbering.positions()[int(activation.argmax())]
    said = f"strongest at {strongest} ({activation.max():.2f})" if activation.any() else "nowhere in this protein"
    st.markdown(f"**Where does it fire here?** {plain(said[0].upper() + said[1:])}.")
    picked = choose_picked(question.numbering, placeholder="M1, K27", width=bound.WIDTH)
    inside, largest = activation[1:-1].astype(float), max(float(activation.max()), 1e-6)
    pairs = Heat(together(inside), f"activation of {name}, the lower of both", "edited", 0.0, largest)
    data = LinkedViewData.of(
        question.protein,
        pairs,
        None,
        (),
        residue_values=ResidueValues(inside, f"activation of {name}", 0.0, largest),
        maskable=False,
        map_title="Pairs of residues at which it fires",
        map_caption=f"At BOS {activation[0]:.2f}, at EOS {activation[-1]:.2f}.",
        structure_title="Where in 3D?",
        structure_caption=f"Coloured by the activation of {name}.",
    )
    linked_view(data, key="one feature", pick=Pick(picked), on_change=lambda pick: keep_pick(pick, question.numbering))


def fires_elsewhere(known: Description) -> None:
    st.markdown("**Where does it fire elsewhere?**")
    if not known.histogram:
        st.caption("Unknown: there is no names.json beside the dictionary.")
        return
    draw(
        figures.activation_histogram(known),
        f"Positions by activation; above the dashed line the name is meant. Largest: {known.largest:.2f}.",
        "histogram",
    )
    table = pd.DataFrame([_row(each, "strongest") for each in known.top])
    lower = pd.DataFrame([_row(each, "typical") for each in known.quantiles])
    st.dataframe(pd.concat([table, lower]), hide_index=True)
    st.caption("The strongest positions of the top proteins, then positions at the 75, 50 and 25% quantiles.")


def _row(example: Example, kind: str) -> dict[str, object]:
    stretch = f"{example.before}[{example.letter}]{example.after}"
    return {"": kind, "Protein": example.protein, "Stretch": stretch, "Activation": example.activation}
