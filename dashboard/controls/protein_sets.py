"""What a page measures over: the sidebar's protein, the evaluation set, or a FASTA file."""

import hashlib
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

import streamlit as st

from core.errors import InputError
from core.proteins.evaluation_sets import Group, evaluation_set
from core.proteins.examples import examples, load_example
from core.proteins.protein import proteins_from_file
from dashboard import engine
from dashboard.controls.protein import MAX_UPLOAD_BYTES
from dashboard.engine import SHOWS_PROGRESS_AFTER, Progress
from dashboard.long_work import on_request, seconds
from dashboard.question import Question, stop_with
from dashboard.session import plain

THIS, EVALUATION, FASTA = "This protein", "Evaluation set", "FASTA file"
MOST: Final = 200
"""The command line takes larger sets, on as many processes as there are."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class ProteinSet:
    """Sequences by name; one alone when it is the sidebar's protein."""

    title: str
    sequences: Mapping[str, str]
    groups: Mapping[str, Group] = field(default_factory=dict)
    """Which kind each sequence is, of the evaluation set."""

    @property
    def is_one(self) -> bool:
        return len(self.sequences) == 1

    def __str__(self) -> str:
        return plain(self.title) if self.is_one else f"{plain(self.title)}, {len(self.sequences)} sequences"


@dataclass(frozen=True, slots=True, eq=False)
class Measured(Generic[Result]):
    """Results by protein, and why others have none."""

    results: dict[str, Result]
    left_out: dict[str, str]

    @property
    def all(self) -> list[Result]:
        return list(self.results.values())

    @property
    def first(self) -> Result:
        return next(iter(self.results.values()))


def choose_set(question: Question, default: str = THIS) -> ProteinSet:
    """Draws the choice of what to measure over; stops the page with one line where a file cannot be used."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        over = st.segmented_control(
            "Measure over", [THIS, EVALUATION, FASTA], default=default, required=True, key="over", bind="query-params"
        )
        try:
            if over == EVALUATION:
                return _evaluation_set()
            if over == FASTA:
                return _uploaded()
        except InputError as error:
            stop_with(error)
    return ProteinSet(question.protein.name, {question.protein.name: question.protein.sequence})


def _evaluation_set() -> ProteinSet:
    seed = st.number_input(
        "Seed of shuffles and random strings", 0, 9999, 0, key="seed", bind="query-params", width=240
    )

    def known(_: Progress) -> list[tuple[str, str]]:
        return [(example.title, load_example(example.id).sequence) for example in examples()]

    members = evaluation_set(engine.computed("known proteins", known, "Reading the examples"), seed=seed)
    return ProteinSet(
        "the evaluation set",
        {member.name: member.sequence for member in members},
        {member.name: member.group for member in members},
    )


def _uploaded() -> ProteinSet:
    file = st.file_uploader("FASTA, also .gz", key="set file")
    if file is None:
        st.info("Upload a file. A link to this page cannot hold it.")
        st.stop()
    if file.size > MAX_UPLOAD_BYTES:
        raise InputError(f"{file.name} has {file.size / 2**20:.1f} MB: at most {MAX_UPLOAD_BYTES >> 20} MB are read")
    data = file.getvalue()
    key = ("set", file.name, hashlib.sha256(data).hexdigest())
    proteins = engine.computed(key, lambda _: proteins_from_file(file.name, data), "Reading the file")
    if len(proteins) > MOST:
        raise InputError(
            f"{file.name} holds {len(proteins)} proteins, and a page takes {MOST}: "
            "for more, run python -m core.experiments start-codon"
        )
    return ProteinSet(
        file.name, {f"{number}. {protein.name}": protein.sequence for number, protein in enumerate(proteins, start=1)}
    )


def measured(
    question: Question,
    proteins: ProteinSet,
    key: Hashable,
    work: Callable[[str, Progress], Result],
    *,
    n_forwards: float,
    label: str,
    list_left_out: bool = True,
) -> Measured[Result] | None:
    """`work(sequence, progress)` of every protein, or None until the person asks for what takes long.

    `key` holds everything besides model, residue, target and sequence that `work` depends on, and `n_forwards` is how
    often it runs the model. Proteins are separate pieces of work, so that other sessions' come in between, and what
    is done stays done when the person cancels. A protein that breaks a rule is left out of a set and listed (unless
    another call has listed it); alone, it stops the page.
    """
    model = question.model
    shared = (key, model.fingerprint, question.residue, question.target)
    whole = (shared, tuple(proteins.sequences.values()))
    about = seconds(model, n_forwards, sum(map(len, proteins.sequences.values())))
    results: dict[str, Result] = {}
    left_out: dict[str, str] = {}
    begin = time.monotonic()
    with on_request(whole, about, f"Compute for {proteins}") as go_on:
        if not go_on:
            return None
        bar = st.empty()
        for done, (name, sequence) in enumerate(proteins.sequences.items()):
            if not proteins.is_one and time.monotonic() - begin > SHOWS_PROGRESS_AFTER:
                bar.progress(done / len(proteins.sequences), f"{label} … {done} of {len(proteins.sequences)} sequences")
            try:
                results[name] = engine.computed(
                    (*shared, sequence),
                    lambda progress, sequence=sequence: work(sequence, progress),
                    label if proteins.is_one else plain(name),
                )
            except InputError as error:
                left_out[name] = str(error)
        bar.empty()
    if not results:
        stop_with(InputError(next(iter(left_out.values()))))
    if left_out and list_left_out:
        with st.expander(f"{len(left_out)} of {len(proteins.sequences)} sequences are left out"):
            st.markdown("\n".join(f"- {plain(name)}: {plain(reason)}" for name, reason in left_out.items()))
    return Measured(results, left_out)


def measured_together(
    question: Question,
    proteins: ProteinSet,
    key: Hashable,
    work: Callable[[Progress], Result],
    *,
    n_forwards: float,
    label: str,
) -> Result | None:
    """`work(progress)` on all proteins at once, or None until the person asks for what takes long.

    For what can't be measured one protein at a time. `n_forwards` is how often it runs the model on each; an
    `InputError` stops the page.
    """
    model, sequences = question.model, tuple(proteins.sequences.values())
    whole = (key, model.fingerprint, question.residue, question.target, sequences)
    about = seconds(model, n_forwards, sum(map(len, sequences)))
    with on_request(whole, about, f"Compute for {proteins}") as go_on:
        if not go_on:
            return None
        try:
            return engine.computed(whole, work, label)
        except InputError as error:
            stop_with(error)
