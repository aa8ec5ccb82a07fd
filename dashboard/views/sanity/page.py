"""Evidence or default? Every residue of a protein, masked in turn and taken apart."""

from typing import Final

import streamlit as st

from core.analyses.evidence import REPEATS
from core.answers.calibration import kept_calibration
from core.answers.evidence import SAID, VERDICTS, Evidence, Scan, contact_sureness, evidence, scan
from core.answers.evidence_report import report_html
from core.answers.evidence_words import sentences
from core.figures.evidence import verdict_strip
from core.tables import rows
from dashboard import engine
from dashboard.controls import bound
from dashboard.engine import seconds
from dashboard.page_parts import download, draw, introduce
from dashboard.question import Question
from dashboard.survey import answered
from dashboard.views.sanity import PATH, TITLE
from dashboard.views.sanity.coloured import coloured_by_verdict
from dashboard.views.sanity.trust import how_far_to_trust

MASKS: Final = False
ASKS_FROM: Final = 400
"""Residues from which even the first picture is asked for."""
ROWS_EACH: Final = 2 * (len(REPEATS) + 2)
"""Forward passes that take a residue apart, where it has no copy."""
MINUTE: Final = 60.0


def page(question: Question) -> None:
    introduce(
        "Is a confident prediction evidence, or a default?",
        "Each residue is masked in turn, and what the model says there is taken apart: does it come from the order of "
        "this protein's residues, from a copy elsewhere in it, from the place in the chain, or from composition?",
        f"Colour is the verdict, height how much the protein's own letter surprises the model. Each verdict rests on "
        f"{len(REPEATS)} random orders of the other residues.",
        "Green is evidence; orange and brown are defaults, which say nothing of this protein.",
    )
    seed = bound.number("Seed of the random orders", 0, 9999, 0, "seed", st.columns([1, 4])[0])
    place = st.container(border=True)
    with place:
        scanned = _scanned(question)
    if scanned is None:
        return
    with place:
        strip_place = st.empty()
        with strip_place.container():
            _first_picture(question, scanned)
        found = _judged(question, scanned, seed)
        if found is not None:
            with strip_place.container():
                _strip(question, found)
    if found is None:
        return
    strip = rows(found.strip, subject=question.protein.name)
    with st.container(border=True):
        _sentences(question, found, seed)
    with st.container(border=True):
        coloured_by_verdict(question, strip, seed)
    how_far_to_trust(question.model)


def _unasked(length: int) -> float:
    """Seconds of work that start without being asked for."""
    return MINUTE if length <= ASKS_FROM else 0.0


def _scanned(question: Question) -> Scan | None:
    length = len(question.protein.sequence)
    about = seconds(question.model, length, length)
    return answered(
        question,
        scan,
        question.alone,
        about=about,
        unasked=_unasked(length),
        what=f"Mask the {length} residues in turn",
        label="Masking one residue after another",
    )


def _judged(question: Question, scanned: Scan, seed: int) -> Evidence | None:
    length = len(question.protein.sequence)
    n = len(scanned.confident(question.protein.name))
    about = seconds(question.model, (n + 1) * ROWS_EACH, length)
    return answered(
        question,
        evidence,
        question.alone,
        about=about,
        unasked=_unasked(length),
        what=f"Take the {n} confident predictions apart",
        label=f"Taking {n} confident predictions apart",
        seed=seed,
    )


def _first_picture(question: Question, scanned: Scan) -> None:
    """The surprise alone, before anything is taken apart."""
    table = scanned.of(question.protein.name).assign(verdict="none")
    names = question.numbering.names()
    draw(verdict_strip(table, names, {**SAID, "none": "not taken apart yet"}), "Verdicts follow.", "surprise")


def _strip(question: Question, found: Evidence) -> None:
    counts = found.counts(question.protein.name)
    listed = " · ".join(f"{counts[verdict]} {SAID[verdict]}" for verdict in VERDICTS if counts[verdict])
    strip = rows(found.strip, subject=question.protein.name)
    draw(verdict_strip(strip, question.numbering.names(), SAID), f"Residues: {listed}.", "verdicts")
    download(strip.drop(columns="subject").assign(residue=strip.residue + 1), "sanity-residues")


def _sentences(question: Question, found: Evidence, seed: int) -> None:
    protein, model, names = question.protein, question.model, question.numbering.names()
    contacts = engine.computed(
        ("contact sureness", model.fingerprint, protein.sequence),
        lambda _: contact_sureness(model, protein.sequence),
        "Reading the contact head",
    )
    said = sentences(found, protein.name, names, contacts)
    st.markdown("**In short**")
    st.markdown("\n".join(f"- {each}" for each in said))
    row = st.container(horizontal=True)
    with row:
        download(rows(found.letters, subject=protein.name).drop(columns="subject"), "sanity-letters")
        st.download_button(
            "Report (HTML)",
            lambda: report_html(model, found, protein.name, names, said, kept_calibration(model), seed),
            "sanity-check.html",
            "text/html",
            icon=":material/description:",
            on_click="ignore",
        )


__all__ = ["MASKS", "PATH", "TITLE", "page"]
