"""Is the query shorter inside, or turned away?"""

import pandas as pd
import streamlit as st

from core.answers.norm_direction import ALONG, band_attribution, bands_along
from core.answers.subjects import two_masks
from core.answers.words import counted
from core.figures import rope as figures
from dashboard.controls.heads import choose_head_and_inside
from dashboard.controls.protein_sets import ask_of, choose_set, judging
from dashboard.page_parts import about_norms, beside_paper, download, draw, introduce
from dashboard.question import Question
from dashboard.script import Call, Expression, Shown

TITLE, PATH = "Norm and direction", "rope-bands"


def page(question: Question) -> None:
    residue = question.residue + 1
    introduce(
        "Is the query shorter inside, or turned away?",
        "A head may look at BOS from the first residue and not from inside: why? Its score of BOS is a sum over RoPE "
        "bands of |q||k|cos θ. Inside it is lower: because the query is "
        "shorter there, or because it points elsewhere?",
        f"Shown are every band at two places of the mask, and how the difference between residue {residue} and inside "
        "splits into norm and direction. RoPE cannot change a norm: that part was written by earlier layers.",
        "The split is computed from either end (A: the internal query's direction, B: the clean one's) and averaged; "
        "the parts add up exactly. Hatched bands are flagged: they differ too little, or with changing sign, for their "
        "shares to mean anything.",
    )
    proteins = judging(question, choose_set(question))
    head, inside = choose_head_and_inside(question)
    compared = two_masks(proteins.sequences, question.target, inside)
    settings = {"subjects": compared, "label": "Reading the bands", "head": head}
    parts = (Expression("found.bands"), Expression("found.wavelengths"))
    settings["shown"] = Shown("found.bands", Call(figures.norm_and_direction, parts))
    found = ask_of(question, proteins, band_attribution, n_forwards=2, **settings)
    if found is None:
        return
    table = found.bands
    with st.container(border=True):
        st.markdown(f"**How do {head}'s query and BOS's key meet at residue {residue}, and at {inside + 1}?**")
        draw(
            figures.two_positions(table, found.wavelengths),
            "Each band adds |q||k|cos θ/√d to the score before softmax: a short query turns the band's gain down, a "
            "cosine near zero or below turns BOS away. |q| before any scaling; means of "
            f"{counted(found.n, 'mask')}.{about_norms(question.model)}",
            "two positions",
            table.filter(regex="^wavelength$|_clean$|_internal$"),
        )
    with st.container(border=True):
        st.markdown("**What makes the difference: length or direction?**")
        draw(
            figures.norm_and_direction(table, found.wavelengths),
            f"Over all bands the norm explains {found.shares}; the direction explains the rest; {found.by_direction}; "
            f"{found.widest}. Means of {counted(found.n, 'mask')}; flagged bands count with their pooled ratio, by "
            f"equation 7 with the mean of their ratios. Largest failure to add up: {found.residual:.0e}.",
            "attribution",
        )
        _shares(table)
        download(table, "rope-bands")
    along = ask_of(
        question,
        proteins,
        bands_along,
        n_forwards=len(ALONG),
        label="Masking",
        list_left_out=False,
        head=head,
        first=question.residue,
    )
    if along is not None:
        with st.container(border=True):
            st.markdown("**And at more residues?**")
            draw(
                figures.bands_along(along, found.wavelengths),
                f"The same with the mask ever further on, means of up to {counted(int(along.n.max()), 'sequence')} "
                "(those that long).",
                "along",
                along,
            )
    beside_paper(question, found.beside_paper())


def _shares(table: pd.DataFrame) -> None:
    names = {
        "wavelength": "Wavelength (residues)",
        "difference": "Score difference",
        "weight": "Weight",
        "norm_share_a": "Norm's share, A",
        "norm_share_b": "Norm's share, B",
        "norm_share": "Norm's share, average",
        "direction_share": "Direction's share",
        "agreement": "Same sign",
        "flagged": "Flagged",
    }
    shown = pd.DataFrame(table[list(names)]).rename(columns=names)
    st.dataframe(shown.style.format(precision=3, na_rep="–"), hide_index=True)
    st.caption(
        "Weight: the band's share of all |differences|. Same sign: the share of sequences whose difference has the "
        "mean's sign."
    )
