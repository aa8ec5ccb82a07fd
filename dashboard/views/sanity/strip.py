"""The strip of all residues: how surprised the model is, at once, and the verdicts as they come."""

import time
from collections.abc import Mapping
from typing import Final

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.analyses.evidence import REPEATS
from core.answers.calibration import kept_calibration
from core.answers.evidence import VERDICTS, Evidence, Scan, evidence, evidence_by_stretch, scan
from core.answers.evidence_words import at_the_start
from core.answers.survey import Survey
from core.answers.verdict_words import VERDICTS_SAID, verdict_words
from core.figures.evidence import verdict_strip
from core.tables import rows
from dashboard.engine import SHOWS_PROGRESS_AFTER, seconds
from dashboard.page_parts import draw
from dashboard.question import Question
from dashboard.script import Call, Expression, Shown, of_answer
from dashboard.survey import answered
from dashboard.take_away import offer_script

ASKS_FROM: Final = 400
"""Residues from which even the first picture is asked for."""
ROWS_EACH: Final = 2 * (len(REPEATS) + 2)
"""Forward passes that take a residue apart, where it has no copy."""
MINUTE: Final = 60.0
SO_FAR: Final = "verdicts so far"
"""In the session: what they are on, and the verdicts that were there last."""


def strip_of_verdicts(question: Question, seed: int) -> Evidence | None:
    """Draws the strip, and gives the verdicts once all are there."""
    place = st.empty()
    scanned = _scanned(question, place)
    if scanned is None:
        return None
    with place.container():
        _before_verdicts(question, scanned, seed)
    _offer_script(question, seed)
    found = _judged(question, scanned, seed, place)
    if found is not None:
        with place.container():
            _strip(question, found, "verdicts")
    return found


def _unasked(length: int) -> float:
    """Seconds of work that start without being asked for."""
    return MINUTE if length <= ASKS_FROM else 0.0


def _scanned(question: Question, place: DeltaGenerator) -> Scan | None:
    length = len(question.protein.sequence)

    def draw_first_residues(table: pd.DataFrame) -> None:
        with place.container():
            _surprise(question, table, f"surprise at {len(table)} residues")

    return answered(
        question,
        scan,
        question.alone,
        about=seconds(question.model, length, length),
        unasked=_unasked(length),
        what=f"Mask the {length} residues in turn",
        label="Masking one residue after another",
        partly=draw_first_residues,
    )


def _judged(question: Question, scanned: Scan, seed: int, place: DeltaGenerator) -> Evidence | None:
    name, length = question.protein.name, len(question.protein.sequence)
    n = len(scanned.confident(name))

    def shown_as_it_grows(survey: Survey, _: Mapping[str, str], *, seed: int) -> Evidence:
        found, drawn = None, time.monotonic()
        for found in evidence_by_stretch(survey, scanned, name, seed=seed):
            if time.monotonic() - drawn < SHOWS_PROGRESS_AFTER:
                continue  # known from before: soon all are drawn
            st.session_state[SO_FAR] = (_subject(question, seed), found)  # in sight when the rest is cancelled
            with place.container():
                _strip(question, found, f"verdicts on {len(found.letters)} letters", unfinished=True)
            drawn = time.monotonic()
        assert found is not None  # the first residue is always there
        return found

    return answered(
        question,
        shown_as_it_grows,
        question.alone,
        about=seconds(question.model, (n + 1) * ROWS_EACH, length),
        unasked=_unasked(length),
        what=f"Take the {n} confident predictions apart",
        label=f"Taking {n} confident predictions apart",
        seed=seed,
    )


def _offer_script(question: Question, seed: int) -> None:
    words = verdict_words(kept_calibration(question.model))
    figure = Call(verdict_strip, (Expression("found.strip"), question.numbering.names(), words))
    shown = Shown("found.strip", figure)
    offer_script(of_answer(question.model, evidence, question.alone, {"seed": seed}, shown))


def _subject(question: Question, seed: int) -> tuple[str, str, int]:
    return question.model.fingerprint, question.protein.sequence, seed


def _before_verdicts(question: Question, scanned: Scan, seed: int) -> None:
    """The surprise alone, or with the verdicts that were there when the rest was cancelled."""
    subject, so_far = st.session_state.get(SO_FAR, (None, None))
    if subject == _subject(question, seed):
        _strip(question, so_far, "verdicts so far", unfinished=True)
        return
    _surprise(question, scanned.of(question.protein.name), "surprise")


def _surprise(question: Question, table: pd.DataFrame, key: str) -> None:
    """The surprise alone, of as many residues as are masked so far."""
    names, length = question.numbering.names(), len(question.protein.sequence)
    figure = verdict_strip(table.assign(verdict="none"), names, {**VERDICTS_SAID, "none": "not taken apart yet"})
    st.markdown("**The start:** not taken apart yet.")
    draw(figure.update_xaxes(range=(0.5, length + 0.5)), "Verdicts follow.", key)


def _strip(question: Question, found: Evidence, key: str, *, unfinished: bool = False) -> None:
    counts, words = found.counts(question.protein.name), verdict_words(kept_calibration(question.model))
    if unfinished:
        words["none"] = "none, or not taken apart yet"
    listed = " · ".join(f"{counts[verdict]} {words[verdict]}" for verdict in VERDICTS if counts[verdict])
    strip = rows(found.strip, subject=question.protein.name)
    st.markdown(at_the_start(found, question.protein.name, question.numbering.name(0), words))
    draw(
        verdict_strip(strip, question.numbering.names(), words),
        f"Residues: {listed}.",
        key,
        strip.drop(columns="subject").assign(residue=strip.residue + 1),
    )
