"""What happens to the contacts when parts are switched off?"""

import msgspec
import numpy as np
import streamlit as st

from core.alphabet import tokenize
from core.analyses.contact_attribution import ContactEffects, ablation_effects, contact_shares
from core.errors import InputError
from core.figures.contacts import layer_shares
from core.figures.style import head_heatmap
from core.interventions import Condition, Head, component_name, condition_to_json, describe, parse_component
from core.proteins.contact_scores import top_contacts
from core.proteins.labelled import LabelledProtein
from core.proteins.protein import residue_name
from core.proteins.structure import ContactAtom
from dashboard import engine
from dashboard.controls.edits import EDITED, choose_edits
from dashboard.controls.heads import warn_of_unknown
from dashboard.controls.labelled_set import choose_contact
from dashboard.long_work import on_request, seconds
from dashboard.page_parts import draw, introduce
from dashboard.question import Question, stop_with
from dashboard.session import EditChoices, forget_edits, parse_residues, plain
from dashboard.views.contacts.panels import (
    CONTACT_HEAD,
    QUANTITIES,
    averaged_heads,
    choose_pair,
    one_pass_map,
    one_pass_roads,
    precision_table,
    show_pairs,
)
from dashboard.widgets.head_grid import HeadChoice, HeadGridData, head_grid
from dashboard.widgets.linked_view import Heat

TITLE, PATH = "Edited contacts", "contact-edits"

PRECISION, CHANGE = "Change of P@L/2, long range", "Mean change of the map"
LEAST = 1e-3
"""Where a map's colours end if all of it is smaller."""


def page(question: Question) -> None:
    introduce(
        "What happens to the contacts when parts are switched off?",
        "Contacts are read from the attention of all layers. Which parts must work for it to be right?",
        "The grid shows what each part does to the map, on top of what is off already; the difference map shows where "
        "the edited run differs from the clean one; at the end, one contact is split into what every head adds to it.",
        "A head that is off no longer writes, but its own attention stays and is still read: it changes the map through"
        " later layers alone, so the last layer's parts change nothing.",
    )
    model = question.model
    warn_of_unknown(model, *EDITED)
    with st.sidebar:
        st.divider()
        try:
            edits = choose_edits(question)
        except InputError as error:
            stop_with(error)
    roads = one_pass_roads(model)
    if not roads:
        st.info(f"{plain(model.name)} has no contact head and no ranking of heads: fit or rank them on the next pages.")
        return
    condition = edits.condition(model.shape)
    try:
        road = st.segmented_control(
            "Contacts read from", roads, default=roads[0], required=True, key="read", bind="query-params"
        )
        heads = averaged_heads(model, road, ask=True)
        atom, cutoff = choose_contact()
        grid = st.container(border=True)
        with grid:
            _headline(condition)
        clean, edited = (one_pass_map(question, road, heads, each) for each in ((), condition))
        with st.container(border=True):
            _difference(question, condition, road, clean, edited, atom, cutoff)
        precision_table(question.protein, {"Clean run": clean, "Edited run": edited}, atom, cutoff)
        st.divider()
        _shares(question, condition)
        with grid:  # last, because it takes a pass for each part and all else only two
            _grid(question, edits, condition, heads, atom, cutoff)
    except InputError as error:
        stop_with(error)


def _headline(condition: Condition) -> None:
    said, reset = st.columns([4, 1], vertical_alignment="center")
    said.markdown(f"{describe(condition)}." if condition else "Nothing is off: click a cell, or choose on the left.")
    reset.button("Reset", on_click=forget_edits, disabled=not condition, icon=":material/undo:", width="stretch")


def _grid(
    question: Question,
    edits: EditChoices,
    condition: Condition,
    heads: tuple[Head, ...],
    atom: ContactAtom,
    cutoff: float,
) -> None:
    structure, shape = question.protein.structure, question.model.shape
    quantities = [PRECISION, CHANGE] if structure is not None else [CHANGE]
    quantity = st.segmented_control(
        "Shown", quantities, default=quantities[0], required=True, key="shown", bind="query-params"
    )
    truth = LabelledProtein.of(structure, atom, cutoff) if structure is not None else None
    effects = _effects(question, edits, condition, heads, truth)
    data = HeadGridData.not_computed(shape.n_layers, shape.n_heads)
    if effects is not None:
        shown = effects.precision if quantity == PRECISION else effects.change
        assert shown is not None
        in_heads, attention, mlps = np.split(100 * shown, [-2 * shape.n_layers, -shape.n_layers])
        of = "P@L/2, long range" if quantity == PRECISION else "the map, absolute, mean over pairs 6 or more apart"
        unit = "percentage points" if quantity == PRECISION or not heads else "0.01 of corrected attention"
        data = HeadGridData(
            in_heads.reshape(shape.n_layers, -1), attention, mlps, f"change of {of}", unit, "Which parts matter?"
        )
    head_grid(
        data,
        key=f"contact grid {shape}",
        choice=HeadChoice(frozenset(map(parse_component, edits.off))),
        on_change=lambda choice: st.session_state.update(off=sorted(map(component_name, choice.off))),
    )
    given = effects.given_precision if effects is not None else None
    now = f" P@L/2 is {given:.2f} now." if given is not None else ""
    colours = (
        "precision: red raises it, blue lowers it" if quantity == PRECISION else "map: the redder, the more it moves"
    )
    st.caption(
        f"Each cell: what switching that part off as well, in the scope and mode on the left, does to the {colours}."
        f"{now} Click a cell to switch it off or on, a label for its row or column."
    )


