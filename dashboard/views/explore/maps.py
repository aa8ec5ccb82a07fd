"""The contact maps of both runs, from what the person chose, and how precise they are."""

import numpy as np
import streamlit as st

from core.analyses.exploration import RunView
from core.interventions import Condition, Head
from core.proteins.contact_scores import SEPARATIONS, precision_at, reach
from core.proteins.structure import CONTACT_CUTOFF, Structure, contact_truth
from dashboard.question import Question
from dashboard.views.explore.runs import attention_of

SOURCES = {"contact head": "Contact head", "head": "The chosen head", "heads": "Chosen heads, averaged"}
CONTACT = f"Cβ closer than {CONTACT_CUTOFF:g} Å"


def maps_of(
    question: Question, condition: Condition, clean: RunView, edited: RunView, source: str, averaged: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """The clean and the edited run's contact maps from the chosen source."""
    if source == "contact head" and clean.contact_head is not None and edited.contact_head is not None:
        return clean.contact_head, edited.contact_head
    if source == "head" or not averaged:
        return clean.head_map, edited.head_map
    heads = tuple(map(Head.parse, averaged))
    before, after = (attention_of(question, each, *heads).heads_map(heads) for each in ((), condition))
    return before, after


def precision_line(before: np.ndarray, after: np.ndarray, structure: Structure) -> None:
    truth, parts = contact_truth(structure), []
    for separation in SEPARATIONS:
        clean, edited = ([precision_at(each, *truth, separation, per) for per in (1, 2)] for each in (before, after))
        if clean[0].n_ranked:
            now, was = ("/".join(f"{found.precision:.2f}" for found in each) for each in (edited, clean))
            chance = clean[0].chance
            parts.append(f"{separation} ({reach(separation)} apart) **{now}** (clean {was}, chance {chance:.2f})")
    if parts:
        st.caption(f"P@L / P@L/2, contacts being {CONTACT}: " + " · ".join(parts))
