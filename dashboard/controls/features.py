"""What the pages of features choose and name: a dictionary, a feature, and how well the dictionary reads here."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from jaxtyping import Int
from streamlit.delta_generator import DeltaGenerator

from core.analyses.protein_features import ProteinFeatures, protein_features
from core.answers.features import feature_table
from core.errors import InputError
from core.features.descriptions import Description, Descriptions, kept_descriptions
from core.features.descriptions import labels as named
from core.features.reconstruction import Reconstruction, reconstruct_masked
from core.interventions import Condition, parse_feature
from core.model import Model
from core.model_files import features_folder
from dashboard import engine
from dashboard.controls import bound
from dashboard.question import Question
from dashboard.session import plain

POOR_VARIANCE, POOR_RECOVERY = 0.5, 0.6
"""From where a reconstruction is called poor."""
PICKED_FEATURE = "feature"
"""The key of the box, and its name in the address."""
NOWHERE = Description(0.0, 0.0, 0.0)
COLUMNS = {
    "feature": "Feature",
    "name": "Name",
    "f1": "F1",
    "specificity": "Specificity",
    "strongest_at": "Strongest at",
    "activation": "Activation there",
    "positions": "Positions",
    "changes_most_at": "Changes most at",
    "change": "Change",
}


def choose_layer(question: Question) -> int | None:
    """Draws the choice among the model's dictionaries; one line says what to put where when it has none."""
    model = question.model
    if not model.dictionaries:
        folder = features_folder(model.name)
        place = plain(str(folder)) if folder else "the folder of its weights"
        st.info(
            f"{plain(model.name)} has no dictionary of features: put into {place} Biohub's (`config.json` and "
            "`layer_N.safetensors`), InterPLM's (`layer_N/ae_normalized.pt`), InterProt's (`NAME_lN_saeF.safetensors` "
            "and `config.json` with its k), or what `python -m core.training.features` wrote; then start the app again."
        )
        return None
    options = {held.layer: f"L{held.layer + 1}" for held in model.dictionaries}
    return bound.select("Layer", options, "layer", width=bound.WIDTH)


@st.cache_resource(max_entries=3, show_spinner=False)
def _descriptions(fingerprint: str, features_fingerprint: str, _model: Model) -> Mapping[int, Descriptions]:
    return kept_descriptions(_model)


def choose_feature(model: Model, place: DeltaGenerator | None = None, **look: Any) -> tuple[int, int] | None:
    """Draws the box of the feature that is picked: its layer and number, None where it is empty.

    `InputError` for what is no feature, or none of this model's.
    """
    text = bound.text("Feature", PICKED_FEATURE, place, width=bound.WIDTH, **look)
    if not text:
        return None
    layer, feature = parse_feature(text)
    n_features = model.dictionary(layer).n_features
    if feature >= n_features:
        raise InputError(f"{text} does not exist: L{layer + 1} has features F0 to F{n_features - 1}")
    return layer, feature


def feature_before(layer: int) -> int | None:
    """The feature of `layer` that is picked, for what is drawn above the box, which says what is wrong."""
    try:
        picked = parse_feature(st.session_state.get(PICKED_FEATURE, st.query_params.get(PICKED_FEATURE)) or "")
    except InputError:
        return None
    return picked[1] if picked[0] == layer else None


def keep_feature(name: str) -> None:
    """Writes into the box what was clicked."""
    st.session_state[PICKED_FEATURE] = name


def descriptions(model: Model) -> Mapping[int, Descriptions]:
    """What is known of the features, by layer, for those dictionaries that have names.json beside them."""
    return _descriptions(model.fingerprint, model.features_fingerprint, model)


def described(model: Model, layer: int, feature: int) -> Description:
    """One feature's description; an empty one where there is none."""
    found = descriptions(model).get(layer)
    return found.features[feature] if found else NOWHERE


def labels(model: Model, layer: int, features: Int[np.ndarray, " features"]) -> list[str]:
    """What people call features: L3F120 and, where it has one, its name."""
    return named(layer, features, descriptions(model).get(layer))


def label(model: Model, layer: int, feature: int) -> str:
    """What people call one feature."""
    return labels(model, layer, np.array([feature]))[0]


def features_of(question: Question, layer: int, condition: Condition = ()) -> ProteinFeatures:
    """The protein's features, masked as the question masks it."""
    return engine.computed(
        ("features", *question.run_key, layer, condition),
        lambda _: protein_features(question.model, question.tokens, layer, condition),
        "Reading the features",
    )


def say_reconstruction(question: Question, layer: int) -> None:
    """How much of this protein's stream the dictionary says; loudly where that is little."""
    model, sequence = question.model, question.protein.sequence
    found: Reconstruction = engine.computed(
        ("reconstruction", model.fingerprint, model.features_fingerprint, sequence, layer),
        lambda _: reconstruct_masked(model, layer, [sequence]),
        "Reconstructing",
    )
    said = (
        f"On this protein the dictionary of L{layer + 1} leaves {found.variance_unexplained:.0%} of the stream's "
        f"variance unexplained, and brings back {found.recovered:.0%} of the cross-entropy at masked residues "
        f"({found.no_features:.2f} nats without features, {found.reconstructed:.2f} with, {found.clean:.2f} as it is; "
        "15% of the residues masked, the stream replaced everywhere)."
    )
    if found.variance_unexplained > POOR_VARIANCE or not found.recovered > POOR_RECOVERY:
        st.warning(f"**A poor reconstruction.** {said} What features say here is a small part of what the model does.")
    else:
        st.caption(said)


def table_of(question: Question, found: ProteinFeatures) -> pd.DataFrame:
    """A row per feature of the protein, as people read it."""
    table = feature_table(found, descriptions(question.model).get(found.layer), question.numbering.positions())
    return table.rename(columns=COLUMNS)
