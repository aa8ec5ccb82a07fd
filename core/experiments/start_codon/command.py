"""The command `start-codon`: from a FASTA file to a report."""

from pathlib import Path
from typing import Annotated

import typer

from core.errors import InputError
from core.experiments.experiment import publish
from core.experiments.options import (
    N_CORES,
    DaskOption,
    LongOption,
    ModelOption,
    OnlyOption,
    OutOption,
    SeedOption,
    TranslateOption,
    WorkersOption,
    most_residues,
    open_survey,
    say_notes,
)
from core.experiments.start_codon import EXPERIMENT
from core.experiments.start_codon.study import Study
from core.model import load_model
from core.proteins.evaluation_sets import evaluation_set
from core.proteins.examples import examples, load_example
from core.proteins.protein import Reading, read_file

FastaOption = Annotated[
    Path | None,
    typer.Option(
        help="File of known proteins: FASTA, GenPept, an alignment (its query), a structure (its chains); plmscope's "
        "own examples when not given."
    ),
]
NonMOption = Annotated[
    Path | None, typer.Option(help="FASTA file of proteins whose own first residue isn't M, for the M-rate among them.")
]
InternalOption = Annotated[
    str,
    typer.Option(
        help="Residues, counted from 1, that are masked for comparison: measurements inside are means over them, rates "
        "over five residues from the first of them to each sequence's end.",
        metavar="RESIDUE,…",
    ),
]


def start_codon(
    out: OutOption,
    model: ModelOption = "embedded",
    proteins: FastaOption = None,
    non_m_starters: NonMOption = None,
    internal: InternalOption = "11",
    only: OnlyOption = None,
    workers: WorkersOption = N_CORES,
    dask: DaskOption = None,
    seed: SeedOption = 0,
    allow_long: LongOption = False,
    translate: TranslateOption = False,
) -> None:
    """How does a protein language model start a protein? All experiments of the start-codon paper, as one report.

    The set is the proteins, a shuffle of each, 15 random strings and 8 diagnostics: 63 sequences for 20 proteins. A
    second call goes on where an interrupted one stopped.
    """
    parts, residues = EXPERIMENT.chosen(only), _internal_residues(internal)
    files = {path: read(path, allow_long, translate) for path in (proteins, non_m_starters) if path}
    known = sequences(files[proteins]) if proteins else {e.title: load_example(e.id).sequence for e in examples()}
    members = evaluation_set(list(known.items()), seed=seed)
    others = sequences(files[non_m_starters]) if non_m_starters else {}
    starting = [name for name, sequence in others.items() if sequence.startswith("M")]
    if starting:
        raise InputError(f"{non_m_starters}: '{starting[0]}' begins with M, and {len(starting) - 1} more do")
    loaded = load_model(model)
    settings = {
        "proteins": str(proteins) if proteins else "plmscope's examples",
        "sequences": len(members),
        "internal_residues": ", ".join(str(residue + 1) for residue in residues),
        "seed": seed,
    }
    with open_survey(loaded, model, out, workers, dask) as survey:
        for reading in files.values():
            survey.left_out.update({("reading", name): reason for name, reason in reading.left_out.items()})
        study = Study(survey, members, residues, seed, others)
        report = publish(EXPERIMENT, study, survey, loaded, out, parts=parts, settings=settings)
    say_notes({protein.name: protein.notes for reading in files.values() for protein in reading.proteins})
    for (measurement, subject), reason in survey.left_out.items():
        typer.echo(f"left out: {subject}, {measurement}: {reason}", err=True)
    typer.echo(report)


def _internal_residues(text: str) -> tuple[int, ...]:
    """The residues (0-based, in order) in a list such as "11,21" counted from 1; `InputError` for anything else."""
    for number in text.split(","):
        if not number.strip().isdecimal() or int(number) < 2:
            raise InputError(f"'{number}' is not an internal residue: write them counted from 1, from 2 on, as 11,21")
    return tuple(sorted({int(number) - 1 for number in text.split(",")}))


def read(path: Path, allow_long: bool, translate: bool) -> Reading:
    """What a file of proteins holds; `InputError` when it isn't there or can't be read."""
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    return read_file(path.name, path.read_bytes(), max_length=most_residues(allow_long), translate=translate)


def sequences(reading: Reading) -> dict[str, str]:
    """Sequences by name; a name that comes again is numbered."""
    found: dict[str, str] = {}
    for protein in reading.proteins:
        name, again = protein.name, 2
        while name in found:
            name, again = f"{protein.name} ({again})", again + 1
        found[name] = protein.sequence
    return found
