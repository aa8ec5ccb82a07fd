"""The sidebar that every page shares: model, protein, masked residue, target amino acid."""

import streamlit as st

from core.alphabet import AMINO_ACIDS
from core.errors import InputError
from core.model import Model
from core.proteins.protein import Protein
from dashboard.controls import bound
from dashboard.controls.model import choose_model
from dashboard.controls.protein import choose_protein
from dashboard.question import Question, stop_with
from dashboard.session import WILD_TYPE, parse_residues, target_letter, written_residues


def ask() -> Question:
    """Draws the sidebar and returns the question; stops the page with one line where something cannot be used."""
    with st.sidebar:
        model = choose_model()
        protein = choose_protein()
        return _choose_mask_and_target(model, protein)


def _choose_mask_and_target(model: Model, protein: Protein) -> Question:
    sequence = protein.sequence
    text = bound.text(
        "Masked residues",
        "mask",
        value="1",
        help="Residues as people write them: M1, 5, 8-12. The one written first is the one whose prediction is read.",
    )
    try:
        written = parse_residues(text, sequence)
        if not written:
            raise InputError("mask at least one residue: the prediction is read there")
    except InputError as error:
        stop_with(error)
    target = bound.select(
        "Target amino acid",
        [WILD_TYPE, *sorted(AMINO_ACIDS)],
        "target",
        help="Whose logit is followed: the residue's own amino acid, or one that you choose.",
    )
    letter = target_letter(target, sequence, written[0])
    st.caption(f"Reading **{written_residues(written[:1], sequence)}**, target **{letter}**")
    return Question(model, protein, tuple(sorted(written)), written[0], letter)
