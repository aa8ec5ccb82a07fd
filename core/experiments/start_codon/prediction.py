"""Sections on what is predicted: at masked first residues, and against repeats that say otherwise."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core import paper_comparison
from core.analyses.competition import LENGTHS, crossing
from core.experiments.report import Comparison, Section
from core.experiments.start_codon import measures
from core.experiments.start_codon.study import Study
from core.figures.competition import competing_logits
from core.figures.style import CLEAN, TARGET, bars
from core.paper_values import PaperValue
from core.proteins.evaluation_sets import GROUPS
from core.tables import deviations, means, rows

LETTERS = "AGLSEK"
"""The repeats of the set's diagnostics."""
FIXED_SCALE = 0.88
"""Token dropout's scale in a very long sequence with one mask: what the control holds it at."""


def first_residue(study: Study) -> Section:
    """Does the model say M at a masked first residue, whatever follows?"""
    table = study.start
    by_group = pd.DataFrame([_rates(group, rows(table, group=group)) for group in GROUPS if group in set(table.group)])
    missed = pd.DataFrame(table[table["rank"] > 1])
    n_first = len(table) - len(missed)
    sequences = {member.name: member.sequence for member in study.members}
    comparisons = paper_comparison.prediction(table, [sequences[name] for name in table.subject])
    if study.non_m_starters:
        others = study.survey.table(measures.start, study.non_m_starters)
        rates = _rates("first residue not M", others)
        by_group.loc[len(by_group)] = rates
        stated = PaperValue("the same among proteins given as such", "the majority of 500", "Figure 2A")
        comparisons.append((stated, f"{rates['m_first']} of {rates['sequences']}"))
    return Section(
        title="Does the model expect M at the start?",
        question="With the first residue masked, does M rank first, whatever the sequence?",
        reading=(
            "The set holds known proteins, shuffles of them with the composition kept, random strings and diagnostics. "
            "In each, residue 1 is masked. The M-rate is the share of sequences where M ranks first among the amino "
            "acids; the M-gap is M's logit minus the strongest other amino acid's."
        ),
        finding=(
            f"M ranks first in {n_first} of {len(table)} sequences. It misses {', '.join(missed.subject) or 'none'}."
        ),
        figures={
            "M-rate by group: the share of sequences where M ranks first.": bars(
                by_group.group.tolist(),
                {"M-rate": by_group.m_rate.to_numpy()},
                colours=[TARGET] * len(by_group),
                x_title="Group of sequences",
                y_title="M-rate",
            ),
            "M-gap of every sequence; M ranks first above the line.": _gaps_by_group(table),
        },
        tables={"start": table, "start-by-group": by_group},
        comparisons=Comparison.all(comparisons),
    )


