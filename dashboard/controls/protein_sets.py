"""What a page measures over: the sidebar's protein, the evaluation set, or a FASTA file."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

import streamlit as st

from core.answers.split import split
from core.errors import InputError
from core.progress import Progress
from core.proteins.evaluation_sets import Group, evaluation_set
from core.proteins.examples import examples, load_example
from core.proteins.protein import read_file
from dashboard import engine
from dashboard.controls import bound
from dashboard.controls.uploads import upload
from dashboard.engine import UNASKED_SECONDS, seconds
from dashboard.question import Question, stop_with
from dashboard.script import Shown
from dashboard.session import plain
from dashboard.survey import answered

THIS, EVALUATION, FASTA = "This protein", "Evaluation set", "FASTA file"
MOST: Final = 200
"""The command line takes larger sets, on as many processes as there are."""

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class ProteinSet:
    """Sequences by name; one alone when it is the sidebar's protein."""

    title: str
    sequences: Mapping[str, str]
    groups: Mapping[str, Group] = field(default_factory=dict)
    """Which kind each sequence is, of the evaluation set."""

    @property
    def real(self) -> set[str]:
        """The names of those that are proteins: no shuffles, random strings or diagnostics."""
        return {name for name in self.sequences if self.groups.get(name, "known") == "known"}

    @property
    def is_one(self) -> bool:
        return len(self.sequences) == 1

    @property
    def count(self) -> str:
        """How many there are, in words."""
        return "1 sequence" if self.is_one else f"{len(self.sequences)} sequences"

    def __str__(self) -> str:
        return plain(self.title) if self.is_one else f"{plain(self.title)}, {self.count}"


def choose_set(question: Question, default: str = THIS) -> ProteinSet:
    """Draws the choice of what to measure over; stops the page with one line where a file cannot be used."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        over = bound.switch("Measure over", [THIS, EVALUATION, FASTA], "over", default=default)
        try:
            if over == EVALUATION:
                return _evaluation_set()
            if over == FASTA:
                return _uploaded()
        except InputError as error:
            stop_with(error)
    return ProteinSet(question.protein.name, {question.protein.name: question.protein.sequence})


def judging(question: Question, proteins: ProteinSet) -> ProteinSet:
    """The set without the sidebar's protein and its shuffles, on which a page's heads and circuits are preset.

    Says so in one line, also where the protein is the whole set and judges what it chose.
    """
    halves = split(proteins.sequences, question.alone)
    st.caption(
        f"Heads and circuits are preset from {plain(question.protein.name)}: {halves}."
        + ("" if halves.is_shared else " It and its shuffles are left out of the set.")
    )
    return replace(proteins, sequences=halves.judging)


def _evaluation_set() -> ProteinSet:
    seed = bound.number("Seed of shuffles and random strings", 0, 9999, 0, "seed", width=240)

    def known(_: Progress) -> list[tuple[str, str]]:
        return [(example.title, load_example(example.id).sequence) for example in examples()]

    members = evaluation_set(engine.computed("known proteins", known, "Reading the examples"), seed=seed)
    return ProteinSet(
        "the evaluation set",
        {member.name: member.sequence for member in members},
        {member.name: member.group for member in members},
    )


def _uploaded() -> ProteinSet:
    file = upload("FASTA, also .gz", "set file")
    if file is None:
        st.info("Upload a file. A link to this page cannot hold it.")
        st.stop()
    data = file.data
    key = ("set", file.name, hashlib.sha256(data).hexdigest())
    reading = engine.computed(key, lambda _: read_file(file.name, data), "Reading the file")
    proteins = reading.proteins
    for note in reading.notes:
        st.caption(f":material/info: {plain(note)}")
    if len(proteins) > MOST:
        raise InputError(
            f"{file.name} holds {len(proteins)} proteins, and a page takes {MOST}: "
            "for more, run python -m core.experiments start-codon"
        )
    return ProteinSet(
        file.name, {f"{number}. {protein.name}": protein.sequence for number, protein in enumerate(proteins, start=1)}
    )


def ask_of(
    question: Question,
    proteins: ProteinSet,
    answer: Callable[..., Found],
    *,
    n_forwards: float,
    label: str,
    subjects: Mapping[str, object] | None = None,
    list_left_out: bool = True,
    shown: Shown | None = None,
    **settings: Any,
) -> Found | None:
    """`answered` about every protein of the set, or about what is made of them; `n_forwards` is for each."""
    return answered(
        question,
        answer,
        proteins.sequences if subjects is None else subjects,
        about=sum(seconds(question.model, n_forwards, len(each)) for each in proteins.sequences.values()),
        what=f"Compute for {proteins}",
        label=label,
        list_left_out=list_left_out,
        shown=shown,
        unasked=UNASKED_SECONDS,
        **settings,
    )