def _effects(
    question: Question,
    edits: EditChoices,
    condition: Condition,
    heads: tuple[Head, ...],
    truth: LabelledProtein | None,
) -> ContactEffects | None:
    model, sequence = question.model, question.protein.sequence
    scope = msgspec.json.encode(edits.scope)
    job = (
        "contact effects", model.fingerprint, sequence, heads, truth, scope, edits.mode, condition_to_json(condition),
    )  # fmt: skip
    n_components = model.shape.n_layers * (model.shape.n_heads + 2)
    about = 2 * seconds(model, n_components, len(sequence))
    with on_request(job, about, f"Switch off {n_components} parts, one at a time") as go:
        if not go:
            return None
        return engine.computed(
            job,
            lambda progress: ablation_effects(
                model,
                tokenize(sequence),
                truth,
                heads=heads,
                scope=edits.scope,
                mode=edits.mode,
                given=condition,
                progress=progress.report,
                cancel=progress.cancel,
            ),
            f"Switching off {n_components} parts, one at a time",
        )


def _difference(
    question: Question,
    condition: Condition,
    road: str,
    clean: np.ndarray,
    edited: np.ndarray,
    atom: ContactAtom,
    cutoff: float,
) -> None:
    """Strip, difference map and structure; marked are the pairs that the edit brings among the highest."""
    sequence = question.protein.sequence
    try:
        picked = parse_residues(st.session_state.get("pick") or "", sequence)
    except InputError:
        picked = ()  # the box below the map says what is wrong with them
    n_pairs = max(len(sequence) // 2, 1)
    before, after = (set(top_contacts(each, n_pairs)) for each in (clean, edited))
    gained = sorted(after - before)
    quantity = QUANTITIES[road]
    if condition:
        most = _largest(np.abs(edited - clean))
        above = Heat(edited - clean, f"change of {quantity}, edited − clean", "change", -most, most)
        said = f"{len(gained)} of the L/2 = {n_pairs} highest pairs give way to others, which are marked."
    else:
        above = Heat(clean, f"{quantity}, clean run", "clean", 0.0, _largest(clean))
        said = "Nothing is off yet: above the diagonal is the clean run's map."
    show_pairs(
        question,
        above,
        gained,
        atom,
        cutoff,
        picked=picked,
        key="contact edits",
        map_title="Where does the map change?",
        map_caption=said,
        structure_title="Where are the new pairs in 3D?",
        without_structure=Heat(edited, f"{quantity}, edited run", "edited", 0.0, _largest(edited)),
    )


def _largest(values: np.ndarray) -> float:
    """The largest value six or more residues apart, where contacts are read, to two digits."""
    return max(float(f"{values[np.triu_indices(len(values), 6)].max(initial=0.0):.2g}"), LEAST)


def _shares(question: Question, condition: Condition) -> None:
    st.markdown("**Which heads make one contact?**")
    sequence, model = question.protein.sequence, question.model
    if model.contact_head is None:
        st.info(
            "This needs a contact head, whose regression is a sum over heads: fit one on the page 'Fit a contact head'."
        )
        return
    try:
        pair = choose_pair(question)
    except InputError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    if pair is None:
        return
    i, j = pair
    clean, edited = (
        engine.computed(
            ("shares", model.fingerprint, sequence, i, j, condition_to_json(each)),
            lambda _, each=each: contact_shares(model, tokenize(sequence), i, j, each),
            "Reading the contact",
        )
        for each in ((), condition)
    )
    name = f"{residue_name(sequence, i)}–{residue_name(sequence, j)}"
    by_head, by_layer = st.columns([3, 2], gap="medium")
    with by_head:
        draw(
            head_heatmap(edited.heads, quantity="share of the logit"),
            f"{name}, {CONTACT_HEAD.lower()}, edited run: bias {edited.bias:+.2f} and all heads together "
            f"{edited.heads.sum():+.2f} make a logit of {edited.logit:+.2f}, a probability of {edited.probability:.2f} "
            f"(clean {clean.probability:.2f}). The regression is linear: the shares add up exactly.",
            "shares",
        )
    with by_layer:
        draw(
            layer_shares(clean.layers, edited.layers),
            "What the heads of each layer add to the logit together: clean in grey, edited in blue.",
            "layers",
        )
