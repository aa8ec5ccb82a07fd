"""Which parts does the prediction need?"""

import numpy as np
import pandas as pd
import streamlit as st

from core.answers.ablation import SCOPES, Ablation, ablation
from core.answers.intervals import HOW_INTERVALS_ARE_MADE
from core.components import components
from core.figures import ablation as figures
from core.interventions import Head, Mode, NamedScope, component_name, describe_scope
from dashboard.controls import bound
from dashboard.controls.protein_sets import ask_of, choose_set
from dashboard.page_parts import beside_paper, download, draw, introduce, page_of
from dashboard.question import Question
from dashboard.script import Call, Expression, Shown
from dashboard.session import MODES, SCOPE_NAMES
from dashboard.views.explore import page as explore
from dashboard.widgets.head_grid import HeadChoice, HeadGridData, head_grid

TITLE, PATH = "Ablation", "ablation"

QUANTITIES = {
    "gap_change": "Change of the gap",
    "logit_change": "Change of the target's logit",
    "fails": "Failure rate",
}
WITH_UNITS = {
    "gap_change": "Change of the gap (logits)",
    "logit_change": "Change of the target's logit (logits)",
    "fails": "Failure rate (share)",
}
"""What a colour bar says: choices stay as links have them."""
CARRIED = "carried to Explore"


def page(question: Question) -> None:
    carried = st.session_state.pop(CARRIED, None)
    if carried:
        st.switch_page(page_of(explore), query_params=carried)
    target = question.letter
    introduce(
        "Which parts does the prediction need?",
        "One part of the model after another is switched off (head, attention or MLP), and the masked residue is "
        "predicted again.",
        f"The grid shows what this does to {target} at residue {question.residue + 1}: to its logit, to its gap (its "
        "logit minus the strongest other amino acid's), or how often it no longer ranks first where it did.",
        "Where a change is shown, blue cells are parts whose loss lowers it and red ones those whose loss raises it; "
        "where the failure rate is, red cells are those it can't do without. Zero is far from what some parts ever "
        "write: compare with their mean. Click a cell to open it in Explore.",
    )
    proteins = choose_set(question)
    columns = st.columns(3)
    scope = bound.select("Where", _where(), "where", columns[0])
    mode = bound.select("Replace by", MODES, "by", columns[1])
    quantity = bound.select("Shown", QUANTITIES, "shown", columns[2])
    n_forwards = len(SCOPES) * len(components(question.model.shape))
    settings = {"n_forwards": n_forwards, "label": "Switching off", "target": question.target, "mode": mode}
    settings["shown"] = _shown(question, quantity, scope)
    found = ask_of(question, proteins, ablation, **settings)
    if found is None:
        return
    with st.container(border=True):
        _grid(found, quantity, scope, mode)
    with st.container(border=True):
        _scopes(found, quantity)
    st.caption(f"Module and head below are {found.split}. {HOW_INTERVALS_ARE_MADE}")
    beside_paper(question, found.beside_paper())


def _shown(question: Question, quantity: str, scope: NamedScope) -> Shown:
    last = f"[-{2 * question.model.shape.n_layers}:]"
    columns = {
        name: Expression(f"found.at({each!r})[{quantity!r}].to_numpy(){last}") for each, name in _where().items()
    }
    modules = Expression(f"list(found.at({scope!r}).index{last})")
    by_scope = Call(figures.by_scope, (columns, modules), {"quantity": WITH_UNITS[quantity]})
    return Shown(f"found.at({scope!r}).reset_index()", by_scope)


def _where() -> dict[NamedScope, str]:
    return {each: SCOPE_NAMES[each] for each in SCOPES}


def _grid(found: Ablation, quantity: str, scope: NamedScope, mode: Mode) -> None:
    shape, target = found.shape, found.target.letter
    table = found.at(scope)
    heads, attention, mlps = np.split(table[quantity].to_numpy(), [-2 * shape.n_layers, -shape.n_layers])
    named = {
        "gap_change": (f"change of the {target} gap", "logits"),
        "logit_change": (f"change of {target}'s logit", "logits"),
        "fails": (f"share of sequences where {target} no longer ranks first", "0 to 1"),
    }
    head_grid(
        HeadGridData(heads.reshape(shape.n_layers, -1), attention, mlps, *named[quantity], "One part off at a time"),
        key=f"ablation {shape}",
        on_change=lambda choice: _carry(choice, scope, mode),
    )
    counted = (
        f"mean over the {found.n_predicting} of {found.n_measured} sequences where {target} ranks first with all on"
        if found.n_predicting
        else f"mean over {found.n_measured} sequences; {target} ranks first in none of them, so none can fail"
    )
    elsewhere = "" if scope == "all" else " Explore's grid is of every position unless another place is chosen there."
    st.caption(f"Each part off {describe_scope(scope)}, {counted}.{elsewhere}")
    download(table.reset_index(), f"ablation-{scope}")


def _carry(choice: HeadChoice, scope: NamedScope, mode: Mode) -> None:
    """Notes what was clicked, for the page to open in Explore: pages can't be switched from a callback."""
    link = {"off": sorted(map(component_name, choice.off)), "scope": SCOPE_NAMES[scope], "mode": MODES[mode]}
    heads = [component for component in choice.off if isinstance(component, Head)]
    if heads or choice.selected:
        link["head"] = str(min(heads, default=choice.selected))
    st.session_state[CARRIED] = link


def _scopes(found: Ablation, quantity: str) -> None:
    st.markdown("**Where must each module work?**")
    n_modules = 2 * found.shape.n_layers
    values = pd.DataFrame({SCOPE_NAMES[scope]: found.at(scope)[quantity].iloc[-n_modules:] for scope in SCOPES})
    columns = {name: values[name].to_numpy() for name in values}
    draw(
        figures.by_scope(columns, list(values.index), quantity=WITH_UNITS[quantity]),
        "Whole modules switched off at the mask alone, at BOS alone, at both, or at every position. A module that "
        "matters only at BOS prepares what others read there.",
        "scopes",
        values.rename_axis("module").reset_index(),
    )
