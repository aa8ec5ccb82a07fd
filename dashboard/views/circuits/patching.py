"""Which activations carry the prediction?"""

import pandas as pd
import streamlit as st

from core.analyses.patching import PLACES
from core.answers import patching as answers
from core.answers.patching import Patched
from core.answers.subjects import two_masks
from core.figures import patching as figures
from core.figures.style import layer_labels
from core.interventions import HeadSite, NamedScope, StreamSite
from dashboard.controls import bound
from dashboard.controls.heads import choose_main_head, internal_residue, warn_of_unknown
from dashboard.controls.protein_sets import ProteinSet, ask_of, choose_set, judging
from dashboard.page_parts import beside_paper, draw, introduce
from dashboard.question import Question
from dashboard.script import Call, Expression, Shown

TITLE, PATH = "Patching", "patching"

STREAM: dict[StreamSite, str] = {
    "resid_pre": "Residual stream before each layer",
    "resid_mid": "Residual stream between attention and MLP",
    "resid_post": "Residual stream after each layer",
    "attn_out": "Output of each attention module",
    "mlp_out": "Output of each MLP",
}
HEADS: dict[HeadSite, str] = {
    "z": "Each head's z",
    "q": "Each head's q before RoPE",
    "q_rot": "Each head's q after RoPE",
    "k": "Each head's k before RoPE",
    "k_rot": "Each head's k after RoPE",
    "v": "Each head's v",
}
WHERE: dict[NamedScope, str] = {"mask": "The mask", "bos": "BOS", "bos+mask": "BOS and the mask", "all": "All"}
AROUND, RESIDUES = "Around the mask", "The mask, BOS, every residue"
PLACES_LINE = (
    " Numbers are residues from the internal mask, each column a mean over the sequences that have it. A patch takes "
    "what the clean run has at the same position; “mask to mask” carries its mask onto the internal one."
)


def page(question: Question) -> None:
    target, residue = question.letter, question.residue + 1
    introduce(
        "Which activations carry the prediction?",
        "What one part of the model computes in one run is put into another run: does the prediction come along? "
        f"One activation after another is taken from the run with residue {residue} masked (clean) and put into the "
        f"run with an internal residue masked (corrupted), where {target} is not expected.",
        "Shown is the rescue: the share of the gap between the two runs that the patch brings back.",
        "0% leaves the corrupted run as it was, 100% brings all of the clean gap back, more overshoots. The mask is "
        "patched from one run's mask to the other's; every other position, and all together, from the same position.",
    )
    proteins = judging(question, choose_set(question))
    warn_of_unknown(question.model, "main")
    columns = st.columns([3, 2, 2])
    site = bound.select("Patched", STREAM | HEADS, "site", columns[0])
    with columns[2]:
        inside = internal_residue()
    with st.container(border=True):
        if site in HEADS:
            where = bound.select("At", WHERE, "at", columns[1])
            _heads(question, proteins, site, where, inside)
        elif site in STREAM:
            places = [AROUND, RESIDUES] if proteins.is_one else [AROUND]
            chosen = bound.select("At", places, "places", columns[1])
            _stream(question, proteins, site, chosen == RESIDUES, inside)
    with st.container(border=True):
        _beside(question, proteins, inside)


def _ask(question: Question, proteins: ProteinSet, answer, n_forwards: int, inside: int, **settings) -> Patched | None:
    compared = two_masks(proteins.sequences, question.target, inside)
    settings = {"target": question.target, "subjects": compared, **settings}
    return ask_of(question, proteins, answer, n_forwards=n_forwards, label="Patching", **settings)


def _heads(question: Question, proteins: ProteinSet, site: HeadSite, where: NamedScope, inside: int) -> None:
    n_forwards = question.model.shape.n_layers * question.model.shape.n_heads
    shown = Shown("found.mean", Call(figures.rescue_by_head, (Expression("found.grid('layer', 'head').to_numpy()"),)))
    settings = {"sites": ((site, where),), "shown": shown}
    found = _ask(question, proteins, answers.patched_heads, n_forwards, inside, **settings)
    if found is None:
        return
    st.markdown(f"**{HEADS[site]}, at {WHERE[where][0].lower() + WHERE[where][1:] if where != 'bos' else 'BOS'}**")
    rescue = found.grid("layer", "head").to_numpy()
    table = pd.DataFrame(found.mean[["layer", "head", "gap", "rescue"]])
    draw(
        figures.rescue_by_head(rescue),
        _runs_line(question, found, inside),
        "heads",
        table.assign(layer=table["layer"] + 1, head=table["head"] + 1),
    )


def _stream(question: Question, proteins: ProteinSet, site: StreamSite, by_residue: bool, inside: int) -> None:
    sequence = question.protein.sequence
    answer = answers.patched_residues if by_residue else answers.patched_stream
    n_forwards = question.model.shape.n_layers * (len(sequence) if by_residue else len(PLACES))
    grid = "found.grid('layer', 'place')" + ("" if by_residue else f".reindex(columns={list(PLACES)})")
    parts = (Expression(f"{grid}.to_numpy()"), Expression(f"list({grid}.columns)"))
    shown = Shown("found.mean", Call(figures.rescue_by_place, parts, {"x": "Position patched"}))
    found = _ask(question, proteins, answer, n_forwards, inside, site=site, shown=shown)
    if found is None:
        return
    grid = found.grid("layer", "place")
    if by_residue:
        grid.columns = [question.numbering.name(int(name)) if name.isdigit() else name for name in grid.columns]
    else:
        grid = grid.reindex(columns=list(PLACES))
    st.markdown(f"**{STREAM[site]}**")
    draw(
        figures.rescue_by_place(grid.to_numpy(), list(grid.columns), x="Position patched"),
        _runs_line(question, found, inside) + ("" if by_residue else PLACES_LINE),
        "stream",
        grid.assign(layer=layer_labels(len(grid))),
    )


def _runs_line(question: Question, found: Patched, inside: int) -> str:
    means = f", means over {found.n_masks} sequences" if found.n_masks > 1 else ""
    return (
        f"{question.letter} gap {found.ends.clean:+.2f} with residue {question.residue + 1} masked (100%), "
        f"{found.ends.internal:+.2f} with residue {inside + 1} masked (0%){means}."
    )


def _beside(question: Question, proteins: ProteinSet, inside: int) -> None:
    """The paper's findings measured here, from patches before the last layer and in the main head."""
    head, shape = choose_main_head(question), question.model.shape
    again = {"list_left_out": False}  # they are listed above
    stream = _ask(question, proteins, answers.patched_stream, shape.n_layers * len(PLACES), inside, **again)
    sites: answers.Sites = (("q", "mask"),)
    n_forwards = len(sites) * shape.n_layers * shape.n_heads
    queries = _ask(question, proteins, answers.patched_heads, n_forwards, inside, sites=sites, **again)
    if stream is not None and queries is not None:
        beside_paper(question, answers.beside_paper(stream, queries, head))
