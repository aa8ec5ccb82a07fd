"""What changes when parts of the model are switched off?"""

import msgspec
import numpy as np
import streamlit as st

from core.analyses.exploration import RunView, band_view, view_run
from core.analyses.head_ablation import ComponentEffects, component_sweep
from core.analyses.prediction import Prediction, prediction
from core.components import head_names
from core.contacts import heads_map
from core.errors import InputError
from core.figures import explore as figures
from core.interventions import Condition, Head, component_name, condition_to_json, describe, parse_component
from core.metrics import Among
from core.proteins.contact_scores import SEPARATIONS, Verdict, judge_pairs, precision_at, top_contacts
from core.proteins.protein import residue_name
from core.proteins.structure import contact_truth, residue_distances
from dashboard import engine
from dashboard.controls.edits import EDITED, edit_controls
from dashboard.controls.heads import warn_of_unknown
from dashboard.long_work import on_request, seconds
from dashboard.session import Edits, forget_edits, parse_residues, plain, written_residues
from dashboard.sidebar import Question, stop_with
from dashboard.views.explore.snippet import python_snippet
from dashboard.widgets.head_grid import HeadChoice, HeadGridData, head_grid
from dashboard.widgets.linked_view import (
    DrawnContact,
    Heat,
    LinkedViewData,
    Pick,
    ResidueValues,
    StructureText,
    linked_view,
)

TITLE, PATH = "Explore", ""

MAP_SOURCES = {"contact head": "Contact head", "head": "The chosen head", "heads": "Chosen heads, averaged"}
COMPETITORS: dict[Among, str] = {"amino acids": "the other amino acids", "vocabulary": "all other tokens"}
THE_MASK = "the masked residue"
BARE = {"displayModeBar": False}
CONTROL = 170
"""Width of a control beside others, in CSS pixels: five fit a laptop's row, and a narrow window wraps them."""
READOUTS: tuple[figures.Readout, ...] = ("probability", "logit")
BELOW = {"truth": "True contacts", "clean": "Clean run"}
COLOURINGS = {
    "contacts": "Predicted contacts",
    "to": "Attention to the picked residue",
    "from": "Attention of the picked residue",
}


def page(question: Question) -> None:
    warn_of_unknown(question.model, "head", *EDITED, "averaged")
    try:
        head, edits = edit_controls(question)
        among: Among = st.sidebar.selectbox(
            "Target gap against", COMPETITORS, format_func=COMPETITORS.__getitem__, key="among", bind="query-params"
        )
        condition = edits.condition(question.model.shape)
        clean, edited = _run(question, (), head), _run(question, condition, head)
    except InputError as error:
        stop_with(error)
    before, after = (prediction(view.logits, question.target, among) for view in (clean, edited))

    _headline(question, condition, before, after, among)
    grid, bars = st.columns([5, 4])
    with grid.container(border=True, height="stretch"):
        _grid(question, edits, condition, head, among)
    with bars.container(border=True, height="stretch"):
        _prediction(question, before, after)
    with st.container(border=True):
        _linked(question, condition, clean, edited)
    with st.container(border=True):
        _bands(question, clean, edited)
    left, right = st.columns([5, 4])
    with left.container(border=True, height="stretch"):
        _bos_attention(question, clean, edited)
    with right.container(border=True, height="stretch"):
        _pattern(clean, edited)


def _run(question: Question, condition: Condition, head: Head) -> RunView:
    return engine.computed(
        ("view", *question.key, condition_to_json(condition), str(head)),
        lambda _: view_run(question.model, question.tokens, condition, residue=question.residue, head=head),
        "Running the model",
    )


