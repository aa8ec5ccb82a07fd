"""What do the rotations do?"""

import streamlit as st

from core.answers import rotations as answers
from core.answers.subjects import INTERNAL_MASKS, several_masks, two_masks
from core.answers.words import counted
from core.figures import rope as figures
from core.interventions import Head
from dashboard.controls.heads import choose_heads_and_inside
from dashboard.controls.protein_sets import ask_of, choose_set, judging
from dashboard.page_parts import beside_paper, draw, introduce
from dashboard.question import Question
from dashboard.script import Call, Expression, Shown

TITLE, PATH = "Rotations", "rope"


def page(question: Question) -> None:
    target, residue = question.letter, question.residue + 1
    introduce(
        "What do the rotations do?",
        "The model learns where a residue stands from rotations: RoPE turns every query and key by its position, and "
        f"nothing else tells the model where residue {residue} is. "
        f"Is the rotation needed for {target}, and does it suffice?",
        "Shown are the gap without rotation at the mask, how much of the gap comes back inside with the rotations or "
        f"queries of residue {residue}, and why heads look at BOS.",
        "Removing a rotation is gentler than giving a wrong one: without it the mask's q and k are those of position "
        "0, where BOS stands.",
    )
    proteins = judging(question, choose_set(question))
    main, keys, inside = choose_heads_and_inside(question)
    n_layers, followed = question.model.shape.n_layers, {"target": question.target, "label": "Rotating"}
    heads = {"main": main, "key_heads": keys}
    several = several_masks(proteins.sequences, question.target, inside)
    parts = (Expression("found.mean.layers.tolist()"), Expression("found.mean.gap.to_numpy()"), question.letter)
    shown = Shown("found.mean", Call(figures.removal, parts))
    removed = ask_of(question, proteins, answers.rope_removal, n_forwards=2 * n_layers, shown=shown, **followed)
    sets = ask_of(
        question, proteins, answers.patch_sets, n_forwards=8 * INTERNAL_MASKS, subjects=several, **followed, **heads
    )
    compared = two_masks(proteins.sequences, question.target, inside)
    again = {"label": "Reading attention to BOS", "list_left_out": False, "subjects": compared}
    causes = ask_of(question, proteins, answers.attention_causes, n_forwards=2, **again, **heads)
    if removed is None or sets is None or causes is None:
        return
    left, right = st.columns(2)
    with left.container(border=True, height="stretch"):
        _removal(removed, target, residue)
    with right.container(border=True, height="stretch"):
        _patch_sets(sets, main, keys, inside, residue)
    with st.container(border=True):
        _causes(causes, inside, residue)
    beside_paper(question, [*removed.beside_paper(), *sets.beside_paper(), *causes.beside_paper()])


def _removal(found: answers.RopeRemoval, target: str, residue: int) -> None:
    st.markdown(f"**Is {target} lost without rotation at residue {residue}?**")
    draw(
        figures.removal(found.mean.layers.tolist(), found.mean.gap.to_numpy(), target),
        "No rotation of the mask's q and k in one layer at a time, then in all; the grey bar has all rotations. "
        f"Means of {counted(int(found.mean.n.iloc[0]), 'sequence')}. {found.in_words}",
        "removal",
        found.mean,
    )


def _patch_sets(found: answers.PatchSets, main: Head, keys: tuple[Head, ...], inside: int, residue: int) -> None:
    st.markdown("**What brings the gap back inside?**")
    names = [name.replace("readout", str(main)) for name in found.mean.condition]
    first = ", ".join(map(str, keys[: answers.FIRST_KEY_HEADS])) or "none"
    draw(
        figures.patch_sets(names, found.mean.rescue.to_numpy()),
        f"Residues from {inside + 1} on are masked, one at a time ({counted(int(found.mean.n.iloc[0]), 'mask')} in "
        f"all; corrupted, 0%), and take queries or rotations from the run with residue {residue} masked (clean, "
        f"100%). Key heads here, as in the paper's table, are the first {answers.FIRST_KEY_HEADS}: {first}.",
        "patch sets",
        found.mean,
    )


def _causes(found: answers.AttentionCauses, inside: int, residue: int) -> None:
    st.markdown("**Do heads look at BOS because of the rotation or the query's content?**")
    parts = (found.shown[part].to_numpy() for part in ("clean", "internal", "rotation", "content"))
    draw(
        figures.causes(found.shown.index.tolist(), *parts),
        f"Attention to BOS from the mask at residue {residue} (clean) and at residue {inside + 1} (internal), and of "
        "the internal run with one cause of the clean run at a time. The higher bar explains more; the two need not "
        f"add up. {found.in_words}",
        "causes",
        found.mean.drop(columns=["layer", "head"]).rename(columns={"name": "head"}),
    )
