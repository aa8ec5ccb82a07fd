"""What every experiment's command accepts, and the survey and progress bars that come of it."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichBars
from rich.text import Text

from core.experiments.survey import StoredSurvey
from core.experiments.workers import Dask, Processes
from core.model import Model
from core.progress import Progress
from core.proteins.atom_sites import some
from core.proteins.protein import LONGEST_ALLOWED, MAX_LENGTH

ModelOption = Annotated[str, typer.Option(help="'embedded', a published ESM-2 or ESMC, or a path to weights.")]
OutOption = Annotated[Path, typer.Option(help="Folder for tables, report and resumable results.", file_okay=False)]
OnlyOption = Annotated[str | None, typer.Option(help="Only these parts, separated by commas.", metavar="PART,…")]
WorkersOption = Annotated[int, typer.Option(help="Processes on this machine; tables are the same for any number.")]
DaskOption = Annotated[
    str | None,
    typer.Option(help="Scheduler of a Dask cluster to run on instead, such as tcp://10.0.0.1:8786.", metavar="ADDRESS"),
]
SeedOption = Annotated[int, typer.Option(help="Seed of everything drawn at random.", min=0)]

LongOption = Annotated[
    bool,
    typer.Option(
        "--allow-long",
        help=f"Take proteins of more than {MAX_LENGTH:,} residues, up to {LONGEST_ALLOWED:,}; "
        "time and memory grow with the square of the length.",
    ),
]
TranslateOption = Annotated[
    bool, typer.Option("--translate", help="Translate DNA and RNA (first reading frame, standard code).")
]

N_CORES = os.cpu_count() or 1


def most_residues(allow_long: bool) -> int:
    """How many residues a protein may have."""
    return LONGEST_ALLOWED if allow_long else MAX_LENGTH


def say_notes(notes: Mapping[str, Iterable[str]]) -> None:
    """Writes each note on proteins to the terminal once, with the names of those that it is about."""
    about: dict[str, list[str]] = {}
    for name, lines in notes.items():
        for line in lines:
            about.setdefault(line, []).append(name)
    for line, names in about.items():
        typer.echo(f"note: {some(names)}: {line}", err=True)


class TimeLeft(ProgressColumn):
    """What is left of a part at the pace so far; rich's own looks back half a minute, less than one step may take."""

    def render(self, task: Task) -> Text:
        if not task.completed or not task.total or task.elapsed is None:
            return Text("")
        left = task.elapsed * (task.total - task.completed) / task.completed
        return Text(f"about {timedelta(seconds=round(left))} left" if left else "")


class Bars(Progress):
    """A bar in the terminal for every named part of the work."""

    def __init__(self, bars: RichBars, what: str | None = None) -> None:
        super().__init__()
        self._bars, self._task = bars, None if what is None else bars.add_task(what)
        self._parts: dict[str, Bars] = {}

    def report(self, done: int, total: int | None) -> None:
        super().report(done, total)
        if self._task is not None:
            self._bars.update(self._task, completed=done, total=total)

    def part(self, what: str) -> "Bars":
        if what not in self._parts:
            self._parts[what] = Bars(self._bars, what)
        return self._parts[what]


@contextmanager
def open_survey(model: Model, source: str, out: Path, workers: int, dask: str | None) -> Iterator[StoredSurvey]:
    """A survey of `model`, which workers load from `source`; results are kept in `out/measured`, progress is shown."""
    path = Path(source)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeLeft()
    with Dask(dask) if dask else Processes(workers) as pool, RichBars(*columns) as bars:
        found = str(path.resolve()) if path.exists() else source  # workers may have another working directory
        yield StoredSurvey(model, found, out / "measured", pool, Bars(bars))