def _headline(question: Question, condition: Condition, before: Prediction, after: Prediction, among: Among) -> None:
    title, share, reset = st.columns([3, 1, 1], vertical_alignment="top")
    said = describe(condition) if condition else "Nothing is switched off: the clean run"
    title.markdown(f"#### What changes when parts of the model are switched off?\n{said}.")
    reset.button("Reset", on_click=forget_edits, disabled=not condition, icon=":material/undo:", width="stretch")
    with share.popover("Share", icon=":material/share:", width="stretch"):
        st.caption("The address of this page holds every choice: copy it to share this view. The same run in Python:")
        snippet = python_snippet(
            question.model.name, question.protein.sequence, question.masked, question.target, condition
        )
        st.code(snippet, language="python")
    place, target = question.residue_label, question.target
    columns = st.columns(4)
    columns[0].metric(
        f"P({target}) at {place}",
        f"{after.target_probability:.3f}",
        f"{after.target_probability - before.target_probability:+.3f}" if condition else None,
    )
    columns[1].metric(
        f"{target} gap (logits)",
        f"{after.target_gap:+.2f}",
        f"{after.target_gap - before.target_gap:+.2f}" if condition else None,
        help=f"The target's logit minus the largest among {COMPETITORS[among]}: positive when the target ranks first.",
    )
    columns[2].metric(
        f"Rank of {target}",
        after.target_rank,
        f"{after.target_rank - before.target_rank:+d}" if condition else None,
        delta_color="inverse",
    )
    columns[3].metric("Predicted", after.first, f"clean: {before.first}" if condition else None, delta_color="off")


def _grid(question: Question, edits: Edits, condition: Condition, head: Head, among: Among) -> None:
    shape = question.model.shape
    effects = _effects(question, edits, condition, among)
    data = (
        HeadGridData.not_computed(shape.n_layers, shape.n_heads)
        if effects is None
        else HeadGridData(effects.heads, effects.attention, effects.mlp)
    )
    choice = HeadChoice(frozenset(map(parse_component, edits.off)), head)
    head_grid(data, key=f"grid {shape}", choice=choice, on_change=_take_choice)
    st.caption(
        f"Each cell: how the {question.target} gap at {question.residue_label} changes when that part alone is switched"
        " off, in the scope and mode chosen on the left; red raises, blue lowers. Click a cell to switch it off or on,"
        " a label for its row or column; shift-click chooses the head that the panels below look at."
    )


def _take_choice(choice: HeadChoice) -> None:
    st.session_state["off"] = sorted(map(component_name, choice.off))
    if choice.selected is not None:
        st.session_state["head"] = str(choice.selected)


def _effects(question: Question, edits: Edits, condition: Condition, among: Among) -> ComponentEffects | None:
    model = question.model
    given = condition if st.session_state.get("given") else ()
    scope = msgspec.json.encode(edits.scope)
    key = ("effects", *question.key, scope, edits.mode, condition_to_json(given), among)
    components = model.shape.n_layers * (model.shape.n_heads + 2)
    about = seconds(model, components, len(question.tokens))
    with on_request(key, about, f"Compute the effect of all {components} components") as go:
        if not go:
            return None
        return engine.computed(
            key,
            lambda progress: component_sweep(
                model,
                question.tokens,
                question.target,
                residue=question.residue,
                scope=edits.scope,
                mode=edits.mode,
                among=among,
                given=given,
                progress=progress.report,
                cancel=progress.cancel,
            ),
            f"Switching off {components} components, one at a time",
        )


def _prediction(question: Question, before: Prediction, after: Prediction) -> None:
    st.markdown("**What does it predict?**")
    readout: figures.Readout = st.segmented_control(
        "Readout",
        READOUTS,
        default=READOUTS[0],
        required=True,
        key="readout",
        bind="query-params",
        label_visibility="collapsed",
    )
    figure = figures.prediction_bars(before, after, question.target, readout)
    st.plotly_chart(figure, key="prediction", config=BARE)
    st.caption(
        f"The masked {question.residue_label}, most likely in the clean run first: clean outlined in grey, edited"
        f" filled; {question.target}, the target, in orange."
    )


