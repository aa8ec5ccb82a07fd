"""What the features at a residue do to the prediction."""

import streamlit as st

from core.analyses.feature_effects import FeatureEffects, feature_effects
from core.analyses.protein_features import ProteinFeatures
from core.figures import features as figures
from dashboard import engine
from dashboard.controls import bound
from dashboard.controls.features import labels
from dashboard.controls.picked import picked_before
from dashboard.page_parts import draw
from dashboard.question import Question


def effects_at_the_residue(question: Question, found: ProteinFeatures) -> None:
    """At the residue picked first, else at the one whose prediction is read."""
    residue = next(iter(picked_before(question.numbering)), question.residue)
    with st.container(border=True):
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
        names = labels(question.model, found.layer, effects.features)
        agree = effects.rank_correlation
        said = f" Their rank correlation is {agree:+.2f} over {len(names)} features." if agree is not None else ""
        draw(
            figures.effects(effects, names),
            f"Change of {question.letter}'s gap at {question.residue_label} when the feature is off at "
            f"{question.numbering.name(residue)}: grey to first order (one backward pass), blue measured.{said}",
            "feature effects",
            effects.table.assign(name=names),
        )
