"""Which heads must turn as at the start?"""

import pandas as pd
import streamlit as st

from core.analyses.main_heads import SwapSearch, swap_search
from core.figures import rope as figures
from core.paper_values import SWAP_STEPS
from dashboard.controls.heads import choose_main_head, internal_residue, runs, warn_of_unknown
from dashboard.controls.protein_sets import choose_set, measured_together
from dashboard.engine import Progress
from dashboard.page_parts import download, draw, introduce, link_to
from dashboard.question import Question
from dashboard.views.circuits import bos

TITLE, PATH = "Swapped rotations", "rope-swap"


def page(question: Question) -> None:
    target, residue = question.target, question.residue + 1
    introduce(
        "Which heads must turn as at the start?",
        f"An internal residue is masked, and in the main head the mask's query is rotated as at residue {residue}. "
        f"Which other heads' rotations bring {target} back?",
        "A greedy search adds, step by step, the head that raises the mean gap most, until none does.",
        f"Rescue runs from the internal run (0%) to the run with residue {residue} masked (100%). Heads that help "
        "early carry the position to the main head.",
    )
    proteins = choose_set(question)
    warn_of_unknown(question.model, "swapmain")
    columns = st.columns([1, 1, 2])
    with columns[1]:
        inside = internal_residue("swapinside")
    with columns[0]:
        main = choose_main_head(question, "swapmain")
    steps = columns[2].slider("Steps", 1, 12, 6, key="steps", bind="query-params")

    def work(progress: Progress) -> SwapSearch:
        long_enough = [sequence for sequence in proteins.sequences.values() if len(sequence) > inside]
        return swap_search(
            question.model,
            [runs(question, sequence, inside) for sequence in long_enough or proteins.sequences.values()],
            main,
            steps=steps,
            residue=question.residue,
            target=target,
            progress=progress.report,
            cancel=progress.cancel,
        )

    shape = question.model.shape
    n_forwards = steps * shape.n_layers * shape.n_heads
    key = ("swap search", main, inside, steps)
    found = measured_together(question, proteins, key, work, n_forwards=n_forwards, label="Swapping rotations")
    if found is None:
        return
    names = [str(head) for head in (main, *found.heads)]
    with st.container(border=True):
        st.markdown(f"**{', '.join(map(str, found.heads)) or 'No head'} beside {main}**")
        draw(
            figures.swap_steps(names, found.rate, found.rescue),
            f"Over {len(found.clean)} sequence{'s' if len(found.clean) > 1 else ''}: step 0 swaps {main} alone, each "
            f"later step one more head. Sequences without residue {inside + 1} are left out.",
            "steps",
        )
        table = pd.DataFrame({"head": names, "rate": 100 * found.rate, "rescue": found.rescue})
        download(table, "rope-swap")
        if found.heads:
            link = {"main": str(main), "keys": names[1:], "inside": str(inside + 1)}
            link_to(bos, "Knock out what these heads read from BOS", link)
    _beside(table, question)


def _beside(table: pd.DataFrame, question: Question) -> None:
    """The paper's steps and ours, side by side: heads of another model have other names."""
    model = question.model
    here = "the embedded teaching model" if model.teaching else model.name
    st.markdown(f"**Beside the paper** (Extended Data Table 2, ESM-2 8M; here is {here})")
    paper = pd.DataFrame(SWAP_STEPS, columns=["Head (paper)", "M-rate, % (paper)", "Rescue, % (paper)"])
    ours = table.iloc[1:].reset_index(drop=True)
    ours.columns = ["Head (here)", "Target first, % (here)", "Rescue, % (here)"]
    joined = pd.concat([paper, ours], axis=1).head(max(len(ours), 6))
    joined.insert(0, "Step", range(1, len(joined) + 1))
    st.dataframe(joined.style.format(precision=1, na_rep="–"), hide_index=True)
