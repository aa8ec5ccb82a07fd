"""The command `evidence`: the verdicts' calibration on one model, as a report and as the table the page shows."""

from pathlib import Path
from typing import Annotated

import typer

from core.answers.calibration import FILE, as_markdown, make_calibration, save_calibration
from core.experiments.evidence import EXPERIMENT
from core.experiments.evidence.study import Study, held_out_members
from core.experiments.experiment import publish
from core.experiments.options import (
    N_CORES,
    DaskOption,
    ModelOption,
    OnlyOption,
    OutOption,
    SeedOption,
    WorkersOption,
    open_survey,
    say_notes,
)
from core.experiments.start_codon.command import FastaOption, NonMOption, read, sequences
from core.model import load_model
from core.proteins.examples import examples, load_example

FamiliesOption = Annotated[
    Path | None,
    typer.Option(
        help="FASTA file of the families that the model was trained on; what was held out of each is judged.",
        dir_okay=False,
    ),
]


def evidence(
    out: OutOption,
    model: ModelOption = "embedded",
    proteins: FastaOption = None,
    non_m_starters: NonMOption = None,
    families: FamiliesOption = None,
    members: Annotated[int, typer.Option(help="Held-out members of each family.", min=1)] = 8,
    random: Annotated[int, typer.Option(help="Random strings.", min=1)] = 20,
    longest: Annotated[int, typer.Option(help="Proteins of more residues are left out.", min=15)] = 300,
    only: OnlyOption = None,
    workers: WorkersOption = N_CORES,
    dask: DaskOption = None,
    seed: SeedOption = 0,
) -> None:
    """May the verdicts "evidence" and "default" be trusted on this model? They are given where the truth is known.

    Writes a report, and evidence.json and EVIDENCE.md, which the page Sanity check shows when they lie beside the
    model's weights. A second call goes on where an interrupted one stopped.
    """
    parts = EXPERIMENT.chosen(only)
    files = {path: read(path, False, False) for path in (proteins, non_m_starters) if path}
    known = sequences(files[proteins]) if proteins else {e.title: load_example(e.id).sequence for e in examples()}
    others = sequences(files[non_m_starters]) if non_m_starters else {}
    known, others = ({name: s for name, s in each.items() if len(s) <= longest} for each in (known, others))
    held_out, conserved = held_out_members(families, members, longest) if families else ({}, {})
    loaded = load_model(model)
    settings = {
        "proteins": str(proteins) if proteins else "plmscope's examples",
        "proteins_used": len(known),
        "first_residue_not_M": len(others),
        "families": str(families) if families else "none",
        "members_of_each_family": members if families else 0,
        "random_strings": random,
        "longest": longest,
        "seed": seed,
    }
    with open_survey(loaded, model, out, workers, dask) as survey:
        study = Study(survey, known, others, held_out, conserved, random, seed)
        report = publish(EXPERIMENT, study, survey, loaded, out, parts=parts, settings=settings)
        sample = (
            f"Measured on {len(known)} proteins, {len(others)} that don't start with M, {random} random strings and "
            f"{sum(map(len, held_out.values()))} held-out family members of up to {longest} residues, seed {seed}."
        )
        calibrated = make_calibration(loaded, study.criteria, sample)
        save_calibration(calibrated, out / FILE)
        (out / "EVIDENCE.md").write_text(as_markdown(calibrated), encoding="utf-8")
    say_notes({protein.name: protein.notes for reading in files.values() for protein in reading.proteins})
    for (measurement, subject), reason in survey.left_out.items():
        typer.echo(f"left out: {subject}, {measurement}: {reason}", err=True)
    typer.echo(report)
