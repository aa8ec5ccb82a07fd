"""Is a circuit enough, and where must it work?"""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
import streamlit as st

from core.alphabet import tokenize
from core.analyses.minimal_circuits import minimal_circuit
from core.analyses.sufficiency import gaps_along, keep_only, token_scopes, without_rope
from core.analyses.super_additivity import SuperAdditivity, super_additivity
from core.components import Circuit, circuit_from_json, component_names, components, head_names, modules
from core.errors import InputError
from core.figures import circuits as figures
from core.interventions import Component, component_name, parse_component
from core.paper_values import COMPOSITION, SUFFICIENCY, PaperValue
from core.tables import means, rows
from dashboard import engine
from dashboard.controls.heads import costliest_heads, name_and_save, warn_of_unknown
from dashboard.controls.protein_sets import Measured, ProteinSet, choose_set, measured
from dashboard.engine import Progress
from dashboard.long_work import UNASKED_SECONDS, seconds
from dashboard.page_parts import beside_paper, download, draw, introduce
from dashboard.question import Question, stop_with
from dashboard.session import plain

TITLE, PATH = "Sufficiency", "sufficiency"

WHOLE, ALONE, UNROTATED = "whole model", "circuit", "circuit without RoPE"
MOST_RESIDUES = 60
"""In a longer protein, this many evenly spaced residues are masked in turn."""


@dataclass(frozen=True, slots=True, eq=False)
class Tested:
    """What one protein says of a circuit."""

    scopes: pd.DataFrame
    along: pd.DataFrame


def page(question: Question) -> None:
    target = question.target
    introduce(
        "Is a circuit enough, and where must it work?",
        f"Everything but the chosen components is switched off: is {target} still predicted at residue "
        f"{question.residue + 1}, and is it predicted where it should not be?",
        "Shown are the gap with the circuit's parts kept at some positions only, the gap with residues all along the "
        "sequence masked in turn, and two heads alone, added and together.",
        f"Above zero {target} ranks first. A circuit that predicts {target} inside, where the whole model does not, is "
        "normally outvoted by the rest of the model.",
    )
    proteins = choose_set(question)
    warn_of_unknown(question.model, "kept", "first", "second")
    try:
        kept = _choose_circuit(question)
    except InputError as error:
        stop_with(error)

    def work(sequence: str, progress: Progress) -> Tested:
        return _test(question, sequence, kept, progress)

    n_forwards = 17 + 3 * MOST_RESIDUES
    found = measured(question, proteins, ("sufficiency", kept), work, n_forwards=n_forwards, label="Testing")
    if found is None:
        return
    left, right = st.columns(2)
    with left.container(border=True, height="stretch"):
        _scopes(found, target)
    with right.container(border=True, height="stretch"):
        rates = _along(found, question)
    with st.container(border=True):
        pair = _pair(question, proteins)
    if pair is None:
        return
    every = pd.concat([each.scopes for each in found.all])
    scopes = means(every.assign(rate=every.gap > 0), ["attention_at", "mlps_at"], ["gap", "rate"])
    beside_paper(question.model, [*_beside(rates, scopes), *pair])


def _choose_circuit(question: Question) -> tuple[Component, ...]:
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
    kept = st.multiselect(
        "Kept",
        names,
        default=[component_name(component) for component in _preset(question)],
        key="kept",
        bind="query-params",
        help="Preset to the minimal circuit of this protein: modules, everything else switched off everywhere.",
    )
    name_column, save, load = st.columns([2, 1, 3], vertical_alignment="bottom")
    chosen = tuple(sorted(map(parse_component, kept), key=lambda component: names.index(component_name(component))))
    name_and_save(name_column, save, Circuit.of("minimal circuit", question.model.name, chosen), "name")
    load.file_uploader("Load a saved circuit", type="json", key="circuit file", on_change=_take_file)
    return chosen


def _take_file() -> None:
    """Notes an uploaded circuit, for the page to take over before it draws its widgets."""
    file = st.session_state["circuit file"]
    if file is not None:
        st.session_state["loaded circuit"] = file.getvalue()


def _preset(question: Question) -> tuple[Component, ...]:
    """The protein's minimal circuit of modules, or every module where that takes long or there is none."""
    everything = modules(question.model.shape)
    n_forwards = len(everything) * (len(everything) + 1) / 2
    if seconds(question.model, n_forwards, len(question.protein.sequence)) > UNASKED_SECONDS:
        return tuple(everything)
    tokens = tokenize(question.protein.sequence, [question.residue])
    try:
        return engine.computed(
            ("preset circuit", *question.key),
            lambda _: minimal_circuit(question.model, tokens, everything, scope="all", target=question.target).needed,
            "Looking for a circuit",
        )
    except InputError:
        return tuple(everything)


