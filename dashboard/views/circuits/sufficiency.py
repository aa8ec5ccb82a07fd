"""Is a circuit enough, and where must it work?"""

import streamlit as st

from core.answers import sufficiency as answers
from core.answers.composition import Composition, composition
from core.answers.subjects import INTERNAL_MASKS
from core.components import head_names
from core.errors import InputError
from core.figures import circuits as figures
from core.interventions import Component, Head
from dashboard.controls import bound
from dashboard.controls.circuit import choose_circuit
from dashboard.controls.heads import costliest_heads, warn_of_unknown
from dashboard.controls.protein_sets import ProteinSet, ask_of, choose_set, judging
from dashboard.page_parts import beside_paper, draw, introduce
from dashboard.question import Question, stop_with
from dashboard.script import Call, Expression, Shown
from dashboard.session import plain

TITLE, PATH = "Sufficiency", "sufficiency"


def page(question: Question) -> None:
    target = question.letter
    introduce(
        "Is a circuit enough, and where must it work?",
        f"Everything but the chosen components is switched off: is {target} still predicted at residue "
        f"{question.residue + 1}, and is it predicted where it should not be?",
        "Shown are the gap with the circuit's parts kept at some positions only, the gap with residues all along the "
        "sequence masked in turn, and two heads alone, added and together.",
        f"Above zero {target} ranks first. A circuit that predicts {target} inside, where the whole model does not, is "
        "held back by what is off. Zeroing so much is far from anything that the model was trained on: so the rest is "
        "also set to its mean over positions, and resampled from a shuffle of the same protein.",
    )
    proteins = judging(question, choose_set(question))
    warn_of_unknown(question.model, "kept", "first", "second")
    try:
        kept = choose_circuit(question)
    except InputError as error:
        stop_with(error)
    n_forwards = 17 + 5 * (1 + INTERNAL_MASKS)
    settings = {"target": question.target, "circuit": kept}
    settings["shown"] = Shown("found.scopes", Call(figures.token_scopes, (Expression("found.scopes"), target)))
    found = ask_of(question, proteins, answers.sufficiency, n_forwards=n_forwards, label="Testing", **settings)
    if found is None:
        return
    left, right = st.columns(2)
    with left.container(border=True, height="stretch"):
        _scopes(found, target)
    with right.container(border=True, height="stretch"):
        _elsewhere(question, proteins, found, kept)
    with st.container(border=True):
        pair = _pair(question, proteins)
    if pair is not None:
        beside_paper(question, [*found.beside_paper(), *pair.beside_paper()])


def _scopes(found: answers.Sufficiency, target: str) -> None:
    st.markdown("**Where must the circuit's parts work?**")
    draw(
        figures.token_scopes(found.scopes, target),
        f"Everything outside the circuit is off everywhere, and its own attention and MLPs work at these positions "
        f"only; means of {found.scopes.n.iloc[0]}. Kept everywhere: {found.strength}."
        + ("" if found.has_mlps else " The circuit has no MLPs: columns are alike."),
        "token scopes",
        found.scopes,
    )


def _elsewhere(
    question: Question, proteins: ProteinSet, found: answers.Sufficiency, kept: tuple[Component, ...]
) -> None:
    st.markdown("**Does it keep silent elsewhere?**")
    told = "; ".join(f"{name} {found.counts[name, 'inside']}" for name in answers.CONDITIONS)
    said = (
        f"Masked at {INTERNAL_MASKS} residues from residue {answers.INTERNAL + 1} to the end, "
        f"{question.letter} ranks first in: {told}."
    )
    if not proteins.is_one:
        draw(figures.rates(found.rates, question.residue), said, "along", found.over_prediction)
        return
    settings = {"target": question.target, "circuit": kept}
    n_forwards = len(answers.CONDITIONS) * answers.MOST_RESIDUES
    along = ask_of(question, proteins, answers.gaps_along_protein, n_forwards=n_forwards, label="Masking", **settings)
    if along is not None:
        draw(figures.along(along, question.letter), f"Every point is another masked residue. {said}", "along", along)


def _pair(question: Question, proteins: ProteinSet) -> Composition | None:
    """Draws two heads alone, added and together, means over the set."""
    target, heads = question.letter, head_names(question.model.shape)
    st.markdown("**Do two heads need each other?**")
    columns = st.columns([1, 1, 3])
    preset = [heads.index(str(head)) for head in sorted(costliest_heads(question)[:2])]
    first = bound.select("First head", heads, "first", columns[0], index=preset[0])
    second = bound.select("Second head", heads, "second", columns[1], index=preset[1])
    if first == second:
        stop_with(InputError(f"{first} is chosen twice: choose two heads"))
    mlps: list[Component] = [("mlp", layer) for layer in range(question.model.shape.n_layers)]
    beside = tuple(mlps) if bound.toggle("Keep all MLPs", "mlps", columns[2], value=True) else ()
    pair = {"first": Head.parse(first), "second": Head.parse(second), "beside": beside}
    settings = {"target": question.target, "list_left_out": False, **pair}
    found = ask_of(question, proteins, composition, n_forwards=15, label="Running two heads", **settings)
    if found is None:
        return None
    draw(
        figures.pair(found.gaps, first, second, target),
        f"Everything else is zeroed at the mask, means of {found.mean.n.iloc[0]}; preset are the two heads that "
        f"{target} rests on most in {plain(question.protein.name)}. Together above merely added: the second head "
        f"reads what the first writes. Here {found.verdict}.",
        "pair",
        found.table.rename(columns={"subject": "sequence"}),
    )
    return found
