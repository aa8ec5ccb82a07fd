"""One feature: what it is called, where it fires, what writes it, reads it, and what it raises."""

import streamlit as st

from core.features.descriptions import Description
from core.interventions import feature_name
from core.model import Model
from dashboard.controls.features import choose_feature, choose_layer, described, features_of, label
from dashboard.page_parts import introduce
from dashboard.question import Question
from dashboard.session import plain
from dashboard.take_away import offer_script
from dashboard.views.features.around import alike, heads_around, letters_it_raises
from dashboard.views.features.script import script_of_feature
from dashboard.views.features.where import fires_elsewhere, fires_here

TITLE, PATH = "One feature", "feature"


def page(question: Question) -> None:
    introduce(
        "What is this feature?",
        "A feature is something that the model may note of a residue: one direction of a layer's stream.",
        "Shown are its name, where it fires in this protein and in others, and which heads write and read it.",
        "Names come from held-out proteins; effects are measured on this protein, masked as in the sidebar.",
    )
    model = question.model
    if not model.dictionaries:
        choose_layer(question)
        return
    first = model.dictionaries[0].layer
    strongest = int(features_of(question, first).features[0])
    chosen = choose_feature(model, placeholder=feature_name(first, strongest))
    layer, feature = chosen or (first, strongest)
    offer_script(script_of_feature(question, layer, feature))
    known = described(model, layer, feature)
    _name(model, layer, feature, known)
    activation = features_of(question, layer).of(feature)
    with st.container(border=True):
        fires_here(question, layer, feature, activation)
    left, right = st.columns(2)
    with left.container(border=True, height="stretch"):
        fires_elsewhere(known)
    with right.container(border=True, height="stretch"):
        letters_it_raises(question, layer, feature)
    with st.container(border=True):
        heads_around(question, layer, feature, int(activation.argmax()))
    alike(model, layer, feature)


def _name(model: Model, layer: int, feature: int, known: Description) -> None:
    st.markdown(f"**{plain(label(model, layer, feature))}**")
    if known.concept:
        named = "" if known.name != "unnamed" else " Below 0.5, so it stays unnamed."
        st.markdown(
            f"Agrees best with “{plain(known.concept)}”: F1 {known.f1:.2f} on proteins that this wasn't chosen on "
            f"(precision {known.precision:.2f}, recall by protein {known.recall:.2f}).{named} "
            f"Fires at {known.density:.2%} of positions."
        )
    else:
        st.caption("Nothing is known of it from other proteins: it has no names.json, or fires in none of them.")
