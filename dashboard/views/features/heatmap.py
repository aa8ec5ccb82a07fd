"""Features of a protein by residues: the heatmap on which both are picked."""

from functools import partial

import streamlit as st

from core.analyses.protein_features import ProteinFeatures
from core.figures import features as figures
from core.proteins.numbering import Numbering
from dashboard.controls.features import feature_before, keep_feature, labels
from dashboard.controls.picked import keep_pick, picked_before
from dashboard.page_parts import draw
from dashboard.question import Question
from dashboard.take_away import offer_script
from dashboard.views.features.script import MOST_DRAWN, script_of_protein
from dashboard.widgets.linked_view import Pick
from dashboard.widgets.pick_cell import Cell


def where_they_fire(question: Question, found: ProteinFeatures) -> None:
    """The most specific features, among them the one that is picked: it takes the last row where it comes later."""
    picked = feature_before(found.layer)
    rows = found.most_specific(MOST_DRAWN, picked)
    marked = figures.Picked(
        tuple(row for row, feature in enumerate(found.features[rows].tolist()) if feature == picked),
        tuple(residue + 1 for residue in picked_before(question.numbering)),
    )
    names = labels(question.model, found.layer, found.features[rows])
    offer_script(script_of_protein(question, found.layer, picked, marked))
    with st.container(border=True):
        st.markdown("**Where do they fire?**")
        draw(
            figures.where_they_fire(found.activation[rows], names, question.numbering.positions(), picked=marked),
            f"{len(rows)} of {len(found.features)} active features, the most specific first. Specificity: largest "
            "activation here over the largest known, times the log of how rare the feature is among proteins, where "
            "its file says both. What is picked is marked in pink, and can be written into the boxes below.",
            "where they fire",
            on_pick=partial(_keep, numbering=question.numbering),
        )


def _keep(cell: Cell, numbering: Numbering) -> None:
    """Writes a cell's feature and residue into their boxes; BOS and EOS are no residues."""
    keep_feature(cell.row.split()[0])
    keep_pick(Pick((cell.column - 1,)).within(len(numbering.sequence)), numbering)
