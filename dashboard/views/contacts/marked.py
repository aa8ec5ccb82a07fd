"""Which pairs of a map are marked: those that a calibration finds worth it, else the L/2 highest; and their list."""

import numpy as np
import pandas as pd
import streamlit as st

from core.analyses.contact_calibration import MARKED, Calibration, kept_calibration, worth_marking
from core.proteins.contact_scores import MIN_SEPARATION, VERDICTS, top_contacts, verdicts
from core.proteins.structure import CONTACT_ATOMS, ContactRule, residue_distances
from dashboard.controls import bound
from dashboard.page_parts import download
from dashboard.question import Question
from dashboard.session import plain
from dashboard.views.contacts.methods import CONTACT_HEAD

Pairs = list[tuple[int, int]]
MARK_HIGHEST = "Mark the L/2 highest pairs, whatever they are worth"


def choose_marked(question: Question, method: str, predicted: np.ndarray) -> tuple[Pairs, str]:
    """The marked pairs and what people read of them; asks whether the L/2 highest are to be marked all the same."""
    calibration = kept_calibration(question.model) if method == CONTACT_HEAD else None
    highest = calibration is not None and bound.toggle(MARK_HIGHEST, "highest", help=plain(calibration.finding()))
    return marked(question, method, predicted, highest)


def marked(question: Question, method: str, predicted: np.ndarray, rank_alone: bool) -> tuple[Pairs, str]:
    """The marked pairs and what people read of them; with `rank_alone` the L/2 highest in any case."""
    highest = top_contacts(predicted)
    ranked = f"Marked: the L/2 = {len(highest)} highest pairs at least {MIN_SEPARATION} residues apart, right or not"
    calibration = kept_calibration(question.model) if method == CONTACT_HEAD else None
    if calibration is None:
        return highest, f"{ranked}; what these scores are worth was not measured for this model."
    worth = worth_marking(predicted, calibration)
    said = _said(question, calibration, worth)
    return (highest, f"{ranked}. {said}") if rank_alone else (worth, said)


def _said(question: Question, calibration: Calibration, worth: Pairs) -> str:
    n_structures = len(calibration.proteins)
    if worth:
        return (
            f"Marked: {len(worth)} pairs whose contact probability was right in at least {MARKED:.0%} of pairs on "
            f"{n_structures} structures that the head was not fitted on."
        )
    model = "The embedded teaching model" if question.model.teaching else plain(question.model.name)
    return (
        f"{model} hardly sees contacts here: no pair has a contact probability that "
        f"was right in {MARKED:.0%} of pairs on {n_structures} structures that the head was not fitted on, so none is "
        f"marked. {calibration.at_the_top} there."
    )


def list_of_pairs(question: Question, predicted: np.ndarray, pairs: Pairs, rule: ContactRule) -> None:
    """The marked pairs with score, distance and verdict, to look at and to save."""
    if not pairs:
        return
    numbering, structure = question.numbering, question.protein.structure
    i, j = np.array(pairs).T
    table = pd.DataFrame(
        {
            "first": [numbering.name(at) for at in i.tolist()],
            "second": [numbering.name(at) for at in j.tolist()],
            "apart": j - i,
            "score": predicted[i, j],
        }
    )
    if structure is not None:
        table["distance (Å)"] = residue_distances(structure, rule.atom)[i, j]
        table["verdict"] = [VERDICTS[each] for each in verdicts(pairs, structure, rule)]
    with st.expander(f"The {len(pairs)} marked pairs"):
        st.dataframe(table, hide_index=True)
        download(table, "marked-pairs")


def said_of_pair(question: Question, picked: tuple[int, ...], predicted: np.ndarray, rule: ContactRule) -> str:
    """A picked pair's score, and in a structure its distance and whether that is a contact; empty without a pair."""
    if len(picked) != 2:
        return ""
    i, j = sorted(picked)
    said = f"{question.numbering.name(i)}–{question.numbering.name(j)}: score {predicted[i, j]:.2f}"
    structure = question.protein.structure
    if structure is None:
        return f"{said}."
    distance = residue_distances(structure, rule.atom)[i, j]
    if np.isnan(distance):
        return f"{said}, not resolved in the structure."
    judged = "a contact" if distance < rule.cutoff else "no contact"
    return f"{said}, {distance:.1f} Å apart ({CONTACT_ATOMS[rule.atom]}): {judged}."
