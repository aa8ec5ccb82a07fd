"""Which components a circuit has: chosen, named, saved and loaded."""

import msgspec
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.answers.minimal_circuit import minimal_circuits
from core.components import (
    Circuit,
    circuit_from_json,
    circuit_to_json,
    component_names,
    components,
    modules,
)
from core.errors import InputError
from core.interventions import Component, component_name, parse_component
from dashboard.controls import bound
from dashboard.question import Question
from dashboard.survey import quickly


def choose_circuit(question: Question) -> tuple[Component, ...]:
    """Draws the choice of components, and the way to save, name and load them; raises `InputError` for a bad file."""
    shape, loaded = question.model.shape, st.session_state.pop("loaded circuit", None)
    if loaded is not None:
        circuit = circuit_from_json(loaded)
        lacking = [member for member in circuit.members if member not in components(shape)]
        if lacking:
            raise InputError(f"this model has no {component_name(lacking[0])}: the circuit is one of {circuit.model}")
        st.session_state["kept"] = list(circuit.components)
        st.session_state["name"] = circuit.name
    names = component_names(shape)
    kept = bound.several(
        "Kept",
        names,
        "kept",
        default=[component_name(component) for component in _preset(question)],
        help="Preset to the minimal circuit of this protein: modules, everything else switched off everywhere.",
    )
    name_column, save, load = st.columns([2, 1, 3], vertical_alignment="bottom")
    chosen = tuple(sorted(map(parse_component, kept), key=lambda component: names.index(component_name(component))))
    name_and_save(name_column, save, Circuit.of("minimal circuit", question.model.name, chosen), "name")
    load.file_uploader("Load a saved circuit", type="json", key="circuit file", on_change=_take_file)
    return chosen


def name_and_save(name_in: DeltaGenerator, save_in: DeltaGenerator, circuit: Circuit, key: str) -> str:
    """Draws a circuit's name, which the person may change, and the button that saves it; the name."""
    name = bound.text("Name of this circuit", key, name_in, value=circuit.name)
    save_in.download_button(
        "Save",
        circuit_to_json(msgspec.structs.replace(circuit, name=name)),
        "circuit.json",
        "application/json",
        icon=":material/download:",
        on_click="ignore",
        width="stretch",
    )
    return name


def _take_file() -> None:
    """Notes an uploaded circuit, for the page to take over before it draws its widgets."""
    file = st.session_state["circuit file"]
    if file is not None:
        st.session_state["loaded circuit"] = file.getvalue()


def _preset(question: Question) -> tuple[Component, ...]:
    """The protein's minimal circuit of modules, or every module where that takes long or there is none."""
    everything = modules(question.model.shape)
    settings = {"target": question.target, "search": "modules", "scope": "all"}
    n_forwards = len(everything) * (len(everything) + 1) / 2
    found = quickly(question, minimal_circuits, question.alone, n_forwards=n_forwards, **settings)
    return tuple(everything) if found is None else found.commonest[0]
