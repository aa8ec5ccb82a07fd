"""Which heads must turn as at the start?"""

import pandas as pd
import streamlit as st

from core.answers.rope_swap import STEPS, SwapPath, swap_path
from core.answers.words import counted
from core.figures import rope as figures
from core.paper_values import SWAP_STEPS
from dashboard.controls import bound
from dashboard.controls.heads import choose_main_head, internal_residue, warn_of_unknown
from dashboard.controls.protein_sets import ask_of, choose_set, judging
from dashboard.page_parts import draw, follows_paper, introduce, link_to
from dashboard.question import Question
from dashboard.script import Call, Expression, Shown
from dashboard.views.circuits import bos

TITLE, PATH = "Swapped rotations", "rope-swap"


def page(question: Question) -> None:
    target, residue = question.letter, question.residue + 1
    introduce(
        "Which heads must turn as at the start?",
        f"Which parts must take an internal residue for the first one, for {target} to be predicted there? An internal "
        f"residue is masked, and in the main head the mask's query is rotated as at residue {residue}. "
        f"Which other heads' rotations bring {target} back?",
        "A greedy search adds, step by step, the head that raises the mean gap most, until all of the gap is back or "
        "no head helps.",
        f"Rescue runs from the internal run (0%) to the run with residue {residue} masked (100%). Heads that help "
        "early carry the position to the main head.",
    )
    proteins = judging(question, choose_set(question))
    warn_of_unknown(question.model, "swapmain")
    columns = st.columns([1, 1, 2])
    with columns[1]:
        inside = internal_residue("swapinside")
    with columns[0]:
        main = choose_main_head(question, "swapmain")
    steps = bound.slider("Steps", 1, STEPS, 6, "steps", columns[2])
    shape = question.model.shape
    settings = {
        "target": question.target,
        "main": main,
        "steps": steps,
        "inside": inside,
    }
    n_forwards = steps * shape.n_layers * shape.n_heads
    parts = (Expression(f"found.steps.{part}") for part in ("name.tolist()", "m_first.to_numpy()", "rescue.to_numpy()"))
    settings["shown"] = Shown("found.steps", Call(figures.swap_steps, tuple(parts)))
    found = ask_of(question, proteins, swap_path, n_forwards=n_forwards, label="Swapping rotations", **settings)
    if found is None:
        return
    heads = [str(head) for head in found.heads]
    with st.container(border=True):
        st.markdown(f"**{', '.join(heads) or 'No head'} beside {main}**")
        draw(
            figures.swap_steps(
                found.steps.name.tolist(), found.steps.m_first.to_numpy(), found.steps.rescue.to_numpy()
            ),
            f"Step 0 swaps {main} alone, each later step one more head. Heads are {found.split}, these at "
            f"{counted(int(found.steps.n.iloc[0]), 'mask')} from residue {inside + 1} on. With all of them {target} "
            f"ranks first at {found.last}, and {found.rescued} of the gap is back.",
            "steps",
            _table(found),
        )
        if heads:
            link = {"main": str(main), "keys": heads, "inside": str(inside + 1)}
            link_to(bos, "Knock out what these heads read from BOS", link)
    _beside(found, question)


def _table(found: SwapPath) -> pd.DataFrame:
    steps = found.steps
    return pd.DataFrame({"head": steps.name, "rate": 100 * steps.m_first, "rescue": steps.rescue})


def _beside(found: SwapPath, question: Question) -> None:
    """The paper's steps and ours, side by side: heads of another model have other names."""
    if not follows_paper(question):
        return
    model = question.model
    here = "the embedded teaching model" if model.teaching else model.name
    st.markdown(f"**Beside the paper** (Extended Data Table 2, ESM-2 8M; here is {here})")
    paper = pd.DataFrame(SWAP_STEPS, columns=["Head (paper)", "M-rate, % (paper)", "Rescue, % (paper)"])
    ours = _table(found).iloc[1:].reset_index(drop=True)
    ours.columns = ["Head (here)", "Target first, % (here)", "Rescue, % (here)"]
    joined = pd.concat([paper, ours], axis=1).head(max(len(ours), 6))
    joined.insert(0, "Step", range(1, len(joined) + 1))
    st.dataframe(joined.style.format(precision=1, na_rep="–"), hide_index=True)
