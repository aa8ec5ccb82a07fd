"""Sections of the calibration: each measures one kind of sequence in which the truth is known."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.analyses.evidence import PARTS
from core.answers import calibration
from core.answers.calibration import Criterion, called, duplicates, false_evidence, own, residues_of
from core.answers.evidence import evidence, letters
from core.errors import InputError
from core.experiments.evidence.study import CONSERVED_SHARE, N_RELATIVES, Study
from core.experiments.report import Section
from core.figures.evidence import stacked_shares
from core.tables import means, rows

N_DUPLICATES: Final = 8


def controls(study: Study) -> Section:
    """Is anything called evidence where the order says nothing?"""
    found: list[Criterion] = []
    tables: dict[str, pd.DataFrame] = {}
    for name, sequences in (("shuffled", study.shuffled), ("random", study.random)):
        judged = evidence(study.survey, sequences, seed=study.seed)
        tables[f"controls-{name}"] = judged.letters
        group = f"{len(sequences)} {name} sequences, confident residues"
        found += false_evidence(name, group, judged.letters)
    return _section(
        study,
        found,
        title="Is anything called evidence where the order says nothing?",
        question="In shuffled and random sequences, how often is a confident prediction called evidence?",
        reading=(
            "Every residue was masked in turn, and the confident ones were taken apart. Their first residues are "
            "defaults of position, so the count is also given without them."
        ),
        tables=tables,
    )


def families(study: Study) -> Section:
    """Is a family's conserved third called evidence?"""
    if not study.conserved:
        raise InputError("no families were given: --families names their FASTA file")
    found: list[Criterion] = []
    tables: dict[str, pd.DataFrame] = {}
    for family, chosen in study.conserved.items():
        judged = letters(study.survey, chosen, seed=study.seed)
        tables[f"conserved-{family.replace(' ', '-')}"] = judged
        mine, of = own(judged, chosen), {name: len(each.residues) for name, each in chosen.items()}
        confident = residues_of(pd.DataFrame(mine[mine.verdict != "none"]))
        note = (
            f"{int((mine.verdict == 'none').sum())} not confident, {int((mine.verdict == 'unsettled').sum())} unsettled"
        )
        group = f"{family}: conserved third of {len(chosen)} held-out members"
        found.append(called(family, group, mine, "evidence", calibration.CONSERVED, of, note))
        group = f"{family}: the confident ones of these"
        found.append(called(f"{family}, confident", group, mine, "evidence", calibration.CONSERVED, confident))
    return _section(
        study,
        found,
        title="Is what a family keeps called evidence?",
        question="At conserved residues of held-out family members, is the protein's own letter called evidence?",
        reading=(
            f"Conserved are the {CONSERVED_SHARE:.0%} of a member's residues that most of {N_RELATIVES} trained "
            "members have too, aligned one by one. The members were held out of training; the thresholds were chosen "
            "on others."
        ),
        tables=tables,
    )


def starts(study: Study) -> Section:
    """Is methionine at a masked first residue a default of position?"""
    found, tables = [], []
    for group, chosen in study.first_residues.items():
        judged = letters(study.survey, chosen, seed=study.seed).assign(group=group)
        methionine = rows(judged, letter="M")
        tables.append(methionine)
        of = dict.fromkeys(chosen, 1)
        said = f"residue 1 masked: {len(chosen)} {group if group.startswith('first') else group + ' sequences'}"
        found.append(called(f"start, {group}", said, methionine, "position", calibration.STARTS, of))
    table = pd.concat(tables, ignore_index=True)
    return _section(
        study,
        found,
        title="Is methionine at the start a default of position?",
        question="At a masked first residue, is M called a default of position, whatever the sequence?",
        reading="The bars are the mean parts of M's log-odds in each group.",
        tables={"starts": table},
        figure=stacked_shares(means(table, ["group"], PARTS), "group"),
    )


def poly_x(study: Study) -> Section:
    """Is a repeat of one amino acid a default of composition?"""
    chosen = calibration.poly_x()
    judged = letters(study.survey, chosen, seed=study.seed)
    mine = own(judged, chosen)
    confident = pd.DataFrame(mine[~mine.verdict.isin(["none", "competition"])])
    group = "middle of 40 residues of one amino acid, where it is confident and no other letter competes"
    left_out = [f"{row['letter']} ({row['verdict']})" for _, row in mine.drop(confident.index).iterrows()]
    note = f"left out: {', '.join(left_out)}" if left_out else ""
    criterion = called("poly-X", group, confident, "composition", calibration.REPEATS, residues_of(confident), note)
    return _section(
        study,
        [criterion],
        title="Is a repeat of one amino acid a default of composition?",
        question="In the middle of 40 residues of one amino acid, is it called a default of composition?",
        reading="Every amino acid was tried. No order can be taken away from such a sequence.",
        tables={"poly-x": mine},
    )


def copying(study: Study) -> Section:
    """Is what the model copies called copied?"""
    chosen = duplicates(N_DUPLICATES, study.seed)
    judged = letters(study.survey, chosen, seed=study.seed)
    mine = own(judged, chosen)
    copies = pd.DataFrame(mine[(mine.copying_low > 0) & (mine.verdict != "none")])
    gain = mine.copying.to_numpy()
    mean, error = float(gain.mean()), float(gain.std(ddof=1) / np.sqrt(len(gain)))
    note = (
        f"copying adds {mean:+.2f} nats on average (standard error {error:.2f}) at {len(mine)} residues; it is above "
        f"its interval's zero, and the letter confident, at {len(copies)}"
    )
    if not len(copies):
        note += ": this model does not copy, so the verdict could not be tried"
    group = "second copy of random segments, where the model copies"
    criterion = called("duplicates", group, copies, "copied", calibration.COPIES, residues_of(copies), note)
    return _section(
        study,
        [criterion],
        title="Is what the model copies called copied?",
        question="Inside the second copy of a duplicated random segment, is the letter called copied?",
        reading=(
            "Nothing but the first copy says what stands there. Whether the model copies at all is seen in what the "
            "letter loses when the first copy is put in a random order."
        ),
        tables={"copying": mine},
    )


def _section(
    study: Study,
    found: list[Criterion],
    *,
    title: str,
    question: str,
    reading: str,
    tables: Mapping[str, pd.DataFrame],
    figure: go.Figure | None = None,
) -> Section:
    study.criteria.extend(found)
    table = calibration.make_calibration(study.survey.model, found, "").table()
    said = "; ".join(
        f"{row['Where']}: {row['Verdict counted']} in {row['Found']}, asked {row['Asked']}"
        for _, row in table.iterrows()
    )
    figures = {} if figure is None else {"What M's log-odds are made of, means in nats.": figure}
    return Section(title, question, reading, f"{said}.", figures, {f"criteria-{found[0].name}": table, **tables})
