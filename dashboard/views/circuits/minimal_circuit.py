"""What is the least that the prediction needs?"""

import pandas as pd
import streamlit as st

from core.answers.intervals import HOW_INTERVALS_ARE_MADE
from core.answers.minimal_circuit import MinimalCircuits, Search, minimal_circuits
from core.answers.random_circuits import DRAWS, HOW_CIRCUITS_ARE_DRAWN, beside_random
from core.components import Circuit, components, modules
from core.figures import circuits as figures
from core.interventions import NamedScope, component_name
from dashboard.controls import bound
from dashboard.controls.circuit import name_and_save
from dashboard.controls.protein_sets import ProteinSet, ask_of, choose_set
from dashboard.page_parts import beside_paper, download, draw, introduce, link_to
from dashboard.question import Question
from dashboard.script import Call, Expression, Shown
from dashboard.views.circuits import sufficiency

TITLE, PATH = "Minimal circuit", "circuit"

SEARCHES: dict[Search, str] = {"modules": "Attention modules and MLPs", "heads": "Heads of the attention needed"}
SWITCHED_OFF: dict[NamedScope, str] = {"all": "At every position", "mask": "At the mask alone"}
MOST_SHOWN = 40


def page(question: Question) -> None:
    target = question.letter
    introduce(
        "What is the least that the prediction needs?",
        "How few of its parts can the model predict this residue with? The component whose loss costs the target's "
        "logit least is switched off for good, again "
        f"and again, until {target} no longer ranks first.",
        "Shown are the order in which components went, what was left, and over a set how often each one was needed. "
        "Heads are searched inside the attention modules that the search among modules needed, all else still off.",
        "What remains when the gap falls below zero, with the last one removed, is a minimal circuit. When components "
        "are off at the mask alone, the whole model still processes BOS and all other residues. Off means zeroed: a "
        "search that replaced parts by their means might find others.",
    )
    proteins = choose_set(question)
    columns = st.columns(2)
    search = bound.select("Search among", SEARCHES, "among", columns[0])
    scope = bound.select("Switched off", SWITCHED_OFF, "where", columns[1])
    shape = question.model.shape
    candidates = len(modules(shape)) if search == "modules" else len(components(shape)) / 2
    settings = {"target": question.target, "search": search, "scope": scope}
    n_forwards = candidates * (candidates + 1) / 2
    settings["shown"] = _shown(proteins, target)
    found = ask_of(question, proteins, minimal_circuits, n_forwards=n_forwards, label="Searching", **settings)
    if found is None:
        return
    with st.container(border=True):
        if found.n_sequences == 1:
            _path(found, target)
        else:
            _frequencies(found)
    if found.circuit:
        with st.container(border=True):
            _beside_random(question, proteins, found)
    circuit = found.commonest[0]
    with st.container(border=True):
        name_column, save, test = st.columns([5, 2, 3], vertical_alignment="bottom")
        named = Circuit.of("minimal circuit", question.model.name, circuit)
        link = {"kept": list(named.components), "name": name_and_save(name_column, save, named, "called")}
        link_to(sufficiency, "Is it enough?", link, test)
    beside = found.beside_paper()
    if beside:
        beside_paper(question, beside)


def _shown(proteins: ProteinSet, target: str) -> Shown:
    if not proteins.is_one:
        most = Expression(f"dict(list(found.necessity.items())[:{MOST_SHOWN}])")
        return Shown("found.necessity_of_all", Call(figures.necessity, (most,)))
    path = f"found.path({next(iter(proteins.sequences))!r})"
    parts = (Expression(f"{path}.{part}") for part in ("component.tolist()", "gap.to_numpy()", "logit.to_numpy()"))
    return Shown(path, Call(figures.search_path, (*parts, target)))


def _path(found: MinimalCircuits, target: str) -> None:
    st.markdown(f"**Needed: {', '.join(map(component_name, found.commonest[0]))}**")
    path = found.path(found.table.subject.iloc[0])
    draw(
        figures.search_path(path.component.tolist(), path.gap.to_numpy(), path.logit.to_numpy(), target),
        f"From left to right ever more is off, until the gap is below zero. It may rise on the way: "
        f"some components speak against {target}.",
        "path",
        path.rename(columns={"component": "ablated"}),
    )


def _beside_random(question: Question, proteins: ProteinSet, found: MinimalCircuits) -> None:
    """Says what the circuit does alone, in the sequences that judge it, and what random ones do."""
    st.markdown("**Is it more than luck?**")
    asked = {"target": question.target, "circuit": found.circuit, "scope": found.scope, "list_left_out": False}
    judging = {"subjects": found.split.judging, "n_forwards": 1 + DRAWS, "label": "Drawing circuits"}
    alone = ask_of(question, proteins, beside_random, **judging, **asked)
    if alone is None:
        return
    st.markdown(f"{alone.in_words}.")
    st.caption(f"What most sequences need, {found.split}. {HOW_CIRCUITS_ARE_DRAWN} {HOW_INTERVALS_ARE_MADE}")
    download(pd.DataFrame([alone.row]), "minimal-circuit-beside-random")


def _frequencies(found: MinimalCircuits) -> None:
    which = "Commonest" if found.search == "modules" else "Needed by most"
    st.markdown(f"**{which}: {found.in_words}** ({found.split})")
    draw(
        figures.necessity(dict(list(found.necessity.items())[:MOST_SHOWN])),
        f"In which share of {found.n_sequences} sequences the search could not spare a component, most needed first; "
        f"{found.needed.groupby('subject').size().mean():.1f} are needed on average.",
        "necessity",
        found.necessity_of_all,
    )
