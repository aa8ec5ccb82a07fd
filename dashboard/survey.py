"""Answers for a page: measured on the shared worker, kept in the session's memory, asked for where they take long."""

import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import pandas as pd
import streamlit as st

from core.answers.survey import Failure, Measure, Survey
from core.errors import InputError
from dashboard import engine
from dashboard.engine import SHOWS_PROGRESS_AFTER, UNASKED_SECONDS, on_request, seconds
from dashboard.question import Question, stop_with
from dashboard.script import Shown, of_answer
from dashboard.session import plain
from dashboard.take_away import offer_script

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class SessionSurvey(Survey):
    """Keeps every subject's table by measure, weights, subject and settings.

    Subjects are separate pieces of work, so that other sessions' come in between, and what is done stays done when
    the person cancels.
    """

    label: str
    """What a person reads while something is measured."""
    about: float = 0.0
    """Seconds that a subject may take."""
    partly: Callable[[pd.DataFrame], None] | None = None
    """Draws the rows of a subject that are there before its end."""

    def outcomes(
        self, measure: Measure, subjects: Mapping[str, object], settings: Mapping[str, object]
    ) -> dict[str, pd.DataFrame | Failure]:
        """From the cache, or computed one after another, with a bar where there are many."""
        begin, bar, found = time.monotonic(), st.empty(), {}
        what = f"{measure.__module__}.{measure.__qualname__}"
        for done, (name, subject) in enumerate(subjects.items()):
            if len(subjects) > 1 and time.monotonic() - begin > SHOWS_PROGRESS_AFTER:
                bar.progress(done / len(subjects), f"{self.label} … {done} of {len(subjects)} sequences")
            key = (what, self.model.fingerprint, subject, *sorted(settings.items()))
            try:
                found[name] = engine.computed(
                    key,
                    lambda progress, subject=subject: measure(self.model, subject, progress=progress, **settings),
                    self.label if len(subjects) == 1 else plain(name),
                    self.about,
                    partly=self.partly,
                )
            except InputError as error:
                found[name] = Failure(str(error))
        bar.empty()
        return found


def answered(
    question: Question,
    answer: Callable[..., Found],
    subjects: Mapping[str, object],
    *,
    about: float,
    what: str,
    label: str,
    list_left_out: bool = True,
    unasked: float | None = None,
    shown: Shown | None = None,
    partly: Callable[[pd.DataFrame], None] | None = None,
    **settings: object,
) -> Found | None:
    """What one of `core.answers` says of `subjects`, or None until the person asks for what takes long.

    `about` is how many seconds it may take, `unasked` up to how many nobody is asked, `what` what the button says. With
    what a script is to print of it as `shown`, the same is offered as Python; `partly` draws the rows of a subject that
    are there before its end. A subject that breaks a rule is left out and listed (unless another answer of the page
    lists it); where all do, the page stops with the first one's reason.
    """
    survey = SessionSurvey(question.model, label, about / max(1, len(subjects)), partly)
    key = _key(question, answer, subjects, settings)
    if shown is not None:
        offer_script(of_answer(question.model, answer, subjects, settings, shown))
    with on_request(key, about, what, unasked) as go_on:
        if not go_on:
            return None
        try:
            found = answer(survey, subjects, **settings)
        except InputError as error:
            stop_with(error)
    left_out = {name: reason for (_, name), reason in survey.left_out.items()}
    if left_out and list_left_out:
        with st.expander(f"{len(left_out)} of {len(subjects)} sequences are left out"):
            st.markdown("\n".join(f"- {plain(name)}: {plain(reason)}" for name, reason in left_out.items()))
    return found


def quickly(
    question: Question, answer: Callable[..., Found], subjects: Mapping[str, object], *, n_forwards: float, **settings
) -> Found | None:
    """An answer about the sidebar's protein, or None where it would take long or the protein is too short for it."""
    about = seconds(question.model, n_forwards, len(question.protein.sequence))
    if about > UNASKED_SECONDS:
        return None
    survey = SessionSurvey(question.model, "Looking for the heads", about)
    try:
        return engine.kept(_key(question, answer, subjects, settings), lambda: answer(survey, subjects, **settings))
    except InputError:
        return None


def _key(
    question: Question, answer: Callable[..., object], subjects: Mapping[str, object], settings: Mapping[str, object]
) -> Hashable:
    """What an answer depends on, hashable."""
    frozen = tuple(
        (name, tuple(value.items()) if isinstance(value, Mapping) else value) for name, value in settings.items()
    )
    return (answer.__module__, answer.__qualname__, question.model.fingerprint, tuple(subjects.items()), frozen)
