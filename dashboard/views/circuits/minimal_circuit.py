"""What is the least that the prediction needs?"""

from collections import Counter

import numpy as np
import pandas as pd
import streamlit as st

from core.alphabet import tokenize
from core.analyses.minimal_circuits import MinimalCircuit, minimal_circuit
from core.components import Circuit, heads_in, modules
from core.figures import circuits as figures
from core.interventions import Component, NamedScope, component_name
from core.paper_values import MINIMAL_CIRCUIT
from dashboard.controls.heads import name_and_save
from dashboard.controls.protein_sets import choose_set, measured
from dashboard.engine import Progress
from dashboard.page_parts import beside_paper, download, draw, introduce, link_to
from dashboard.question import Question
from dashboard.views.circuits import sufficiency

TITLE, PATH = "Minimal circuit", "circuit"

SCOPES: dict[NamedScope, str] = {"all": "At every position", "mask": "At the mask alone"}
AMONG = {"modules": "Attention modules and MLPs", "heads": "Single heads and MLPs"}


def page(question: Question) -> None:
    target = question.target
    introduce(
        "What is the least that the prediction needs?",
        "From the whole model, the component whose loss costs the target's logit least is switched off for good, again "
        f"and again, until {target} no longer ranks first.",
        "Shown are the order in which components went, what was left, and over a set how often each one was needed.",
        "What remains when the gap falls below zero, with the last one removed, is a minimal circuit. When components "
        "are off at the mask alone, the whole model still processes BOS and all other residues.",
    )
    proteins = choose_set(question)
    columns = st.columns(2)
    among = columns[0].selectbox("Search among", AMONG, format_func=AMONG.__getitem__, key="among", bind="query-params")
    scope = columns[1].selectbox(
        "Switched off", SCOPES, format_func=SCOPES.__getitem__, key="where", bind="query-params"
    )
    shape = question.model.shape
    candidates = modules(shape) if among == "modules" else heads_in(shape, modules(shape))

    def work(sequence: str, progress: Progress) -> MinimalCircuit:
        return minimal_circuit(
            question.model,
            tokenize(sequence, [question.residue]),
            candidates,
            scope=scope,
            target=target,
            progress=progress.report,
            cancel=progress.cancel,
        )

    n_forwards = len(candidates) * (len(candidates) + 1) / 2
    found = measured(question, proteins, ("circuit", among, scope), work, n_forwards=n_forwards, label="Searching")
    if found is None:
        return
    if len(found.results) == 1:
        circuit = found.first.needed
        with st.container(border=True):
            _path(found.first, circuit, target)
    else:
        with st.container(border=True):
            circuit = _frequencies(found.all, candidates)
    with st.container(border=True):
        _keep(question, circuit)
    paper = MINIMAL_CIRCUIT.get((among, scope))
    if paper:
        beside_paper(question.model, [(paper, ", ".join(map(component_name, circuit)))])


def _path(found: MinimalCircuit, circuit: tuple[Component, ...], target: str) -> None:
    st.markdown(f"**Needed: {', '.join(map(component_name, circuit))}**")
    draw(
        figures.search_path(found, target),
        f"From left to right ever more is off, until the gap is below zero. It may rise on the way: "
        f"some components speak against {target}.",
        "path",
    )
    names = [component_name(component) for component in found.removed]
    download(pd.DataFrame({"ablated": names, "gap": found.gaps, "logit": found.logits}), "minimal-circuit")


def _frequencies(found: list[MinimalCircuit], candidates: list[Component]) -> tuple[Component, ...]:
    """Draws how often each component was needed and returns the commonest minimal circuit."""
    sets = Counter(circuit.needed for circuit in found)
    commonest, times = sets.most_common(1)[0]
    counts = Counter(component for circuit in found for component in circuit.needed)
    ranked = sorted(candidates, key=lambda component: -counts[component])[:40]
    frequency = {component_name(component): counts[component] / len(found) for component in ranked}
    st.markdown(f"**Commonest: {', '.join(map(component_name, commonest))}** ({times} of {len(found)} sequences)")
    draw(
        figures.necessity(frequency),
        f"In which share of {len(found)} sequences the search could not spare a component, most needed first; "
        f"{np.mean([len(circuit.needed) for circuit in found]):.1f} are needed on average.",
        "necessity",
    )
    table = pd.DataFrame({"component": map(component_name, candidates)})
    download(
        table.assign(share=[counts[component] / len(found) for component in candidates]), "minimal-circuit-necessity"
    )
    return commonest


def _keep(question: Question, circuit: tuple[Component, ...]) -> None:
    name_column, save, test = st.columns([5, 2, 3], vertical_alignment="bottom")
    named = Circuit.of("minimal circuit", question.model.name, circuit)
    link = {"kept": list(named.components), "name": name_and_save(name_column, save, named, "called")}
    link_to(sufficiency, "Is it enough?", link, test)
