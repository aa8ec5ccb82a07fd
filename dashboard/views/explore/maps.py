"""The contact maps of both runs, from what the person chose, and how precise they are."""

import numpy as np
import streamlit as st

from core.analyses.exploration import RunView
from core.interventions import Condition, Head
from core.proteins.contact_scores import SEPARATIONS, precision_at, reach
from core.proteins.structure import ContactRule, Structure, contact_truth
from dashboard.question import Question
from dashboard.views.explore.runs import attention_of
from dashboard.widgets.linked_view import Heat

SOURCES = {"contact head": "Contact head", "head": "The chosen head", "heads": "Chosen heads, averaged"}


def map_of(question: Question, condition: Condition, run: RunView, source: str, averaged: list[str]) -> np.ndarray:
    """A run's contact map from the chosen source."""
    if source == "contact head" and run.contact_head is not None:
        return run.contact_head
    if source == "head" or not averaged:
        return run.head_map
    heads = tuple(map(Head.parse, averaged))
    return attention_of(question, condition, *heads).heads_map(heads)


def precision_line(before: np.ndarray, after: np.ndarray | None, structure: Structure) -> None:
    """P@L and P@L/2 of both maps, or where nothing is edited of the one, beside chance."""
    truth, parts = contact_truth(structure), []
    maps = [before] if after is None else [before, after]
    for separation in SEPARATIONS:
        found = [[precision_at(each, *truth, separation, per) for per in (1, 2)] for each in maps]
        first = found[0][0]
        if first.n_ranked:
            *clean, now = ("/".join(f"{each.precision:.2f}" for each in of_map) for of_map in found)
            beside = f"clean {clean[0]}, " if clean else ""
            parts.append(f"{separation} ({reach(separation)} apart) **{now}** ({beside}chance {first.chance:.2f})")
    if parts:
        st.caption(
            f"P@L / P@L/2, contacts being {_contact(structure)}: {' · '.join(parts)}. Read with the residue masked; the"
            " pages under Contacts mask nothing, so their numbers differ."
        )


def true_contacts(structure: Structure) -> Heat:
    """The structure's own map."""
    return Heat(contact_truth(structure)[0], f"true contact ({_contact(structure)})", "truth")


def _contact(structure: Structure) -> str:
    return structure.contact_definition(ContactRule())
