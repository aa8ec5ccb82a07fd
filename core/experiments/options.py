"""What every experiment's command accepts, and the survey and progress bars that come of it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from core.experiments.survey import Survey
from core.experiments.workers import Dask, Processes
from core.model import Model

ModelOption = Annotated[str, typer.Option(help="'embedded', the name of a published ESM-2, or a path to weights.")]
OutOption = Annotated[Path, typer.Option(help="Folder for tables, report and resumable results.", file_okay=False)]
OnlyOption = Annotated[str | None, typer.Option(help="Only these parts, separated by commas.", metavar="PART,…")]
WorkersOption = Annotated[int, typer.Option(help="Processes on this machine; tables are the same for any number.")]
DaskOption = Annotated[
    str | None,
    typer.Option(help="Scheduler of a Dask cluster to run on instead, such as tcp://10.0.0.1:8786.", metavar="ADDRESS"),
]
SeedOption = Annotated[int, typer.Option(help="Seed of everything drawn at random.", min=0)]

N_CORES = os.cpu_count() or 1


@contextmanager
def open_survey(model: Model, source: str, out: Path, workers: int, dask: str | None) -> Iterator[Survey]:
    """A survey of `model`, which workers load from `source`; results are kept in `out/measured`, progress is shown."""
    path = Path(source)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Dask(dask) if dask else Processes(workers) as pool, Progress(*columns) as bars:
        shown: dict[str, TaskID] = {}

        def progress(what: str, done: int, total: int) -> None:
            if what not in shown:
                shown[what] = bars.add_task(what)
            bars.update(shown[what], completed=done, total=total)

        found = str(path.resolve()) if path.exists() else source  # workers may have another working directory
        yield Survey(found, model.fingerprint, out / "measured", pool, progress)
