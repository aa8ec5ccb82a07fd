"""Does the prediction come from BOS?"""

from typing import Final

import streamlit as st

from core.answers.bos_knockouts import BosKnockouts, bos_knockouts, whole_pattern
from core.answers.intervals import HOW_INTERVALS_ARE_MADE
from core.answers.subjects import INTERNAL_MASKS, several_masks
from core.answers.words import counted
from core.figures import circuits as figures
from core.interventions import Head
from core.tables import rows
from dashboard.controls.heads import choose_heads_and_inside
from dashboard.controls.protein_sets import ProteinSet, ask_of, choose_set, judging
from dashboard.page_parts import beside_paper, download, draw, introduce
from dashboard.question import Question
from dashboard.script import Call, Expression, Shown
from dashboard.session import plain

TITLE, PATH = "BOS knock-outs", "bos"

MOST_IN_PATTERN: Final = 400
"""A longer protein's pattern is on the page Explore, as a picture without its numbers."""


def page(question: Question) -> None:
    target, residue = question.letter, question.residue + 1
    introduce(
        "Does the prediction come from BOS?",
        "In front of the first residue stands a token that belongs to none, BOS, and the model can look at it. What if "
        f"its heads may not, or may look at nothing else: is {target} still predicted?",
        f"Necessity: residue {residue} is masked, and the heads' values are zeroed at BOS, everywhere, or everywhere "
        "but at BOS, or their attention to BOS is blocked. Sufficiency: internal residues are masked instead, one at a "
        f"time, and the heads' queries are rotated as at residue {residue}, which brings {target} back in part; the "
        "same is zeroed.",
        f"Bars to the right of zero: {target} ranks first. Where zeroing BOS's values turns a bar around, the heads "
        "carry what BOS holds.",
    )
    proteins = judging(question, choose_set(question))
    main, keys, inside = choose_heads_and_inside(question)
    compared = several_masks(proteins.sequences, question.target, inside)
    settings = {"target": question.target, "compared": compared, "main": main, "key_heads": keys}
    attention = Call(figures.attention_to_bos, (Expression("found.attention_by_head"),))
    settings["shown"] = Shown("found.mean", attention)
    n_forwards = 24 * (1 + INTERNAL_MASKS)  # 8 knock-outs of 3 sets of heads
    found = ask_of(question, proteins, bos_knockouts, n_forwards=n_forwards, label="Knocking out", **settings)
    if found is None:
        return
    left, right = st.columns(2, border=True)
    with left:
        st.markdown(f"**Necessity: residue {residue} masked**")
        _knocked_out(found, "necessity", target, proteins)
    with right:
        st.markdown(f"**Sufficiency: residues from {inside + 1} on masked, rotations swapped**")
        _knocked_out(found, "sufficiency", target, proteins)
    with st.container(border=True):
        _table(found, target)
    with st.container(border=True):
        st.markdown(f"**Which heads read BOS from residue {residue}?**")
        draw(
            figures.attention_to_bos(found.attention_by_head),
            "A cell per head: how much of the mask's attention goes to BOS, with nothing knocked out, mean over "
            f"{proteins.count}. {found.main} gives it {found.main_attention}.",
            "attention",
            found.attention_named,
        )
    if len(question.protein.sequence) <= MOST_IN_PATTERN:
        with st.container(border=True):
            _pattern(question, proteins, main)
    if not proteins.is_one:
        with st.container(border=True):
            _alike(found, proteins, target)
    beside_paper(question, found.beside_paper())


def _knocked_out(found: BosKnockouts, test: str, target: str, proteins: ProteinSet) -> None:
    shown = rows(found.mean, test=test)
    gaps = {name: rows(shown, heads=name).gap.to_numpy() for name in found.sets}
    draw(
        figures.knockouts(gaps, list(dict.fromkeys(shown.knockout)), target),
        f"Mean {target} gap over {counted(int(shown.n.iloc[0]), 'mask')} in {proteins.count}; “none” has nothing "
        "knocked out.",
        test,
        shown,
    )


def _pattern(question: Question, proteins: ProteinSet, main: Head) -> None:
    """Draws the main head's whole pattern in the sidebar's protein, whatever the set."""
    st.markdown(f"**Where does {main} look from everywhere else?**")
    found = ask_of(
        question,
        proteins,
        whole_pattern,
        n_forwards=1,
        label="Reading the pattern",
        subjects=question.alone,
        list_left_out=False,
        target=question.target,
        head=main,
    )
    if found is None:
        return
    draw(
        figures.pattern(found.attention, list(found.table["query"])),
        f"Its whole pattern, residue {question.residue + 1} masked: {plain(found.in_words)}.",
        "pattern",
        found.table,
    )


def _alike(found: BosKnockouts, proteins: ProteinSet, target: str) -> None:
    st.markdown(f"**Is BOS all that {found.main} brings?**")
    effects = found.effects.rename(columns={"subject": "sequence"})
    draw(
        figures.ablated_and_blocked(
            effects.ablated.to_numpy(), effects.blocked.to_numpy(), effects.sequence.tolist(), str(found.main)
        ),
        f"A point per sequence: how {target}'s logit changes when {found.main} is switched off, and when only its "
        f"attention to BOS is blocked: {found.alike}. On the line both do the same.",
        "ablated and blocked",
        effects,
    )


def _table(found: BosKnockouts, target: str) -> None:
    st.markdown("**All knock-outs**")
    st.dataframe(found.in_words(target), hide_index=True)
    st.caption(
        f"{target} first in: how many masks, {INTERNAL_MASKS} a sequence inside. Rescue: the share of the gap between "
        f"the internal run and the clean one that comes back. {HOW_INTERVALS_ARE_MADE}"
    )
    download(found.mean, "bos-knockouts")
