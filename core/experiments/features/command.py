"""The command `features`: named concepts of a set of proteins, as tables and a report."""

from pathlib import Path
from typing import Annotated

import typer

from core.errors import InputError
from core.experiments.experiment import publish
from core.experiments.features import EXPERIMENT
from core.experiments.features.study import Study
from core.experiments.options import (
    N_CORES,
    DaskOption,
    LongOption,
    ModelOption,
    OutOption,
    TranslateOption,
    WorkersOption,
    open_survey,
    say_notes,
)
from core.experiments.start_codon.command import FastaOption, read, sequences
from core.features.files import with_dictionaries
from core.model import load_model
from core.model_files import features_folder
from core.proteins.examples import examples, load_example


def features(
    out: OutOption,
    model: ModelOption = "embedded",
    proteins: FastaOption = None,
    layer: Annotated[list[int] | None, typer.Option(help="Layers read, from 1; every dictionary's without.")] = None,
    dictionaries: Annotated[
        Path | None, typer.Option(help="Folder of dictionaries with names.json; beside the model's weights without.")
    ] = None,
    workers: WorkersOption = N_CORES,
    dask: DaskOption = None,
    allow_long: LongOption = False,
    translate: TranslateOption = False,
) -> None:
    """Which named concepts does a layer see in each protein? A table with a row per residue, and a report."""
    reading = read(proteins, allow_long, translate) if proteins else None
    known = sequences(reading) if reading else {e.title: load_example(e.id).sequence for e in examples()}
    loaded = load_model(model)
    folder = dictionaries or features_folder(loaded.name)
    if folder is None or not folder.is_dir():
        raise InputError(f"{loaded.name} has no dictionary of features in {folder}: name a folder by --dictionaries")
    held = [each.layer for each in with_dictionaries(loaded, folder).dictionaries]
    layers = tuple(each - 1 for each in layer) if layer else tuple(held)
    missing = [each + 1 for each in layers if each not in held]
    if missing:
        raise InputError(f"{folder} holds no dictionary of layer {missing[0]}")
    settings = {
        "proteins": str(proteins) if proteins else "plmscope's examples",
        "sequences": len(known),
        "layers": ", ".join(f"L{each + 1}" for each in layers),
        "dictionaries": str(folder),
    }
    with open_survey(loaded, model, out, workers, dask) as survey:
        study = Study(survey, known, layers, folder.resolve())
        report = publish(EXPERIMENT, study, survey, loaded, out, parts=("concepts",), settings=settings)
    say_notes({protein.name: protein.notes for protein in (reading.proteins if reading else ())})
    for (measurement, subject), reason in survey.left_out.items():
        typer.echo(f"left out: {subject}, {measurement}: {reason}", err=True)
    typer.echo(report)
