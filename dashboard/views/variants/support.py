"""What speaks for each letter of the question's protein, measured when it is asked for."""

from collections.abc import Hashable

import pandas as pd

from core.analyses.evidence import REPEATS, Support, measure_support
from core.analyses.variant_evidence import verdicts
from dashboard import engine
from dashboard.engine import on_request, seconds
from dashboard.question import Question

ROWS = 2 + 4 * len(REPEATS)
"""Passes for each residue, a few more where its surroundings have copies."""


def support_of(question: Question, residues: tuple[int, ...], what: str) -> Support | None:
    """The support of some residues, from that of all where it is known; None until it is asked for where it is long."""
    known, model, sequence = known_support(question), question.model, question.protein.sequence
    if known is not None:
        return known
    key = _key(question, residues)
    about = seconds(model, ROWS * len(residues), len(sequence))
    with on_request(key, about, what) as go:
        if not go:
            return None
        return engine.computed(
            key,
            lambda progress: measure_support(model, sequence, residues, progress=progress),
            f"Reading {len(residues)} residues under {len(REPEATS)} random orders",
            about,
        )


def known_verdicts(question: Question) -> pd.DataFrame | None:
    """What every substitution's ratio rests on, where all residues were measured before: as `verdicts`."""
    support = known_support(question)
    if support is None:
        return None
    key = ("verdicts", *_key(question, support.residues))
    return engine.computed(key, lambda _: verdicts(support), "Taking ratios apart")


def known_support(question: Question) -> Support | None:
    """The support of all residues, where it was measured before."""
    return engine.known(_key(question, tuple(range(len(question.protein.sequence)))))


def _key(question: Question, residues: tuple[int, ...]) -> tuple[Hashable, ...]:
    return ("support", question.model.fingerprint, question.protein.sequence, residues)
