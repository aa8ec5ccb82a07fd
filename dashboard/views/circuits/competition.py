"""What outvotes the prediction?"""

from collections.abc import Callable
from functools import partial
from typing import Final

import pandas as pd
import streamlit as st

from core import paper_comparison
from core.alphabet import AMINO_ACIDS
from core.analyses.competition import MASKS, destruction, elongation
from core.figures import competition as figures
from dashboard import engine
from dashboard.long_work import on_request, seconds
from dashboard.page_parts import beside_paper, download, draw, introduce
from dashboard.question import Question

TITLE, PATH = "Competition", "competition"

LONGEST: Final = 40
ORDERS: Final = 50
REPEAT: Final = 20
HELD: Final = 0.88
"""Token dropout's scale where nothing is masked."""
SHORTEST: Final = 64
"""A short sequence by itself takes as long as this many residues in a batch: reading the weights is what counts."""


def page(question: Question) -> None:
    target = question.target
    introduce(
        "What outvotes the prediction?",
        f"A masked first residue stands before a repeat of one amino acid. Does the repeat lower {target}'s logit, or "
        "does its own logit grow past it?",
        f"Elongation lengthens the repeat; destruction masks ever more of a repeat of {REPEAT}, in {ORDERS} random "
        "orders. Below each figure is token dropout's scale, which multiplies all embeddings and depends on how many "
        "residues are masked: it changes in both experiments.",
        f"Where the lines cross, the prediction flips. A flat {target} line under a rising one is competition. Dotted "
        "lines hold the scale still: what remains is not the scale's doing. This page uses the sidebar's model and "
        "target; its protein plays no part.",
    )
    columns = st.columns([1, 1, 2], vertical_alignment="bottom")
    letter = columns[0].selectbox(
        "Repeat of", [each for each in sorted(AMINO_ACIDS) if each != target], key="repeat", bind="query-params"
    )
    longest = columns[1].slider("Longest repeat", 5, LONGEST, 20, key="longest", bind="query-params")
    held = columns[2].toggle(f"Also with the scale held at {HELD}", value=True, key="held", bind="query-params")
    with st.container(border=True):
        grown = _elongation(question, letter, longest, held)
    with st.container(border=True):
        broken = _destruction(question, letter, held)
    if grown is not None and broken is not None:
        beside_paper(question.model, paper_comparison.competition(grown, broken, letter))


def _elongation(question: Question, letter: str, longest: int, held: bool) -> pd.DataFrame | None:
    st.markdown("**Elongation: ever more residues behind the mask**")
    model, target, lengths = question.model, question.target, range(1, longest + 1)
    both = _free_and_held(
        ("elongation", model.fingerprint, target, letter, longest),
        partial(elongation, model, letter, lengths, target=target),
        seconds(model, 1, sum(max(SHORTEST, length + 3) for length in lengths)),
        f"Grow the repeat to {longest} residues",
    )
    if both is None:
        return None
    free, fixed = both
    at = paper_comparison.crossed(free.length.to_numpy(), free.gap.to_numpy(), f"residues of {letter}")
    shown = figures.competing_logits(
        free,
        "length",
        target=question.target,
        letter=letter,
        x_title=f"Residues of {letter} behind the mask",
        held=fixed if held else None,
    )
    draw(shown, f"The strongest amino acid changes {at}.", "elongation")
    download(pd.concat([free.assign(held=False), fixed.assign(held=True)]), "elongation")
    return free


def _destruction(question: Question, letter: str, held: bool) -> pd.DataFrame | None:
    st.markdown(f"**Destruction: ever more masks in a repeat of {REPEAT}**")
    model, target = question.model, question.target
    seed = int(st.number_input("Seed of the orders", 0, 9999, 0, key="seed", bind="query-params", width=200))
    both = _free_and_held(
        ("destruction", model.fingerprint, target, letter, seed),
        partial(destruction, model, letter, MASKS, length=REPEAT, orders=ORDERS, seed=seed, target=target),
        seconds(model, len(MASKS) * ORDERS, REPEAT + 2),
        f"Mask the repeat in {ORDERS} orders",
    )
    if both is None:
        return None
    free, fixed = both
    mean = free.groupby("masks").gap.mean()
    at = paper_comparison.crossed(mean.index.to_numpy(), mean.to_numpy(), "masks")
    shown = figures.competing_logits(
        free, "masks", target=target, letter=letter, x_title="Masked residues", held=fixed if held else None
    )
    draw(
        shown,
        f"Means over {ORDERS} random orders, bands one standard deviation. The mean gap changes sign {at}.",
        "destruction",
    )
    download(pd.concat([free.assign(held=False), fixed.assign(held=True)]), "destruction")
    return free


def _free_and_held(
    key: tuple, experiment: Callable[..., pd.DataFrame], about: float, what: str
) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """The experiment with token dropout's own scale and with a held one, each of `about` so many seconds; None until
    the person asks for what takes long."""

    def table(scale: float | None, label: str) -> pd.DataFrame:
        return engine.computed(
            (*key, scale),
            lambda progress: experiment(fixed_scale=scale, progress=progress.report, cancel=progress.cancel),
            label,
        )

    with on_request(key, 2 * about, what) as go:
        return (table(None, what), table(HELD, f"{what}, scale held")) if go else None
