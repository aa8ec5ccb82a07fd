"""Which parts does the prediction need?"""

import numpy as np
import pandas as pd
import streamlit as st

from core.alphabet import tokenize
from core.analyses.ablation_effects import SCOPES, AblationEffects, ablations, pooled
from core.analyses.reading import Reading
from core.components import components
from core.figures import ablation as figures
from core.interventions import Head, Mode, NamedScope, component_name, describe_scope
from core.paper_values import ABLATION, FAILING_HEAD, PaperValue
from dashboard.controls.protein_sets import ProteinSet, choose_set, measured
from dashboard.engine import Progress
from dashboard.page_parts import beside_paper, download, draw, introduce, page_of
from dashboard.question import Question
from dashboard.session import MODES, SCOPE_NAMES
from dashboard.views.explore import page as explore
from dashboard.widgets.head_grid import HeadChoice, HeadGridData, head_grid

TITLE, PATH = "Ablation", "ablation"

QUANTITIES = {
    "gap": "Change of the gap",
    "logit": "Change of the target's logit",
    "failures": "Failure rate",
}
CARRIED = "carried to Explore"


def page(question: Question) -> None:
    carried = st.session_state.pop(CARRIED, None)
    if carried:
        st.switch_page(page_of(explore), query_params=carried)
    target = question.target
    introduce(
        "Which parts does the prediction need?",
        "Every head, every attention module and every MLP is switched off alone, and the masked residue is read again.",
        f"The grid shows what this does to {target} at residue {question.residue + 1}: to its logit, to its gap (its "
        "logit minus the strongest other amino acid's), or how often it no longer ranks first where it did.",
        "Where a change is shown, blue cells are parts that the prediction rests on and red ones speak against it; "
        "where the failure rate is, red cells are those it can't do without. Click a cell to open it in Explore.",
    )
    proteins = choose_set(question)
    columns = st.columns(3)
    scope = columns[0].selectbox("Where", SCOPES, format_func=SCOPE_NAMES.__getitem__, key="where", bind="query-params")
    mode = columns[1].selectbox("Replace by", MODES, format_func=MODES.__getitem__, key="by", bind="query-params")
    quantity = columns[2].selectbox(
        "Shown", QUANTITIES, format_func=QUANTITIES.__getitem__, key="shown", bind="query-params"
    )
    effects = _effects(question, proteins, mode)
    if effects is None:
        return
    with st.container(border=True):
        _grid(question, effects[scope], quantity, scope, mode)
    with st.container(border=True):
        _scopes(question, effects, quantity)
    beside_paper(question.model, _beside(question, effects["mask"]))


def _effects(question: Question, proteins: ProteinSet, mode: Mode) -> dict[NamedScope, AblationEffects] | None:
    model = question.model

    def work(sequence: str, progress: Progress) -> dict[NamedScope, Reading]:
        return ablations(
            model,
            tokenize(sequence, [question.residue]),
            mode=mode,
            target=question.target,
            progress=progress.report,
            cancel=progress.cancel,
        )

    n_forwards = len(SCOPES) * len(components(model.shape))
    found = measured(question, proteins, ("ablation", mode), work, n_forwards=n_forwards, label="Switching off")
    return found and {scope: pooled([readings[scope] for readings in found.all]) for scope in SCOPES}


def _shown(effects: AblationEffects, quantity: str) -> np.ndarray:
    return {"gap": effects.gap_change, "logit": effects.logit_change, "failures": effects.failure_rate}[quantity]


def _grid(question: Question, effects: AblationEffects, quantity: str, scope: NamedScope, mode: Mode) -> None:
    shape, target = question.model.shape, question.target
    heads, attention, mlps = np.split(_shown(effects, quantity), [-2 * shape.n_layers, -shape.n_layers])
    named = {
        "gap": (f"change of the {target} gap", "logits"),
        "logit": (f"change of {target}'s logit", "logits"),
        "failures": (f"share of sequences where {target} no longer ranks first", "0 to 1"),
    }
    head_grid(
        HeadGridData(heads.reshape(shape.n_layers, -1), attention, mlps, *named[quantity], "One part off at a time"),
        key=f"ablation {shape}",
        on_change=lambda choice: _carry(choice, scope, mode),
    )
    st.caption(
        f"Each part off {describe_scope(scope)}, mean over {effects.n_proteins} sequence"
        f"{'s' if effects.n_proteins > 1 else ''}; {target} ranks first in {effects.n_predicting} of them with "
        "everything on. Failure rates count those alone."
    )
    table = pd.DataFrame(
        {
            "component": [component_name(component) for component in components(shape)],
            "gap_change": effects.gap_change,
            "logit_change": effects.logit_change,
            "failure_rate": effects.failure_rate,
        }
    )
    download(table, f"ablation-{scope}")


def _carry(choice: HeadChoice, scope: NamedScope, mode: Mode) -> None:
    """Notes what was clicked, for the page to open in Explore: pages can't be switched from a callback."""
    link = {"off": sorted(map(component_name, choice.off)), "scope": SCOPE_NAMES[scope], "mode": MODES[mode]}
    heads = [component for component in choice.off if isinstance(component, Head)]
    if heads or choice.selected:
        link["head"] = str(min(heads, default=choice.selected))
    st.session_state[CARRIED] = link


def _scopes(question: Question, effects: dict[NamedScope, AblationEffects], quantity: str) -> None:
    st.markdown("**Where must each module work?**")
    n_modules = 2 * question.model.shape.n_layers
    names = [component_name(component) for component in components(question.model.shape)][-n_modules:]
    values = {SCOPE_NAMES[scope]: _shown(effects[scope], quantity)[-n_modules:] for scope in SCOPES}
    draw(
        figures.by_scope(values, names, quantity=QUANTITIES[quantity]),
        "Whole modules switched off at the mask alone, at BOS alone, at both, or at every position. A module that "
        "matters only at BOS prepares what others read there.",
        "scopes",
    )
    download(pd.DataFrame(values).assign(module=names), "ablation-modules-by-scope")


def _beside(question: Question, effects: AblationEffects) -> list[tuple[PaperValue, str]]:
    shape = question.model.shape
    names = [component_name(component) for component in components(shape)]
    n_heads = shape.n_layers * shape.n_heads
    module = n_heads + int(np.argmin(effects.gap_change[n_heads:]))
    head = int(np.argmin(effects.logit_change[:n_heads]))
    failing = int(np.argmax(effects.failure_rate[:n_heads]))
    others = [
        names[place] for place in range(n_heads, len(names)) if effects.failure_rate[place] > 0.5 and place != module
    ]
    ours = [
        f"{names[module]} (gap {effects.gap_change[module]:+.2f})",
        f"{effects.failure_rate[module]:.0%} of {effects.n_predicting}",
        ", ".join(others) or "none",
        f"{names[head]} (logit {effects.logit_change[head]:+.2f})",
        f"{names[failing]}, {effects.failure_rate[failing]:.0%} of {effects.n_predicting}",
    ]
    return list(zip((*ABLATION, FAILING_HEAD), ours, strict=True))
