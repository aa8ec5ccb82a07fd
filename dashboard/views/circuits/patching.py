"""Which activations carry the prediction?"""

import numpy as np
import pandas as pd
import streamlit as st

from core import paper_comparison
from core.analyses.patching import PLACES, Patching, patch_around, patch_heads, patch_stream
from core.figures import patching as figures
from core.figures.style import layer_labels
from core.interventions import HeadSite, NamedScope, Scope, StreamSite
from core.proteins.protein import residue_name
from dashboard.controls.heads import choose_main_head, internal_residue, runs, warn_of_unknown
from dashboard.controls.protein_sets import Measured, ProteinSet, choose_set, measured
from dashboard.engine import Progress
from dashboard.page_parts import beside_paper, download, draw, introduce
from dashboard.question import Question

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
    target, residue = question.target, question.residue + 1
    introduce(
        "Which activations carry the prediction?",
        f"One activation after another is taken from the run with residue {residue} masked (clean) and put into the "
        f"run with an internal residue masked (corrupted), where {target} is not expected.",
        "Shown is the rescue: the share of the gap between the two runs that the patch brings back.",
        "0% leaves the corrupted run as it was, 100% brings all of the clean gap back, more overshoots. The mask is "
        "patched from one run's mask to the other's; every other position, and all together, from the same position.",
    )
    proteins = choose_set(question)
    warn_of_unknown(question.model, "main")
    columns = st.columns([3, 2, 2])
    sites = STREAM | HEADS
    site = columns[0].selectbox("Patched", sites, format_func=sites.__getitem__, key="site", bind="query-params")
    with columns[2]:
        inside = internal_residue()
    with st.container(border=True):
        if site in HEADS:
            where = columns[1].selectbox("At", WHERE, format_func=WHERE.__getitem__, key="at", bind="query-params")
            _heads(question, proteins, site, where, inside)
        elif site in STREAM:
            places = [AROUND, RESIDUES] if proteins.is_one else [AROUND]
            chosen = columns[1].selectbox("At", places, key="places", bind="query-params")
            _stream(question, proteins, site, chosen == RESIDUES, inside)
    with st.container(border=True):
        _beside(question, proteins, inside)


def _heads(question: Question, proteins: ProteinSet, site: HeadSite, where: NamedScope, inside: int) -> None:
    found = _patched_heads(question, proteins, site, where, inside)
    if found is None:
        return
    st.markdown(f"**{HEADS[site]}, at {WHERE[where][0].lower() + WHERE[where][1:] if where != 'bos' else 'BOS'}**")
    draw(
        figures.rescue_by_head(found.rescue),
        _runs_line(question, found, inside, len(proteins.sequences)),
        "heads",
    )
    layers, heads = np.indices(found.gap.shape)
    table = pd.DataFrame({"layer": layers.ravel() + 1, "head": heads.ravel() + 1})
    download(table.assign(gap=found.gap.ravel(), rescue=found.rescue.ravel()), f"patching-{site}-{where}")


def _stream(question: Question, proteins: ProteinSet, site: StreamSite, by_residue: bool, inside: int) -> None:
    found = _patched_stream(question, proteins, site, by_residue, inside)
    if found is None:
        return
    sequence = question.protein.sequence
    residues = [residue_name(sequence, index) for index in range(len(sequence))]
    names = ["mask to mask", "BOS", *residues] if by_residue else list(PLACES)
    st.markdown(f"**{STREAM[site]}**")
    draw(
        figures.rescue_by_place(found.rescue, names, x="Position patched"),
        _runs_line(question, found, inside, len(proteins.sequences)) + ("" if by_residue else PLACES_LINE),
        "stream",
    )
    table = pd.DataFrame(found.rescue, columns=names).assign(layer=layer_labels(len(found.rescue)))
    download(table, f"patching-{site}")


def _patched_heads(
    question: Question, proteins: ProteinSet, site: HeadSite, where: NamedScope, inside: int, again: bool = False
) -> Patching | None:
    """The mean over the set; `again` when the sequences left out are already listed on this page."""

    def work(sequence: str, progress: Progress) -> Patching:
        return patch_heads(
            question.model,
            *runs(question, sequence, inside),
            site,
            scope=where,
            target=question.target,
            progress=progress.report,
            cancel=progress.cancel,
        )

    shape = question.model.shape
    n_forwards = shape.n_layers * shape.n_heads
    key = ("patch heads", site, where, inside)
    settings = {"n_forwards": n_forwards, "label": "Patching", "list_left_out": not again}
    return _mean(measured(question, proteins, key, work, **settings))


def _patched_stream(
    question: Question, proteins: ProteinSet, site: StreamSite, by_residue: bool, inside: int, again: bool = False
) -> Patching | None:
    """The mean over the set; `again` when the sequences left out are already listed on this page."""

    def work(sequence: str, progress: Progress) -> Patching:
        both = runs(question, sequence, inside)
        heard = {"target": question.target, "progress": progress.report, "cancel": progress.cancel}
        if not by_residue:
            return patch_around(question.model, *both, site, **heard)
        scopes: list[Scope] = ["mask", "bos", *((index,) for index in range(len(sequence)))]
        return patch_stream(question.model, *both, site, scopes=scopes, **heard)

    n_forwards = question.model.shape.n_layers * (len(question.protein.sequence) if by_residue else len(PLACES))
    key = ("patch stream", site, by_residue, inside)
    settings = {"n_forwards": n_forwards, "label": "Patching", "list_left_out": not again}
    return _mean(measured(question, proteins, key, work, **settings))


def _mean(found: Measured[Patching] | None) -> Patching | None:
    return found and Patching.mean(found.all)


def _runs_line(question: Question, found: Patching, inside: int, n_proteins: int) -> str:
    means = f", means over {n_proteins} sequences" if n_proteins > 1 else ""
    return (
        f"{question.target} gap {found.clean:+.2f} with residue {question.residue + 1} masked (100%), "
        f"{found.corrupted:+.2f} with residue {inside + 1} masked (0%){means}."
    )


def _beside(question: Question, proteins: ProteinSet, inside: int) -> None:
    """The paper's findings measured here, from patches before the last layer and in the main head."""
    head = choose_main_head(question)
    stream = _patched_stream(question, proteins, "resid_pre", False, inside, again=True)
    contents = _patched_heads(question, proteins, "q", "mask", inside, again=True)
    queries = _patched_heads(question, proteins, "q_rot", "mask", inside, again=True)
    if stream is None or contents is None or queries is None:
        return
    before_last = dict(zip(PLACES, stream.rescue[-1], strict=True))
    content, query = contents.rescue[head.layer, head.index], queries.rescue[head.layer, head.index]
    rate = queries.rate[head.layer, head.index]
    found = map(float, (before_last["BOS"], before_last["mask to mask"], content, rate, query))
    beside_paper(question.model, paper_comparison.patching(head, *found))
