"""What does a layer say of this protein?"""

import numpy as np
import pandas as pd
import streamlit as st

from core.analyses.feature_effects import FeatureEffects, feature_effects
from core.analyses.protein_features import ProteinFeatures
from core.figures import features as figures
from core.interventions import feature_name
from dashboard import engine
from dashboard.controls import bound
from dashboard.controls.features import choose_layer, features_of, label, places, say_reconstruction, table_of
from dashboard.controls.picked import choose_picked, picked_before
from dashboard.page_parts import download, draw, introduce, link_to
from dashboard.question import Question
from dashboard.views.features import one

TITLE, PATH = "Features", "features"
MOST_DRAWN = 30


def page(question: Question) -> None:
    introduce(
        "What does a layer say of this protein?",
        "What does the model note of each residue on its way to a prediction? A sparse autoencoder reads a layer's "
        "stream as a few active features out of thousands, each a direction.",
        "Shown are the features active in this protein, masked as in the sidebar, those that few proteins have first.",
        "A feature's name is the concept it agrees with best on held-out proteins; below F1 0.5 it is unnamed. What a "
        "feature does to the prediction is measured below by switching it off, the rest of the stream left as it is.",
    )
    layer = choose_layer(question)
    if layer is None:
        return
    say_reconstruction(question, layer)
    found = features_of(question, layer)
    with st.container(border=True):
        _where(question, found)
    with st.container(border=True):
        _table(question, found)
    with st.container(border=True):
        _effects(question, found)


def _where(question: Question, found: ProteinFeatures) -> None:
    st.markdown("**Where do they fire?**")
    shown = min(MOST_DRAWN, len(found.features))
    names = [label(question.model, found.layer, feature) for feature in found.features[:shown].tolist()]
    draw(
        figures.where_they_fire(found.activation[:shown], names, places(question)),
        f"The {shown} most specific of {len(found.features)} active features. Specificity: largest activation here "
        "over the largest known, times the log of how rare the feature is among proteins, where its file says both.",
        "where they fire",
    )


def _table(question: Question, found: ProteinFeatures) -> None:
    st.markdown("**Which are they?**")
    row = st.container(horizontal=True, vertical_alignment="bottom")
    asked = bound.text("Search by name or number", "find", row, placeholder="cysteine, F120", width=260)
    picked = choose_picked(question.numbering, row, placeholder="M1, K27", width=bound.WIDTH)
    table = table_of(question, found)
    keep = np.ones(len(table), dtype=bool)
    for residue in picked:
        keep &= found.activation[:, residue + 1] > 0
    if asked:
        words = table["Feature"] + " " + table["Name"]
        keep &= words.str.contains(asked.strip(), case=False, regex=False).to_numpy()
    shown = pd.DataFrame(table[keep])
    chosen = st.dataframe(
        shown,
        hide_index=True,
        key="features of the protein",
        on_select="rerun",
        selection_mode="single-row",
        column_config={name: st.column_config.NumberColumn(format="%.2f") for name in ("F1", "Specificity")},
    )
    st.caption("Picked residues leave the features active at all of them; a chosen row opens below as a link.")
    download(shown, "features")
    rows = chosen["selection"]["rows"]
    if rows and rows[0] < len(shown):
        name = str(shown.iloc[rows[0]]["Feature"])
        link_to(one, f"Look closely at {name}", {"feature": name})


def _effects(question: Question, found: ProteinFeatures) -> None:
    residue = next(iter(picked_before(question.numbering)), question.residue)
    st.markdown(f"**What do the features at {question.numbering.name(residue)} do to {question.letter}?**")
    exact = bound.toggle("Measure each by switching it off", "exact", value=False)
    effects: FeatureEffects = engine.computed(
        ("feature effects", *question.key, found.layer, residue, exact),
        lambda progress: feature_effects(
            question.model,
            question.tokens,
            found.layer,
            (residue,),
            target=question.target,
            exact=exact,
            progress=progress,
        ),
        "Switching features off",
    )
    names = [label(question.model, found.layer, feature) for feature in effects.features.tolist()]
    agree = effects.rank_correlation
    said = f" Their rank correlation is {agree:+.2f} over {len(names)} features." if agree is not None else ""
    draw(
        figures.effects(effects, names),
        f"Change of {question.letter}'s gap at {question.residue_label} when the feature is off at "
        f"{question.numbering.name(residue)}: grey to first order (one backward pass), blue measured.{said}",
        "feature effects",
    )
    table = pd.DataFrame({"feature": [feature_name(found.layer, each) for each in effects.features.tolist()]})
    table["activation"], table["by_gradient"] = effects.activation, effects.by_gradient
    if effects.by_ablation is not None:
        table["by_ablation"] = effects.by_ablation
    download(table.assign(name=names), "feature-effects")
