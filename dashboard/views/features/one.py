"""One feature: what it is called, where it fires, what writes it, reads it, and what it raises."""

import numpy as np
import pandas as pd
import streamlit as st

from core.analyses.feature_heads import FeatureHeads, direct_letters, feature_heads, neighbours
from core.errors import InputError
from core.features.descriptions import Description, Example
from core.figures import features as figures
from core.figures.style import head_heatmap
from core.interventions import feature_name, parse_feature
from core.model import Model
from dashboard import engine
from dashboard.controls import bound
from dashboard.controls.features import choose_layer, described, features_of, label, places
from dashboard.controls.picked import choose_picked, keep_pick
from dashboard.page_parts import download, draw, introduce
from dashboard.question import Question
from dashboard.session import plain
from dashboard.widgets.linked_view import Heat, LinkedViewData, Pick, ResidueValues, linked_view

TITLE, PATH = "One feature", "feature"
GRIDS = {
    "write_effect": ("Heads that write it: activation lost or gained when the head is off", "activation"),
    "write_weight": ("… by weights: encoder column through the head's output", "length"),
    "read_effect": ("Heads that read it: change of the head's z when the feature is off", "share of z"),
    "read_weight": ("… by weights: decoder row through the head's q, k and v", "length"),
}


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
    text = bound.text("Feature", "feature", placeholder=feature_name(first, strongest), width=bound.WIDTH)
    layer, feature = parse_feature(text) if text else (first, strongest)
    n_features = model.dictionary(layer).n_features
    if feature >= n_features:
        raise InputError(f"{text} does not exist: L{layer + 1} has features F0 to F{n_features - 1}")
    known = described(model, layer, feature)
    _name(model, layer, feature, known)
    activation = features_of(question, layer).of(feature)
    with st.container(border=True):
        _here(question, layer, feature, activation)
    left, right = st.columns(2)
    with left.container(border=True, height="stretch"):
        _elsewhere(known)
    with right.container(border=True, height="stretch"):
        _letters(question, layer, feature)
    with st.container(border=True):
        _heads(question, layer, feature, int(activation.argmax()))
    _neighbours(model, layer, feature)


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


def _here(question: Question, layer: int, feature: int, activation: np.ndarray) -> None:
    name = feature_name(layer, feature)
    strongest = places(question)[int(activation.argmax())]
    said = f"strongest at {strongest} ({activation.max():.2f})" if activation.any() else "nowhere in this protein"
    st.markdown(f"**Where does it fire here?** {plain(said[0].upper() + said[1:])}.")
    picked = choose_picked(question.numbering, placeholder="M1, K27", width=bound.WIDTH)
    inside, largest = activation[1:-1].astype(float), max(float(activation.max()), 1e-6)
    together = Heat(
        np.minimum.outer(inside, inside), f"activation of {name}, the lower of both", "edited", 0.0, largest
    )
    data = LinkedViewData.of(
        question.protein,
        together,
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


def _elsewhere(known: Description) -> None:
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


def _letters(question: Question, layer: int, feature: int) -> None:
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


def _heads(question: Question, layer: int, feature: int, position: int) -> None:
    st.markdown(f"**Which heads write it and read it?** At {places(question)[position]}, where it is strongest here.")
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
    layers, heads = np.indices(found.write_effect.shape)
    table = pd.DataFrame({"layer": layers.ravel(), "head": heads.ravel()})
    download(table.assign(**{name: getattr(found, name).ravel() for name in GRIDS}), "feature-heads")


def _neighbours(model: Model, layer: int, feature: int) -> None:
    st.markdown("**Which features point most alike?**")
    near = [
        {"Feature": feature_name(layer, each), "Name": described(model, layer, each).name, "Cosine": round(cosine, 3)}
        for each, cosine in neighbours(model, layer, feature)
    ]
    st.dataframe(pd.DataFrame(near), hide_index=True)
    st.caption("Cosine of decoder rows.")
