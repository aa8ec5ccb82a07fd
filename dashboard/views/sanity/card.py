"""One residue's card: what its prediction is made of, from how far support comes, and which heads it needs."""

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from core.analyses.evidence import REPEATS
from core.answers.calibration import kept_calibration
from core.answers.evidence import Chosen
from core.answers.evidence_words import ranks_first
from core.answers.residue_card import ResidueCard, residue_card
from core.answers.verdict_words import verdict_words
from core.components import components
from core.figures.evidence import distance_ladder, stacked_shares
from core.figures.style import OTHER, TARGET
from dashboard.engine import seconds
from dashboard.page_parts import draw, link_to
from dashboard.question import Question
from dashboard.session import plain
from dashboard.survey import answered
from dashboard.views.explore import page as explore


def residue_card_panel(question: Question, residue: int, seed: int) -> None:
    """The card of one residue (0-based)."""
    name = question.numbering.name(residue)
    n_forwards = 2 * len(components(question.model.shape)) + 14 * len(REPEATS)
    found = answered(
        question,
        residue_card,
        {question.protein.name: Chosen(question.protein.sequence, (residue,))},
        about=seconds(question.model, n_forwards, len(question.protein.sequence)),
        what=f"Take {name} apart",
        label=f"Taking {name} apart",
        seed=seed,
    )
    if found is None:
        return
    letters, words = found.letters, verdict_words(kept_calibration(question.model))
    top = letters.iloc[0]
    st.markdown(f"#### {plain(name)}: {words[top.verdict]}")
    st.markdown(_said(letters, words))
    left, right = st.columns(2)
    with left:
        labels = [f"{row.letter} ({row.role})" for _, row in letters.iterrows()]
        draw(
            stacked_shares(letters.assign(label=labels), "label"),
            "What each letter's log-odds, against its frequency in proteins, are made of: the parts add up. Hover for "
            "the range that 95% of further random orders fall in.",
            "shares",
            letters.drop(columns="subject"),
        )
    with right:
        draw(
            distance_ladder(found.ladder, {top.letter: TARGET, letters.letter.iloc[1]: OTHER[0]}),
            "Near only: residues outside the window in a random order. Far only: those inside. Where the near line "
            "reaches the far end, that window holds all the support.",
            "ladder",
            found.ladder,
        )
    _elsewhere(found, top.letter)
    _heads(question, found, residue, top.letter)


def _said(letters: pd.DataFrame, words: Mapping[str, str]) -> str:
    lines = []
    for _, row in letters.iterrows():
        lines.append(
            f"- **{row.letter}** ({row.role}; P {row.p:.2f}): {words[row.verdict]}. Order adds {row.order:+.2f} nats "
            f"({row.order_low:+.2f} to {row.order_high:+.2f}), position {row.position:+.2f}, composition "
            f"{row.composition:+.2f} ({row.composition_low:+.2f} to {row.composition_high:+.2f}), copying "
            f"{row.copying:+.2f}. {ranks_first(row)}."
        )
    return "\n".join(lines)


def _elsewhere(found: ResidueCard, letter: str) -> None:
    """The same protein at another place."""
    mine = found.moved[found.moved.letter == letter]
    said = "; ".join(
        f"{row.place} {row.log_odds:+.2f}" + (f" ({row.low:+.2f} to {row.high:+.2f})" if row.low < row.high else "")
        for _, row in mine.iterrows()
    )
    st.markdown(f"**Moved to another place**, {letter}'s log-odds are (nats): {said}.")


def _heads(question: Question, found: ResidueCard, residue: int, letter: str) -> None:
    needed = found.needed
    listed = ", ".join(f"{row['head']} ({row.gap_change:+.2f})" for _, row in needed.iterrows())
    st.markdown(
        f"**The heads that matter most** for {letter}'s lead when switched off (logits): {listed}. Blind to BOS "
        f"together, {found.readers} change it by {found.blind_readers:+.2f}."
    )
    names = needed["head"].head(3).tolist()
    link_to(
        explore,
        f"See it in Explore with {', '.join(names)} off",
        {"mask": question.numbering.written((residue,)), "target": letter, "off": names, **_same_protein()},
    )


def _same_protein() -> dict[str, str | list[str]]:
    """The sidebar's part of the address, so that the link opens the same model and protein."""
    keys = ("model", "from", "example", "sequence", "residues")
    return {key: st.query_params.get_all(key) for key in keys if key in st.query_params}
