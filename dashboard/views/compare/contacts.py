"""Where are the contacts on each side? Strip, map and structure of both, in which a pick in one is marked in all."""

from dataclasses import replace

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.analyses.comparison import gained_pairs, in_place, one_scale, residue_difference
from core.components import head_names
from core.figures.contacts import ATTENTION, PROBABILITY
from core.proteins.contact_scores import largest_counted
from core.proteins.correspondence import Correspondence
from core.proteins.variants import WILD_TYPES
from dashboard.controls import bound
from dashboard.controls.picked import choose_picked, keep_pick
from dashboard.page_parts import download
from dashboard.session import plain
from dashboard.views.compare.sides import Pair, Side
from dashboard.views.contacts.marked import MARK_HIGHEST, Pairs, marked
from dashboard.views.contacts.methods import CONTACT_HEAD
from dashboard.views.explore.linked import COLOURINGS, residue_values
from dashboard.views.explore.maps import SOURCES, map_of, precision_line, true_contacts
from dashboard.widgets.linked_view import Heat, LinkedViewData, Pick, linked_view

Picked = tuple[int, ...]


@st.fragment
def strip_map_structure(pair: Pair) -> None:
    """A pick redraws these alone."""
    st.markdown("**Where are the contacts?**")
    row = st.container(horizontal=True, vertical_alignment="bottom")
    source, averaged = _choose_source(pair, row)
    colouring = bound.select("In 3D", COLOURINGS, "colour", row, width=250)
    picked = choose_picked(pair.a.question.numbering, row, placeholder="M1, K27", width=bound.WIDTH)
    highest = bound.toggle(MARK_HIGHEST, "highest", row)
    maps = a, b = [map_of(side.question, side.condition, side.run, source, averaged) for side in pair.sides]
    picks = picked, pair.where.of(picked) if pair.where else ()
    values = [
        residue_values(colouring, at[0] if at else side.question.residue, side.question.numbering, side.run)
        for side, at in zip(pair.sides, picks, strict=True)
    ]
    ends = one_scale(*(each.values for each in values if each))
    quantity, most = (PROBABILITY, 1.0) if source == "contact head" else (ATTENTION, one_scale(a, b))
    method = CONTACT_HEAD if source == "contact head" else SOURCES[source]
    for place, side, predicted in zip(st.columns(2), pair.sides, maps, strict=True):
        if side.question.protein.structure is not None:
            with place:
                precision_line(predicted, None, side.question.protein.structure)
    for place, side, predicted, at, shown in zip(st.columns(2), pair.sides, maps, picks, values, strict=True):
        pairs, said = marked(side.question, method, predicted, highest)
        data = _data(side, Heat(predicted, quantity, "edited", 0.0, most), pairs, said)
        with place:
            _linked(pair, side, replace(data, residue_values=shown and replace(shown, high=ends)), at, side.name)
    if pair.where is None:
        st.caption(plain(pair.no_difference))
    else:
        _difference(pair, pair.where, a, b, f"{quantity}, B − A", 0.1 * most, picked)


def _choose_source(pair: Pair, row: DeltaGenerator) -> tuple[str, list[str]]:
    """Where maps come from on both sides, and the heads averaged: of one model alone."""
    left_out = set() if all(side.run.contact_head is not None for side in pair.sides) else {"contact head"}
    left_out |= set() if pair.same_heads else {"heads"}
    sources = {of: name for of, name in SOURCES.items() if of not in left_out}
    source = bound.select("Contact map from", sources, "map", row, width=bound.WIDTH)
    if source != "heads":
        return source, []
    names = head_names(pair.a.question.model.shape)
    return source, bound.several("Heads to average", names, "averaged", row, placeholder="Choose heads", width=220)


def _data(side: Side, above: Heat, pairs: Pairs, said: str) -> LinkedViewData:
    structure = side.question.protein.structure
    below = None if structure is None else true_contacts(structure)
    return LinkedViewData.of(
        side.question.protein,
        above,
        below,
        pairs,
        maskable=False,
        map_title=f"Contact map of {side.name}",
        map_caption=said,
        structure_title=f"Structure of {side.name}",
        structure_caption="The wild type's." if WILD_TYPES in side.question.protein.notes else "",
    )


def _linked(pair: Pair, side: Side, data: LinkedViewData, picked: Picked, name: str) -> None:
    """A pick on either side is kept as one of A's."""

    def keep(pick: Pick) -> None:
        ours = pick.residues
        if side is pair.b:
            ours = pair.where.swapped.of(ours) if pair.where else ()
        keep_pick(Pick(ours), pair.a.question.numbering)

    linked_view(data, key=f"linked {name}", pick=Pick(picked), on_change=keep)
    download(lambda: data.pairs, f"map {name}")


def _difference(
    pair: Pair, where: Correspondence, a: np.ndarray, b: np.ndarray, quantity: str, least: float, picked: Picked
) -> None:
    """In A's residues: where B's map is higher or lower, and the pairs that come among the highest."""
    protein, gained = pair.a.question.protein, gained_pairs(a, b, where)
    difference = residue_difference(a, b, where)
    most = largest_counted(np.abs(difference), least=least)
    placed = in_place(difference, where, len(protein.sequence))
    data = LinkedViewData.of(
        protein,
        Heat(placed, quantity, "change", -most, most),
        None,
        gained,
        maskable=False,
        map_title="Difference of the maps",
        map_caption=f"Marked ({len(gained)}): the pairs that are among the L/2 highest in B alone. Residues are A's; "
        "blank where B has none. Colours end at a tenth of the maps' own scale or above, so small changes stay pale.",
        structure_title="Structure of A",
    )
    _linked(pair, pair.a, data, picked, "difference")
