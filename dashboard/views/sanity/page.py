"""Evidence or default? Every residue of a protein, masked in turn and taken apart."""

from typing import Final

import streamlit as st

from core.analyses.evidence import REPEATS
from core.answers.calibration import kept_calibration
from core.answers.evidence import Evidence, contact_sureness
from core.answers.evidence_report import report_html
from core.answers.evidence_words import sentences
from core.answers.verdict_words import verdict_words
from core.tables import rows
from dashboard import engine
from dashboard.controls import bound
from dashboard.page_parts import download, introduce
from dashboard.question import Question
from dashboard.views.sanity import PATH, TITLE
from dashboard.views.sanity.coloured import coloured_by_verdict
from dashboard.views.sanity.strip import strip_of_verdicts
from dashboard.views.sanity.trust import how_far_to_trust

MASKS: Final = False


def page(question: Question) -> None:
    introduce(
        "Is a confident prediction evidence, or a default?",
        "Each residue is masked in turn, and what the model says there is taken apart: does it come from the order of "
        "this protein's residues, from a copy elsewhere in it, from the place in the chain, or from composition?",
        f"Colour is the verdict, height how much the protein's own letter surprises the model. Each verdict rests on "
        f"{len(REPEATS)} random orders of the other residues.",
        "Green is evidence; orange and brown are defaults, which say nothing of this protein.",
    )
    with st.container(border=True):
        place = st.container()
        seed = bound.number("Seed of the random orders", 0, 9999, 0, "seed", width=bound.WIDTH)
        with place:
            found = strip_of_verdicts(question, seed)
    if found is None:
        return
    strip = rows(found.strip, subject=question.protein.name)
    with st.container(border=True):
        _sentences(question, found, seed)
    with st.container(border=True):
        coloured_by_verdict(question, strip, seed)
    how_far_to_trust(question.model)


def _sentences(question: Question, found: Evidence, seed: int) -> None:
    protein, model, names = question.protein, question.model, question.numbering.names()
    contacts = engine.computed(
        ("contact sureness", model.fingerprint, protein.sequence),
        lambda _: contact_sureness(model, protein.sequence),
        "Reading the contact head",
    )
    said = sentences(found, protein.name, names, contacts, verdict_words(kept_calibration(model)))
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
