"""Sections on what is predicted: at masked first residues, and against repeats that say otherwise."""

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from core.answers.competition import FIXED_SCALE, HELD, OWN, Competition
from core.answers.competition import competition as outvoting
from core.answers.first_residue import FirstResidue
from core.answers.first_residue import first_residue as predicting
from core.answers.intervals import HOW_INTERVALS_ARE_MADE, Rate
from core.answers.words import counted
from core.experiments.report import Comparison, Section
from core.experiments.start_codon.study import M_FIRST, Study, said_of
from core.figures.competition import competing_logits
from core.figures.style import CLEAN, TARGET, bars
from core.model import Model
from core.proteins.evaluation_sets import GROUPS
from core.tables import deviations, means, rows

LETTERS = "AGLSEK"
"""The repeats of the set's diagnostics."""


def first_residue(study: Study) -> Section:
    """Does the model say M at a masked first residue, whatever follows?"""
    found = study.start
    groups = {member.name: member.group for member in study.members}
    by_group = found.by_group(groups, GROUPS)
    others = predicting(study.survey, study.non_m_starters, M_FIRST) if study.non_m_starters else None
    if others is not None:
        by_group.loc[len(by_group)] = others.rates("first residue not M")
    table = found.table.assign(group=found.table.subject.map(groups))
    missed = table[~found.is_first]
    return Section(
        title="Does the model expect M at the start?",
        question="With the first residue masked, does M rank first, whatever the sequence?",
        reading=(
            "The set holds known proteins, shuffles of them with the composition kept, random strings and diagnostics. "
            "In each, residue 1 is masked. The M-rate is the share of sequences where M ranks first among the amino "
            "acids; the M-gap is M's logit minus the strongest other amino acid's. "
            f"{HOW_INTERVALS_ARE_MADE}"
        ),
        finding=said_of(
            found.sequences,
            f"M ranks first in {found.rate.of('sequences')}: {_by_group(by_group)}. "
            f"It misses {', '.join(missed.subject) or 'none'}.",
        ),
        figures={
            "M-rate by group: the share of sequences where M ranks first.": bars(
                by_group.group.tolist(),
                {"M-rate": by_group.m_rate.to_numpy()},
                colours=[TARGET] * len(by_group),
                x_title="Group of sequences",
                y_title="M-rate",
            ),
            "M-gap of every sequence; M ranks first above the line.": _gaps_by_group(found, groups),
        },
        tables={"start": table, "start-by-group": by_group},
        comparisons=Comparison.all(found.beside_paper(study.known, others)),
    )


def competition(study: Study) -> Section:
    """What does it take to outvote M?"""
    found = outvoting(study.survey, {f"poly-{letter}": letter for letter in LETTERS}, M_FIRST, seed=study.seed)
    crossings = found.crossings()
    own = rows(crossings, repeat="poly-A", dropout=OWN).iloc[0]
    by, logits = ["subject", "dropout", "masks"], ["target", "repeated", "probability", "gap"]
    spread = deviations(found.broken, by, logits, ddof=1)
    destroyed = means(found.broken, by, [*logits, "scale"]).merge(spread)
    return Section(
        title="Is M outvoted, or switched off?",
        question="Does a repeat lower M's logit, or does the repeated residue's own logit grow past it?",
        reading=(
            "Elongation: the masked residue stands before ever more alanines (and other residues, in the tables). "
            "Destruction: in a 20-residue repeat ever more residues are masked, in 50 random orders; bands are one "
            f"standard deviation. {_scale_in_words(study.survey.model)} Logits have a free constant: they are shown "
            "minus the mean of the 20 amino acids', which all of them move, beside the M-gap and P(M), which have "
            "none. Every repeat is one sequence: there is no interval."
        ),
        finding=(
            f"{_first_losses(found)} While alanines are added, M's centred logit moves by {own.m_range:.1f} and "
            f"alanine's by {own.repeated_range:.1f}, P(M) between {own.p_least:.2f} and {own.p_most:.2f}."
            + (
                f" With token dropout's scale held, the larger of the two changes {found.changes('poly-A', HELD)}."
                if study.survey.model.token_dropout
                else ""
            )
        ),
        figures={
            "Elongation: M and alanine at the mask, and token dropout's scale.": _drawn(
                found.grown, "length", "Alanines behind the mask"
            ),
            "Destruction of a 20-residue poly-A, means over orders.": _drawn(
                found.broken, "masks", "Masked residues, the first included"
            ),
        },
        tables={
            "elongation": found.grown,
            "destruction": destroyed,
            "crossings": crossings,
        },
        comparisons=Comparison.all(found.beside_paper("poly-A")),
    )


def _by_group(table: pd.DataFrame) -> str:
    counts = zip(table.group, table.m_first, table.sequences, table.proteins, strict=True)
    return "; ".join(f"{group} {Rate(hits, n, proteins)}" for group, hits, n, proteins in counts)


def _gaps_by_group(found: FirstResidue, groups: Mapping[str, str]) -> go.Figure:
    figure = bars([], {}, colours={}, x_title="Group of sequences", y_title="M-gap (logits)")
    for first, colour in ((True, TARGET), (False, CLEAN)):
        shown = found.table[found.is_first == first]
        figure.add_scatter(
            x=shown.subject.map(dict(groups)).tolist(),
            y=shown.gap.to_numpy(),
            text=shown.subject.tolist(),
            mode="markers",
            name="M first" if first else "M outvoted",
            marker={"color": colour, "size": 9, "opacity": 0.7},
            hovertemplate="%{text}<br>M-gap %{y:.2f}<extra></extra>",
        )
    return figure.add_hline(y=0, line={"color": CLEAN, "width": 1}).update_layout(showlegend=True)


def _drawn(table: pd.DataFrame, x: str, x_title: str) -> go.Figure:
    own, held = (rows(table, subject="poly-A", dropout=dropout) for dropout in (OWN, HELD))
    return competing_logits(own, x, target="M", letter="A", x_title=x_title, held=None if held.empty else held)


def _scale_in_words(model: Model) -> str:
    if not model.token_dropout:
        return "The model has no token dropout: masks leave the scale of the embeddings alone, and its line is flat."
    return (
        "Token dropout multiplies all embeddings by a scale that depends on the share of masks, so it moves in both "
        f"experiments: it has a line of its own, and dotted lines hold it at {FIXED_SCALE}."
    )


def _first_losses(found: Competition) -> str:
    own = rows(found.grown, dropout=OWN)
    lost = own[own.gap <= 0].groupby("subject", sort=False).length.min()
    if lost.empty:
        return f"No repeat of up to {own.length.max()} residues outvotes M."
    each = [f"{counted(n, 'residue')} of {repeat}" for repeat, n in lost.items()]
    return f"M first loses to {', '.join(each)}."