def competition(study: Study) -> Section:
    """What does it take to outvote M?"""
    subjects = {f"poly-{letter}": letter for letter in LETTERS}
    grown = study.survey.table(measures.growing_repeat, subjects, lengths=LENGTHS, fixed_scale=FIXED_SCALE)
    broken = study.survey.table(measures.broken_repeat, subjects, seed=study.seed, fixed_scale=FIXED_SCALE)
    crossings = pd.DataFrame(
        [
            _crossings(grown, broken, repeat=subject, dropout=dropout)
            for subject in subjects
            for dropout in ("the model's own", "fixed")
        ]
    )
    own = rows(crossings, repeat="poly-A", dropout="the model's own").iloc[0]
    held = rows(grown, subject="poly-A", dropout="fixed")
    held_at = paper_comparison.crossed(held.length.to_numpy(), held.gap.to_numpy(), "alanines")
    by, logits = ["subject", "dropout", "masks"], ["target", "repeated", "gap"]
    destroyed = means(broken, by, [*logits, "scale"]).merge(deviations(broken, by, logits, ddof=1))
    poly_a = [rows(table, subject="poly-A", dropout="the model's own") for table in (grown, broken)]
    return Section(
        title="Is M outvoted, or switched off?",
        question="Does a repeat lower M's logit, or does the repeated residue's own logit grow past it?",
        reading=(
            "Elongation: the masked residue stands before ever more alanines (and other residues, in the tables). "
            "Destruction: in a 20-residue repeat ever more residues are masked, in 50 random orders; bands are one "
            "standard deviation. Token dropout multiplies all embeddings by a scale that depends on the share of "
            "masks, so it moves in both experiments: it has a line of its own, and dotted lines hold it at "
            f"{FIXED_SCALE}."
        ),
        finding=(
            f"{_first_losses(grown)} While alanines are added, M's logit moves by {own.m_range:.1f} and alanine's by "
            f"{own.repeated_range:.1f}. With token dropout's scale held, the larger of the two changes {held_at}."
        ),
        figures={
            "Elongation: M and alanine at the mask, and token dropout's scale.": _drawn(
                grown, "length", "Alanines behind the mask"
            ),
            "Destruction of a 20-residue poly-A, means over orders.": _drawn(
                broken, "masks", "Masked residues, the first included"
            ),
        },
        tables={
            "elongation": grown,
            "destruction": destroyed,
            "crossings": crossings,
        },
        comparisons=Comparison.all(paper_comparison.competition(poly_a[0], poly_a[1], "A")),
    )


def _rates(group: str, table: pd.DataFrame) -> dict[str, object]:
    return {
        "group": group,
        "sequences": len(table),
        "m_first": len(rows(table, rank=1)),
        "m_rate": len(rows(table, rank=1)) / len(table),
        "mean_gap": table.gap.mean(),
        "mean_probability": table.probability.mean(),
    }


def _gaps_by_group(table: pd.DataFrame) -> go.Figure:
    figure = bars([], {}, colours={}, x_title="Group of sequences", y_title="M-gap (logits)")
    for first, colour in ((True, TARGET), (False, CLEAN)):
        shown = table[(table["rank"] == 1) == first]
        figure.add_scatter(
            x=shown.group.tolist(),
            y=shown.gap.to_numpy(),
            text=shown.subject.tolist(),
            mode="markers",
            name="M first" if first else "M outvoted",
            marker={"color": colour, "size": 9, "opacity": 0.7},
            hovertemplate="%{text}<br>M-gap %{y:.2f}<extra></extra>",
        )
    return figure.add_hline(y=0, line={"color": CLEAN, "width": 1}).update_layout(showlegend=True)


def _drawn(table: pd.DataFrame, x: str, x_title: str) -> go.Figure:
    own, held = (rows(table, subject="poly-A", dropout=dropout) for dropout in ("the model's own", "fixed"))
    return competing_logits(own, x, target="M", letter="A", x_title=x_title, held=held)


def _crossings(grown: pd.DataFrame, broken: pd.DataFrame, *, repeat: str, dropout: str) -> dict[str, object]:
    """Where a repeat outvotes M as it grows, and where M is back as it breaks; how far each logit moves."""
    longer = rows(grown, subject=repeat, dropout=dropout)
    destroyed = means(rows(broken, subject=repeat, dropout=dropout), ["masks"], ["gap"])
    return {
        "repeat": repeat,
        "dropout": dropout,
        "outvoted_at": crossing(longer.length.to_numpy(), longer.gap.to_numpy()),
        "back_at": crossing(destroyed.masks.to_numpy(), destroyed.gap.to_numpy()),
        "m_range": np.ptp(longer.target.to_numpy()),
        "repeated_range": np.ptp(longer.repeated.to_numpy()),
    }


def _first_losses(grown: pd.DataFrame) -> str:
    own = rows(grown, dropout="the model's own")
    lost = own[own.gap <= 0].groupby("subject", sort=False).length.min()
    if lost.empty:
        return f"No repeat of up to {grown.length.max()} residues outvotes M."
    return f"M first loses to {', '.join(f'{length} residues of {subject}' for subject, length in lost.items())}."