def _test(question: Question, sequence: str, kept: tuple[Component, ...], progress: Progress) -> Tested:
    model, target = question.model, question.target
    alone = keep_only(model.shape, kept)
    conditions = {WHOLE: (), ALONE: alone, UNROTATED: alone + without_rope(model.shape, kept)}
    tokens = tokenize(sequence, [question.residue])
    spaced = np.linspace(0, len(sequence) - 1, min(len(sequence), MOST_RESIDUES)).astype(int).tolist()
    residues = sorted({question.residue, *spaced})
    scopes = token_scopes(model, tokens, kept, target=target)
    along = []
    for done, residue in enumerate(residues):
        progress.report(done, len(residues))
        along.append(gaps_along(model, sequence, [residue], conditions, target=target))
    return Tested(scopes, pd.concat(along, ignore_index=True))


def _scopes(found: Measured[Tested], target: str) -> None:
    st.markdown("**Where must the circuit's parts work?**")
    table = means(pd.concat([each.scopes for each in found.all]), ["attention_at", "mlps_at"], ["gap", "logit"])
    draw(
        figures.token_scopes(table, target),
        f"Everything outside the circuit is off everywhere, and its own attention and MLPs work at these positions "
        f"only. The whole model's gap is {table.gap.iloc[0]:+.2f}.",
        "token scopes",
    )
    download(table, "sufficiency-token-scopes")


def _along(found: Measured[Tested], question: Question) -> dict[str, tuple[float, float]]:
    """Draws the gaps along a protein, or the rates over a set; returns (at the residue, inside) by condition."""
    st.markdown("**Does it keep silent elsewhere?**")
    target, residue = question.target, question.residue
    table = pd.concat([each.along.assign(subject=name) for name, each in found.results.items()], ignore_index=True)
    inside = table[table.residue != residue]
    rates = {
        condition: (
            float((rows(table, condition=condition, residue=residue).gap > 0).mean()),
            float((rows(pd.DataFrame(inside), condition=condition).gap > 0).mean()),
        )
        for condition in (WHOLE, ALONE, UNROTATED)
    }
    figure = figures.along(table, target) if len(found.results) == 1 else figures.rates(rates, residue)
    told = "; ".join(f"{name} {elsewhere:.0%}" for name, (_, elsewhere) in rates.items())
    draw(figure, f"Where another residue is masked, {target} ranks first in: {told}.", "along")
    download(table, "sufficiency-along")
    return rates


def _pair(question: Question, proteins: ProteinSet) -> list[tuple[PaperValue, str]] | None:
    """Draws two heads alone, added and together, means over the set; returns the paper's values beside these."""
    shape, target = question.model.shape, question.target
    st.markdown("**Do two heads need each other?**")
    columns = st.columns([1, 1, 3])
    heads = head_names(shape)
    preset = [heads.index(str(head)) for head in sorted(costliest_heads(question)[:2])]
    first = columns[0].selectbox("First head", heads, index=preset[0], key="first", bind="query-params")
    second = columns[1].selectbox("Second head", heads, index=preset[1], key="second", bind="query-params")
    if first == second:
        stop_with(InputError(f"{first} is chosen twice: choose two heads"))
    pair = (parse_component(first), parse_component(second))
    mlps: list[Component] = [("mlp", layer) for layer in range(shape.n_layers)]
    beside = tuple(mlps) if columns[2].toggle("Keep all MLPs", value=True, key="mlps", bind="query-params") else ()

    def work(sequence: str, _: Progress) -> SuperAdditivity:
        tokens = tokenize(sequence, [question.residue])
        return super_additivity(question.model, tokens, *pair, beside=beside, target=target)

    key = ("pair", pair, beside)
    each = measured(question, proteins, key, work, n_forwards=5, label="Running two heads", list_left_out=False)
    if each is None:
        return None
    gaps = pd.DataFrame(map(asdict, each.all))
    mean: dict[str, float] = gaps.mean().to_dict()
    rate = (gaps > 0).mean().to_dict()
    draw(
        figures.pair(SuperAdditivity(**mean), first, second, target),
        f"Everything else is off at the mask; preset are the two heads that {target} rests on most in "
        f"{plain(question.protein.name)}. Together above merely added: the second head reads what the first writes.",
        "pair",
    )
    download(gaps.assign(sequence=list(each.results)), "two-heads")
    ours = (
        f"{first} in {rate['first']:.0%}, {second} in {rate['second']:.0%}",
        f"in {rate['both']:.0%}",
        f"gap {mean['both']:+.2f} together, {mean['added']:+.2f} added",
    )
    return list(zip(COMPOSITION, ours, strict=True))


def _beside(rates: dict[str, tuple[float, float]], scopes: pd.DataFrame) -> list[tuple[PaperValue, str]]:
    at = scopes.set_index(["attention_at", "mlps_at"])
    kept = at.rate.to_dict()
    ours = (
        f"{rates[ALONE][1]:.0%}",
        f"{rates[WHOLE][1]:.0%}",
        f"gap {at.gap['all', 'all']:+.2f}, whole model {scopes.gap.iloc[0]:+.2f}",
        f"{rates[UNROTATED][0]:.0%} at the residue, {rates[UNROTATED][1]:.0%} elsewhere",
        ", ".join(f"{kept['all', place]:.0%}" for place in ("mask", "bos", "bos+mask")) + " (its attention everywhere)",
        f"in {kept['mask', 'bos']:.0%}",
    )
    return list(zip(SUFFICIENCY, ours, strict=True))
