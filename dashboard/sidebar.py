"""The sidebar that every page shares: model, protein, masked residue, target amino acid."""

from contextlib import suppress
from dataclasses import replace

import streamlit as st

from core.alphabet import AMINO_ACIDS
from core.errors import InputError
from core.model import Model
from core.proteins.numbering import Numbering
from core.proteins.protein import Protein
from dashboard.controls import bound
from dashboard.controls.model import choose_model
from dashboard.controls.protein import choose_protein, protein_shown
from dashboard.question import BY_AUTHOR, NUMBERS, Question, numbering_of, say
from dashboard.session import WILD_TYPE, plain, target_letter

TYPED, TYPED_BESIDE = ("mask", "pick", "at", "a_at"), ("b_mask", "b_at")
"""The keys of what residues are typed into: of the sidebar's protein, and of Compare's other side."""
OUT_OF_SIGHT = "<style>.st-key-masked {display: none}</style>"


def ask(masks: bool = True) -> Question:
    """Draws the sidebar and returns the question; one line says what cannot be used.

    Without `masks` the masked residue and the target are drawn out of sight, since Streamlit forgets what isn't drawn.
    """
    with st.sidebar:
        model = choose_model()
        protein = choose_protein()
        numbering = _choose_numbering(protein)
        if not masks:
            st.html(OUT_OF_SIGHT)
        with st.container(key="masked"):
            return choose_mask_and_target(model, protein, numbering, masks)


def _choose_numbering(protein: Protein) -> Numbering:
    """What typed numbers mean, asked where the structure numbers residues otherwise than by position."""
    if numbering_of(protein).differs:
        meanings = {"position": "Position", BY_AUTHOR: "Structure's number"}
        bound.switch(
            "Numbers that are typed",
            meanings,
            NUMBERS,
            on_change=_rewrite_typed,
            args=(protein,),
            help="Positions count the sequence from 1; the structure's numbers stand in brackets beside them.",
        )
    return numbering_of(protein)


def _rewrite_typed(protein: Protein) -> None:
    """Writes the residues that were typed by the other kind of numbers."""
    same = st.session_state.get("same_protein", True)
    beside = protein if same else protein_shown("b_") or protein
    for of, keys in ((protein, TYPED), (beside, TYPED_BESIDE)):
        now = numbering_of(of)
        before = replace(now, by_author=not now.by_author)
        for key in filter(st.session_state.get, keys):
            with suppress(InputError):
                st.session_state[key] = now.written(before.parse_list(st.session_state[key]))


def choose_mask_and_target(
    model: Model, protein: Protein, numbering: Numbering, masks: bool = True, of: str = ""
) -> Question:
    """Draws both choices; `of` stands before the keys where a page asks for another protein too.

    What cannot be used is said, and the page keeps the masks that were there.
    """
    sequence = protein.sequence
    text = bound.text(
        "Masked residues",
        f"{of}mask",
        value="1",
        help="Residues as people write them: M1, 5, 8-12. The one written first is the one whose prediction is read.",
    )
    kept = f"{of}masks shown"
    try:
        written = numbering.parse_list(text)
        if not written:
            raise InputError("mask at least one residue: the prediction is read there")
    except InputError as error:
        if masks:
            say(error)
        written = tuple(each for each in st.session_state.get(kept, ()) if each < len(sequence)) or (0,)
    st.session_state[kept] = written
    target = bound.select(
        "Target amino acid",
        [WILD_TYPE, *sorted(AMINO_ACIDS)],
        f"{of}target",
        help="Whose logit is followed: the residue's own amino acid, or one that you choose.",
    )
    letter = target_letter(target, sequence, written[0])
    st.caption(f"Reading **{plain(numbering.name(written[0]))}**, target **{letter}**")
    return Question(model, protein, tuple(sorted(written)), written[0], letter)
