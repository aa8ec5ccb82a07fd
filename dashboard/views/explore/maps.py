"""The contact maps of both runs, from what the person chose, and how precise they are."""

import numpy as np
import streamlit as st

from core.analyses.exploration import RunView
from core.contacts import heads_map
from core.interventions import Condition, Head
from core.proteins.contact_scores import SEPARATIONS, precision_at, reach
from core.proteins.structure import CONTACT_CUTOFF, Structure, contact_truth
from dashboard import engine
from dashboard.question import Question

SOURCES = {"contact head": "Contact head", "head": "The chosen head", "heads": "Chosen heads, averaged"}
CONTACT = f"Cβ closer than {CONTACT_CUTOFF:g} Å"


def map_of(question: Question, condition: Condition, run: RunView, source: str, averaged: list[str]) -> np.ndarray:
    """A run's contact map from the chosen source."""
    if source == "contact head" and run.contact_head is not None:
        return run.contact_head
    if source == "head" or not averaged:
        return run.head_map
    heads = tuple(map(Head.parse, averaged))
    return engine.computed(
        ("heads map", *question.key, condition, heads),
        lambda _: heads_map(question.model, question.tokens, heads, condition),
        "Averaging heads",
    )


def precision_line(predicted: np.ndarray, structure: Structure, clean: np.ndarray | None = None) -> None:
    """How precise a map is and, where that is given, the clean run's."""
    truth, parts = contact_truth(structure), []
    for separation in SEPARATIONS:
        first = precision_at(predicted, *truth, separation, 1)
        if not first.n_ranked:
            continue
        now, was = (
            "/".join(f"{precision_at(each, *truth, separation, per).precision:.2f}" for per in (1, 2))
            if each is not None
            else ""
            for each in (predicted, clean)
        )
        beside = f"clean {was}, chance" if was else "chance"
        parts.append(f"{separation} ({reach(separation)} apart) **{now}** ({beside} {first.chance:.2f})")
    if parts:
        st.caption(f"P@L / P@L/2, contacts being {CONTACT}: " + " · ".join(parts))
