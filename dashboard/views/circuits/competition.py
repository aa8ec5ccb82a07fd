"""What outvotes the prediction?"""

from typing import Final

import pandas as pd
import streamlit as st

from core.alphabet import AMINO_ACIDS
from core.analyses.competition import LENGTHS, MASKS, ORDERS, REPEAT
from core.answers.competition import FIXED_SCALE, HELD, OWN, Competition, competition
from core.answers.words import crossed
from core.figures import competition as figures
from core.metrics import Target
from core.tables import rows
from dashboard.controls import bound
from dashboard.engine import seconds
from dashboard.page_parts import beside_paper, draw, introduce
from dashboard.question import Question
from dashboard.script import Call, Expression, Shown
from dashboard.survey import answered

TITLE, PATH = "Competition", "competition"

SCALE: Final = (
    "Below each figure is token dropout's scale, which multiplies all embeddings and depends on how many residues are "
    "masked: it changes in both experiments."
)
NO_SCALE: Final = "This model has no token dropout: masks leave the scale of the embeddings alone, at 1."
DOTTED: Final = (
    "Dotted lines hold the scale still, at what it is where nothing is masked: what remains is not the scale's doing. "
)
BEHIND: Final = "Residues of {} behind the mask"
SHORTEST: Final = 64
"""A short sequence by itself takes as long as this many residues in a batch: reading the weights is what counts."""


def page(question: Question) -> None:
    target = question.letter
    introduce(
        "What outvotes the prediction?",
        f"A masked first residue stands before a repeat of one amino acid. Does the repeat lower {target}'s logit, or "
        "does its own logit grow past it?",
        f"Elongation lengthens the repeat; destruction masks ever more of a repeat of {REPEAT}, in {ORDERS} random "
        f"orders. {SCALE if question.model.token_dropout else NO_SCALE}",
        "Logits have a free constant: shown are those minus the mean of the 20 amino acids', which the others move "
        f"too, and P({target}), which has none. Where the lines cross, the prediction flips. "
        f"{DOTTED if question.model.token_dropout else ''}This page uses the sidebar's model and target; its protein "
        "plays no part.",
    )
    columns = st.columns([1, 1, 1, 2], vertical_alignment="bottom")
    letter = bound.select("Repeat of", [each for each in sorted(AMINO_ACIDS) if each != target], "repeat", columns[0])
    longest = bound.slider("Longest repeat", 5, max(LENGTHS), 20, "longest", columns[1])
    seed = bound.number("Seed of the orders", 0, 9999, 0, "seed", columns[2])
    held = question.model.token_dropout and bound.toggle(
        f"Also with the scale held at {FIXED_SCALE}", "held", columns[3], value=True
    )
    lengths = tuple(range(1, longest + 1))
    grown = sum(max(SHORTEST, length + 3) for length in lengths)
    found = answered(
        question,
        competition,
        {letter: letter},
        about=2 * seconds(question.model, grown + len(MASKS) * ORDERS * (REPEAT + 2), 1),
        what=f"Grow the repeat to {longest} residues, and mask it in {ORDERS} orders",
        label="Growing and masking the repeat",
        shown=Shown("found.grown", _elongation(target, letter, held)),
        target=Target(target, 0),
        lengths=lengths,
        seed=seed,
    )
    if found is None:
        return
    with st.container(border=True):
        st.markdown("**Elongation: ever more residues behind the mask**")
        caption = f"The strongest amino acid changes {found.changes(letter, OWN)}."
        _drawn(found, found.grown, "length", BEHIND.format(letter), held, caption)
    with st.container(border=True):
        st.markdown(f"**Destruction: ever more masks in a repeat of {REPEAT}**")
        mean = found.destroyed(letter, OWN)
        back = crossed(mean.masks.to_numpy(), mean.gap.to_numpy(), "masks")
        caption = f"Means over {ORDERS} random orders, bands one standard deviation. The mean gap changes sign {back}."
        _drawn(found, found.broken, "masks", "Masked residues", held, caption)
    beside_paper(question, found.beside_paper(letter))


def _elongation(target: str, letter: str, held: bool) -> Call:
    own, fixed = (Call(rows, (Expression("found.grown"),), {"dropout": dropout}) for dropout in (OWN, HELD))
    settings = {"held": fixed if held else None, "target": target, "letter": letter, "x_title": BEHIND.format(letter)}
    return Call(figures.competing_logits, (own, "length"), settings)


def _drawn(found: Competition, table: pd.DataFrame, x: str, x_title: str, held: bool, caption: str) -> None:
    [letter] = found.letters
    own, fixed = (rows(table, dropout=dropout) for dropout in (OWN, HELD))
    settings = {"target": found.target.letter, "letter": letter, "x_title": x_title}
    draw(figures.competing_logits(own, x, held=fixed if held else None, **settings), caption, x, _told(table))


def _told(table: pd.DataFrame) -> pd.DataFrame:
    """As people read it: whether the scale was held."""
    return table.assign(held=table.dropout == HELD).drop(columns=["subject", "dropout"])
