"""Where are this protein's contacts, by three roads?"""

from collections.abc import Hashable
from functools import partial

import numpy as np
import streamlit as st

from core.alphabet import AMINO_ACIDS, tokenize
from core.analyses.categorical_jacobian import CHEAP, DTYPES, Numbers, stored_jacobian
from core.analyses.map_agreement import map_agreement
from core.errors import InputError
from core.proteins.contact_scores import top_contacts
from core.proteins.structure import ContactAtom
from dashboard import engine
from dashboard.controls.labelled_set import choose_contact
from dashboard.long_work import on_request, seconds
from dashboard.page_parts import introduce
from dashboard.question import Question, stop_with
from dashboard.session import parse_residues, plain
from dashboard.views.contacts.panels import (
    averaged_heads,
    colour_range,
    one_pass_map,
    one_pass_roads,
    precision_table,
    show_pairs,
)
from dashboard.widgets.linked_view import Heat

TITLE, PATH = "Three methods", "contacts"

JACOBIAN, HIDDEN = "Categorical Jacobian", "Hidden-state Jacobian"
SLOW = (JACOBIAN, HIDDEN)


def page(question: Question) -> None:
    introduce(
        "Where are this protein's contacts, by three roads?",
        "A protein language model never saw a structure. Does it know which residues touch?",
        "The contact head and the best heads read attention in one forward pass; a Jacobian mutates every residue to "
        "every amino acid and watches what changes elsewhere, about 20 passes per residue.",
        "Compare each map with the structure below the diagonal; the table counts how many of the highest-ranked pairs "
        "are contacts, beside chance.",
    )
    fast = one_pass_roads(question.model)
    roads = [*fast, *SLOW]
    try:
        road = st.segmented_control(
            "Road",
            roads,
            default=roads[0],
            required=True,
            key="road",
            bind="query-params",
            help="The Categorical Jacobian watches the predictions, the hidden-state one what the last layer holds.",
        )
        atom, cutoff = choose_contact()
        maps = {each: _one_pass(question, each, ask=each == road) for each in fast}
        if road not in fast:
            found = _slow(question, road)
            if found is None:
                return
            maps[road] = found
        maps |= {each: known for each in SLOW if each not in maps and (known := _known(question, each)) is not None}
    except InputError as error:
        stop_with(error)
    with st.container(border=True):
        _linked(question, road, maps[road], atom, cutoff)
    precision_table(question.protein, {each: maps[each] for each in roads if each in maps}, atom, cutoff)


def _one_pass(question: Question, road: str, *, ask: bool) -> np.ndarray:
    return one_pass_map(question, road, averaged_heads(question.model, road, ask=ask))


def _slow(question: Question, road: str) -> np.ndarray | None:
    """The chosen Jacobian's map, in cheap mode with how it agrees with the full one; None until it was asked for."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        numbers: Numbers = st.segmented_control(
            "Numbers",
            DTYPES,
            default="float32",
            required=True,
            key="numbers",
            bind="query-params",
            help="bfloat16 keeps 8 bits of each number where float32 keeps 24: faster where the processor has it.",
        )
        cheap = st.toggle(
            f"Cheap mode: substitutions {', '.join(CHEAP)} only",
            key="cheap",
            bind="query-params",
            help="A quarter of the passes, and another map than the full one: how well the two agree is measured here.",
        )
    if not cheap:
        return _jacobian(question, road, AMINO_ACIDS, numbers)
    found = _jacobian(question, road, CHEAP, numbers)
    if found is None:
        return None
    said = f"Cheap mode ({len(CHEAP)} of {len(AMINO_ACIDS)} substitutions)"
    full = _jacobian(question, road, AMINO_ACIDS, numbers)
    if full is None:
        st.caption(f"{said}: how it agrees with the full mode on this protein is not measured yet.")
        return found
    agreement = map_agreement(found, full)
    st.caption(
        f"{said} against the full one on this protein: rank correlation **{agreement.rank_correlation:.2f}** over pairs"
        f" 6 or more apart, **{agreement.shared:.0%}** of the L highest pairs shared."
    )
    return found


def _known(question: Question, road: str) -> np.ndarray | None:
    """A full Jacobian in float32 that was computed before, of this road."""
    return engine.known(_job(question, road, AMINO_ACIDS, "float32"))


def _job(question: Question, road: str, letters: str, numbers: Numbers) -> Hashable:
    return ("jacobian", question.model.trunk_fingerprint, question.protein.sequence, road, letters, numbers)


def _jacobian(question: Question, road: str, letters: str, numbers: Numbers) -> np.ndarray | None:
    model, sequence = question.model, question.protein.sequence
    job = _job(question, road, letters, numbers)
    passes = len(letters) * len(sequence) * (2 if road == HIDDEN else 1)
    what = f"Run the {road}: {passes:,} mutants, {len(letters)} substitutions"
    with on_request(job, seconds(model, passes, len(sequence)), what) as go:
        if not go:
            return None
        layer = -1 if road == HIDDEN else None
        compute = partial(
            stored_jacobian,
            model,
            tokenize(sequence),
            layer=layer,
            substitutions=letters,
            dtype=DTYPES[numbers],
        )
        return engine.computed(
            job,
            lambda progress: compute(progress=progress.report, cancel=progress.cancel),
            f"Mutating {len(sequence)} residues",
        )


@st.fragment
def _linked(question: Question, road: str, predicted: np.ndarray, atom: ContactAtom, cutoff: float) -> None:
    sequence = question.protein.sequence
    picked_text = st.text_input(
        "Picked residues",
        key="pick",
        bind="query-params",
        placeholder="Picked residues, such as M1, K27",
        label_visibility="collapsed",
    )
    try:
        picked = parse_residues(picked_text, sequence)
    except InputError as error:
        st.warning(plain(str(error)))
        picked = ()
    pairs = top_contacts(predicted, max(len(sequence) // 2, 1))
    label = f"{road[0].lower()}{road[1:]} (higher: more likely in contact)"
    show_pairs(
        question,
        Heat(predicted, label, "edited", *colour_range(road, predicted)),
        pairs,
        atom,
        cutoff,
        picked=picked,
        key="contacts",
        map_title="Where are the contacts?",
        map_caption=f"Marked: the L/2 = {len(pairs)} highest pairs at least 6 residues apart.",
        structure_title="Where are they in 3D?",
    )
