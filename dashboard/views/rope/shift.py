"""How far may positions slip?"""

import streamlit as st

from core.analyses.rope_shift import SHIFTS
from core.answers.nulls import HOW_NULLS_ARE_MADE
from core.answers.rope_shift import RopeShift, rope_shift
from core.answers.subjects import two_masks
from core.figures import rope as figures
from core.interventions import Head
from dashboard.controls.heads import choose_head_and_inside
from dashboard.controls.protein_sets import ask_of, choose_set, judging
from dashboard.page_parts import beside_paper, draw, introduce
from dashboard.question import Question
from dashboard.script import Call, Expression, Shown

TITLE, PATH = "Shift", "rope-shift"


def page(question: Question) -> None:
    target, residue = question.letter, question.residue + 1
    introduce(
        "How far may positions slip?",
        "What if one part of the model is told a wrong place in the chain? "
        f"One head's queries are rotated as if the mask stood up to {max(SHIFTS)} residues before or behind its place, "
        f"while keys stay. Does {target} come and go?",
        "Shown are the gap over the shift, the cosine between the query and its shifted self, and each RoPE band's "
        "share in how the head's score of BOS varies.",
        "The curve is called an oscillation only where a sinusoid explains more of it than one bump does, and more "
        "than of noise. The dotted control moves queries and keys together, in float64: attention knows relative "
        "positions alone, so it must lie flat.",
    )
    proteins = judging(question, choose_set(question))
    head, inside = choose_head_and_inside(question)
    compared = two_masks(proteins.sequences, question.target, inside)
    n_forwards = 4 * len(SHIFTS)  # the control, in float64, takes twice as long
    settings = {"target": question.target, "compared": compared, "head": head}
    parts = (Expression(f"found.curves[{name!r}]") for name in ("first", "inside", "control"))
    settings["shown"] = Shown("found.mean_curves", Call(figures.shift, (SHIFTS, *parts, target)))
    found = ask_of(question, proteins, rope_shift, n_forwards=n_forwards, label="Shifting", **settings)
    if found is None:
        return
    with st.container(border=True):
        _curves(found, head, target, residue, inside)
    left, right = st.columns(2)
    cosine = found.cosines.cosine.to_numpy()
    with left.container(border=True, height="stretch"):
        st.markdown("**How far does the query turn?**")
        draw(
            figures.shifted_cosine(SHIFTS, cosine),
            f"Cosine between {head}'s query at the mask and itself shifted: 1 where they point the same way.",
            "cosine",
            found.cosines,
        )
    with right.container(border=True, height="stretch"):
        st.markdown("**Which band makes the score vary?**")
        draw(
            figures.band_shares(found.wavelengths, found.band_share),
            f"Each band's share of the variance, over shifts, of the head's score of BOS. {found.widest}",
            "shares",
            found.bands,
        )
    beside_paper(question, found.beside_paper())


def _curves(found: RopeShift, head: Head, target: str, residue: int, inside: int) -> None:
    st.markdown(f"**Does the gap follow the shift of {head}'s queries?**")
    curves = found.curves
    draw(
        figures.shift(SHIFTS, curves["first"], curves["inside"], curves["control"], target),
        f"Light blue: residue {residue} masked; purple: residue {inside + 1}. {found.in_words} The control "
        f"changes no logit by more than {found.largest_control:.1e} in {found.n_control}. {HOW_NULLS_ARE_MADE}",
        "shift",
        found.mean_curves,
    )