@st.fragment
def _linked(question: Question, condition: Condition, clean: RunView, edited: RunView) -> None:
    """Strip, map and structure: a pick redraws these alone."""
    if st.session_state.pop("mask changed", False):
        st.rerun()
    protein, sequence = question.protein, question.protein.sequence
    sources = dict(MAP_SOURCES)
    if question.model.contact_head is None:
        del sources["contact head"]
    controls = st.container(horizontal=True, vertical_alignment="bottom")  # in a narrow window they take two rows
    source = controls.selectbox(
        "Contact map from", sources, format_func=sources.__getitem__, key="map", bind="query-params", width=CONTROL
    )
    averaged = controls.multiselect(
        "Heads to average",
        head_names(question.model.shape),
        key="averaged",
        bind="query-params",
        disabled=source != "heads",
        placeholder="Choose heads" if source == "heads" else "—",
        width=CONTROL,
    )
    below = controls.selectbox(
        "Below the diagonal",
        BELOW,
        format_func=BELOW.__getitem__,
        key="below",
        bind="query-params",
        disabled=not protein.structure,
        width=CONTROL,
    )
    colouring = controls.selectbox(
        "In 3D", COLOURINGS, format_func=COLOURINGS.__getitem__, key="colour", bind="query-params", width=250
    )
    picked_text = controls.text_input(
        "Picked residues",
        key="pick",
        bind="query-params",
        placeholder="M1, K27",
        help="Or click strip, map or structure.",
        width=CONTROL,
    )
    try:
        picked = parse_residues(picked_text, sequence)
    except InputError as error:
        st.warning(plain(str(error)))
        picked = ()
    if source == "heads" and not averaged:
        st.info("Choose the heads to average; until then the map is that of the head looked at.")
    before, after = _maps(question, condition, clean, edited, source, averaged)
    is_probability = source == "contact head"
    quantity = "contact probability" if is_probability else "corrected attention (arbitrary units)"
    high = 1.0 if is_probability else max(float(after.max()), float(before.max()), 1e-6)
    lower = Heat(before, f"{quantity}, clean run", "clean", 0.0, high)

    structure = protein.structure
    pairs = top_contacts(after, max(len(sequence) // 2, 1))
    verdicts: list[Verdict] = ["predicted"] * len(pairs)
    if structure is not None:
        verdicts = judge_pairs(pairs, residue_distances(structure))
        truth, known = contact_truth(structure)
        if below == "truth":
            lower = Heat(truth, "true contact (Cβ closer than 8 Å)", "truth")
        _precision_line(before, after, truth, known)
    data = LinkedViewData(
        residues=tuple(residue_name(sequence, index) for index in range(len(sequence))),
        above=Heat(after, f"{quantity}, edited run", "edited", 0.0, high),
        below=lower,
        contacts=tuple(DrawnContact(i, j, verdict) for (i, j), verdict in zip(pairs, verdicts, strict=True)),
        structure=structure and StructureText(structure.text, structure.residues, structure.format),
        residue_values=_residue_values(colouring, picked or (question.residue,), sequence, edited),
        map_title="Where are the contacts?",
        map_caption=f"Marked: the L/2 = {len(pairs)} highest pairs of the edited run at least 6 residues apart.",
        structure_title="Where are they in 3D?",
        structure_caption=f"{COLOURINGS[colouring]}, edited run.",
    )
    linked_view(
        data, key="linked", pick=Pick(picked, question.masked), on_change=lambda pick: _take_pick(pick, question)
    )


def _maps(
    question: Question, condition: Condition, clean: RunView, edited: RunView, source: str, averaged: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """The clean and the edited run's contact maps from the chosen source."""
    if source == "contact head" and clean.contact_head is not None and edited.contact_head is not None:
        return clean.contact_head, edited.contact_head
    if source == "head" or not averaged:
        return clean.head_map, edited.head_map
    heads = tuple(Head.parse(name) for name in averaged)

    def averaged_map(each: Condition) -> np.ndarray:
        return engine.computed(
            ("heads map", *question.key, condition_to_json(each), heads),
            lambda _: heads_map(question.model, question.tokens, heads, each),
            "Averaging heads",
        )

    return averaged_map(()), averaged_map(condition)


def _residue_values(colouring: str, picked: tuple[int, ...], sequence: str, edited: RunView) -> ResidueValues | None:
    if colouring == "contacts":
        return None
    residue, name = picked[0], residue_name(sequence, picked[0])
    if colouring == "from":
        values, label = edited.pattern[residue + 1, 1:-1], f"attention of {name} to each residue, {edited.head}"
    else:
        values, label = edited.pattern[1:-1, residue + 1], f"attention of each residue to {name}, {edited.head}"
    return ResidueValues(values, label, 0.0, max(float(values.max()), 1e-6))


def _precision_line(before: np.ndarray, after: np.ndarray, truth: np.ndarray, known: np.ndarray) -> None:
    parts = []
    for separation, (low, high) in SEPARATIONS.items():
        clean, edited = (
            [precision_at(found, truth, known, separation, per) for per in (1, 2)] for found in (before, after)
        )
        if clean[0].n_ranked:
            reach = f"{low}–{high}" if high else f"≥ {low}"
            now, was = ("/".join(f"{found.precision:.2f}" for found in each) for each in (edited, clean))
            parts.append(f"{separation} ({reach} apart) **{now}** (clean {was}, chance {clean[0].chance:.2f})")
    if parts:
        st.caption("P@L / P@L/2, contacts being Cβ closer than 8 Å: " + " · ".join(parts))


def _take_pick(pick: Pick, question: Question) -> None:
    sequence = question.protein.sequence
    st.session_state["pick"] = written_residues(pick.residues, sequence)
    if pick.masked and pick.masked != question.masked:
        read_first = sorted(pick.masked, key=lambda residue: residue != question.residue)
        st.session_state["mask"] = written_residues(read_first, sequence)
        st.session_state["mask changed"] = True


def _bos_attention(question: Question, clean: RunView, edited: RunView) -> None:
    st.markdown(f"**Which heads read BOS from {question.residue_label}?**")
    at = question.residue + 1
    figure = figures.bos_attention_heads(
        clean.bos_attention[:, :, at], edited.bos_attention[:, :, at], question.residue_label
    )
    st.plotly_chart(figure, key="bos heads", config=BARE)
    st.caption("A cell per head, dark where the masked residue attends to BOS.")
    layer, index = edited.head.layer, edited.head.index
    figure = figures.bos_attention_positions(clean.bos_attention[layer, index], edited.bos_attention[layer, index])
    st.plotly_chart(figure, key="bos positions", config=BARE)
    st.caption(
        f"{edited.head} alone, from every residue: attention to BOS that is high only at the start is positional."
    )


def _bands(question: Question, clean: RunView, edited: RunView) -> None:
    sequence = question.protein.sequence
    st.markdown(f"**How do query and key meet in {edited.head}, band by band?**")
    names = ["BOS", *(residue_name(sequence, index) for index in range(len(sequence))), "EOS"]
    controls = st.container(horizontal=True)
    query = controls.selectbox("Query", [THE_MASK, *names], key="query", bind="query-params", width=CONTROL)
    key = controls.selectbox("Key", names, index=0, key="key", bind="query-params", width=CONTROL)
    at = question.residue + 1 if query == THE_MASK else names.index(query)
    before, after = (band_view(view, at, names.index(key)) for view in (clean, edited))
    st.plotly_chart(figures.band_bars(before, after), key="bands", config=BARE)
    st.caption(
        f"Score {before.score:+.2f} → {after.score:+.2f}, attention {before.attention:.3f} → {after.attention:.3f}."
        " RoPE turns each pair of dimensions by its own angle per residue: it changes cos θ, never a norm."
        " What the bands add sums to the score."
    )


def _pattern(clean: RunView, edited: RunView) -> None:
    st.markdown(f"**Where does {edited.head} look?**")
    which = st.segmented_control(
        "Run",
        ["edited", "clean"],
        default="edited",
        required=True,
        key="pattern",
        bind="query-params",
        label_visibility="collapsed",
    )
    view = edited if which == "edited" else clean
    st.plotly_chart(
        figures.pattern_heatmap(view.pattern, f"Attention of {view.head}, {which} run"),
        key="pattern figure",
        config=BARE,
    )
    st.caption("Rows are queries, columns are keys; each row sums to 1. A dark first column is attention to BOS.")
