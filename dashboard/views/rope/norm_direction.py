"""Is the query shorter inside, or turned away?"""

import numpy as np
import pandas as pd
import streamlit as st

from core import paper_comparison
from core.analyses.norm_direction import Attribution, BandComparison, aggregate, compare_bands
from core.figures import rope as figures
from core.rope import wavelengths
from dashboard.controls.heads import choose_head_and_inside, runs
from dashboard.controls.protein_sets import Measured, choose_set, measured
from dashboard.engine import Progress
from dashboard.page_parts import beside_paper, download, draw, introduce
from dashboard.question import Question

TITLE, PATH = "Norm and direction", "rope-bands"

QUANTITIES = ("q_norm", "k_norm", "cosine", "contribution")


def page(question: Question) -> None:
    residue = question.residue + 1
    introduce(
        "Is the query shorter inside, or turned away?",
        "A head's score of BOS is a sum over RoPE bands of |q||k|cos θ. Inside it is lower: because the query is "
        "shorter there, or because it points elsewhere?",
        f"Shown are every band at two places of the mask, and how the difference between residue {residue} and inside "
        "splits into norm and direction. RoPE cannot change a norm: that part was written by earlier layers.",
        "The split is computed from either end (A: the internal query's direction, B: the clean one's) and averaged; "
        "the parts add up exactly. Hatched bands are flagged: they differ too little, or with changing sign, for their "
        "shares to mean anything.",
    )
    proteins = choose_set(question)
    head, inside = choose_head_and_inside(question)

    def work(sequence: str, _: Progress) -> BandComparison:
        return compare_bands(question.model, *runs(question, sequence, inside), head)

    found = measured(question, proteins, ("bands", head, inside), work, n_forwards=2, label="Reading the bands")
    if found is None:
        return
    lengths = wavelengths(question.model.layers[head.layer].inv_freq).cpu().numpy()
    attribution = aggregate([each.attribution for each in found.all])
    table = _table(found, attribution).assign(wavelength=lengths)
    with st.container(border=True):
        st.markdown(f"**How do {head}'s query and BOS's key meet at residue {residue}, and at {inside + 1}?**")
        draw(
            figures.two_positions(table, lengths),
            "Each band adds |q||k|cos θ/√d to the score before softmax: a short query turns the band's gain down, a "
            "cosine near zero or below turns BOS away.",
            "two positions",
        )
        download(table.filter(regex="^wavelength$|_clean$|_internal$"), "rope-bands-two-positions")
    with st.container(border=True):
        st.markdown("**What makes the difference: length or direction?**")
        draw(
            figures.norm_and_direction(table, lengths),
            f"Over all bands the norm explains {attribution.norm_share:.0%} of the difference and the direction "
            f"{1 - attribution.norm_share:.0%} (from either end: A {attribution.norm_share_a:.0%}, B "
            f"{attribution.norm_share_b:.0%} for the norm). Largest failure to add up: "
            f"{max(each.attribution.residual for each in found.all):.0e}.",
            "attribution",
        )
        _shares(table)
        download(table, "rope-bands")
    beside_paper(question.model, paper_comparison.bands(table, attribution))


def _table(found: Measured[BandComparison], attribution: Attribution) -> pd.DataFrame:
    """Means over proteins, a row per band: the attribution, its norm and direction parts, and both runs' bands."""
    parts = {
        f"{quantity}_{run}": np.mean([getattr(getattr(each, run), quantity).numpy() for each in found.all], axis=0)
        for quantity in QUANTITIES
        for run in ("clean", "internal")
    }
    for part in ("norm", "direction"):
        parts[part] = np.mean([getattr(each.attribution, part) for each in found.all], axis=0)
    return attribution.bands.assign(**parts)


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
