"""The Jacobians of a protein: run when asked for, and how the cheap mode agrees with the full one."""

from collections.abc import Hashable
from functools import partial

import numpy as np
import streamlit as st

from core.alphabet import AMINO_ACIDS, tokenize
from core.analyses.categorical_jacobian import CHEAP, DTYPES, Numbers, stored_jacobian
from core.analyses.map_agreement import map_agreement
from core.proteins.contact_scores import MIN_SEPARATION
from dashboard import engine
from dashboard.controls import bound
from dashboard.engine import on_request, seconds
from dashboard.question import Question

HIDDEN = "Hidden-state Jacobian"
JACOBIANS = ("Categorical Jacobian", HIDDEN)
FIRST: Numbers = "float32"


def chosen_jacobian(question: Question, method: str) -> np.ndarray | None:
    """The chosen Jacobian's map, in cheap mode with how it agrees with the full one; None until it was asked for."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        numbers: Numbers = bound.switch(
            "Numbers",
            list(DTYPES),
            "numbers",
            default=FIRST,
            help="bfloat16 keeps 8 bits of each number where float32 keeps 24: faster where the processor has it.",
        )
        cheap = bound.toggle(
            f"Cheap mode: substitutions {', '.join(CHEAP)} only",
            "cheap",
            help="A quarter of the passes, and another map than the full one: how well the two agree is measured here.",
        )
    if not cheap:
        return _jacobian(question, method, AMINO_ACIDS, numbers)
    found = _jacobian(question, method, CHEAP, numbers)
    if found is None:
        return None
    said = f"Cheap mode ({len(CHEAP)} of {len(AMINO_ACIDS)} substitutions)"
    full = _jacobian(question, method, AMINO_ACIDS, numbers)
    if full is None:
        st.caption(f"{said}: how it agrees with the full mode on this protein is not measured yet.")
        return found
    agreement = map_agreement(found, full)
    st.caption(
        f"{said} against the full one on this protein: rank correlation **{agreement.rank_correlation:.2f}** over pairs"
        f" {MIN_SEPARATION} or more apart (by chance {agreement.correlation_by_chance:.2f}), "
        f"**{agreement.shared:.0%}** of the L highest pairs shared (by chance {agreement.shared_by_chance:.0%}: one of "
        "the maps moved along the chain)."
    )
    return found


def computed_before(question: Question, method: str) -> np.ndarray | None:
    """A full Jacobian in float32, where it was computed before."""
    return engine.known(_key(question, method, AMINO_ACIDS, FIRST))


def _key(question: Question, method: str, letters: str, numbers: Numbers) -> Hashable:
    return ("jacobian", question.model.trunk_fingerprint, question.protein.sequence, method, letters, numbers)


def _jacobian(question: Question, method: str, letters: str, numbers: Numbers) -> np.ndarray | None:
    model, sequence = question.model, question.protein.sequence
    key = _key(question, method, letters, numbers)
    passes = len(letters) * len(sequence) * (2 if method == HIDDEN else 1)
    what = f"Run the {method}: {passes:,} mutants, {len(letters)} substitutions"
    about = seconds(model, passes, len(sequence))
    with on_request(key, about, what) as go:
        if not go:
            return None
        layer = -1 if method == HIDDEN else None
        compute = partial(
            stored_jacobian, model, tokenize(sequence), layer=layer, substitutions=letters, dtype=DTYPES[numbers]
        )
        return engine.computed(
            key,
            lambda progress: compute(progress=progress),
            f"Mutating {len(sequence)} residues",
            about,
        )
