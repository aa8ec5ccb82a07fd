"""How far may positions slip?"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from core import paper_comparison
from core.analyses.rope_shift import (
    SHIFTS,
    Oscillation,
    ShiftCurve,
    ShiftedScore,
    fit_oscillation,
    shift_control,
    shift_curve,
    shifted_score,
)
from core.figures import rope as figures
from core.interventions import Head
from core.rope import wavelengths
from dashboard.controls.heads import choose_head_and_inside, runs
from dashboard.controls.protein_sets import choose_set, measured
from dashboard.engine import Progress
from dashboard.page_parts import beside_paper, download, draw, introduce
from dashboard.question import Question

TITLE, PATH = "Shift", "rope-shift"


@dataclass(frozen=True, slots=True, eq=False)
class Shifted:
    """One protein's curves: mask at the question's residue, inside, and the control; and the head's score of BOS."""

    clean: ShiftCurve
    internal: ShiftCurve
    control: ShiftCurve
    score: ShiftedScore


def page(question: Question) -> None:
    target, residue = question.target, question.residue + 1
    introduce(
        "How far may positions slip?",
        f"One head's queries are rotated as if the mask stood up to {max(SHIFTS)} residues before or behind its place, "
        f"while keys stay. Does {target} come and go?",
        "Shown are the gap over the shift, the cosine between the query and its shifted self, and each RoPE band's "
        "share in how the head's score of BOS varies.",
        "An oscillation with the period of one band says that this band carries the position. The dotted control moves "
        "queries and keys together, in float64: attention knows relative positions alone, so it must lie flat.",
    )
    proteins = choose_set(question)
    head, inside = choose_head_and_inside(question)

    def work(sequence: str, progress: Progress) -> Shifted:
        return _shifted(question, sequence, head, inside, progress)

    n_forwards = 4 * len(SHIFTS)  # the control, in float64, takes twice as long
    found = measured(question, proteins, ("shift", head, inside), work, n_forwards=n_forwards, label="Shifting")
    if found is None:
        return
    clean, internal, control = (np.stack([getattr(each, run).gap for each in found.all]) for run in _RUNS)
    fit = fit_oscillation(SHIFTS, clean.mean(0))
    largest = max(float(each.control.largest_change.max()) for each in found.all)
    with st.container(border=True):
        st.markdown(f"**Does the gap follow the shift of {head}'s queries?**")
        draw(
            figures.shift(SHIFTS, clean, internal, control, target),
            f"Light blue: residue {residue} masked; purple: residue {inside + 1}. {_told(fit)} The control changes no "
            f"logit by more than {largest:.1e}.",
            "shift",
        )
        download(
            pd.DataFrame(
                {
                    "shift": SHIFTS,
                    "gap": clean.mean(0),
                    "gap_sd": clean.std(0),
                    "gap_inside": internal.mean(0),
                    "gap_inside_sd": internal.std(0),
                    "gap_control": control.mean(0),
                }
            ),
            "rope-shift",
        )
    left, right = st.columns(2)
    contribution = np.mean([each.score.contribution for each in found.all], axis=0)
    score = ShiftedScore(SHIFTS, contribution, np.mean([each.score.cosine for each in found.all], axis=0))
    lengths = wavelengths(question.model.layers[head.layer].inv_freq).cpu().numpy()
    with left.container(border=True, height="stretch"):
        st.markdown("**How far does the query turn?**")
        draw(
            figures.shifted_cosine(SHIFTS, score.cosine),
            f"Cosine between {head}'s query at the mask and itself shifted: 1 where they point the same way.",
            "cosine",
        )
        download(pd.DataFrame({"shift": SHIFTS, "cosine": score.cosine}), "rope-shift-cosine")
    with right.container(border=True, height="stretch"):
        st.markdown("**Which band makes the score vary?**")
        draw(
            figures.band_shares(lengths, score.band_share),
            "Each band's share of the variance, over shifts, of the head's score of BOS.",
            "shares",
        )
        download(pd.DataFrame({"wavelength": lengths, "share": score.band_share}), "rope-shift-bands")
    within = fit_oscillation(SHIFTS, internal.mean(0))
    rows = paper_comparison.shift(fit, within, float(lengths[0]), clean.mean(0), score.cosine, largest)
    beside_paper(question.model, rows)


_RUNS = ("clean", "internal", "control")


def _shifted(question: Question, sequence: str, head: Head, inside: int, progress: Progress) -> Shifted:
    model, target = question.model, question.target
    clean, internal = runs(question, sequence, inside)

    settings = {"target": target, "progress": progress.report, "cancel": progress.cancel}
    return Shifted(
        shift_curve(model, clean, [head], **settings),
        shift_curve(model, internal, [head], **settings),
        shift_control(model, clean, [head], **settings),
        shifted_score(model, clean, head),
    )


def _told(fit: Oscillation) -> str:
    if not fit.amplitude:
        return "The light blue curve is flat: it has no period."
    return (
        "The sinusoid that fits the light blue curve best, on top of a parabola, has a period of "
        f"{fit.period:.1f} residues "
        f"and an amplitude of {fit.amplitude:.2f}; it explains {fit.explained:.0%} of the variance around the parabola."
    )
