"""A survey whose results are computed by workers and kept in files, so that a stopped run goes on."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from core.answers.survey import Failure, Measure, Survey
from core.experiments.workers import Task, Workers, code_digest
from core.progress import SILENT, Progress
from core.whole_file import write_whole


@dataclass(frozen=True, slots=True)
class StoredSurvey(Survey):
    """Workers that measure one model, and the folder where every subject's table is kept."""

    source: str
    """What `core.model.load_model` takes, on every worker."""
    folder: Path
    workers: Workers
    progress: Progress = SILENT

    def outcomes(
        self, measure: Measure, subjects: Mapping[str, object], settings: Mapping[str, object]
    ) -> dict[str, pd.DataFrame | Failure]:
        """From the files where they are, computed where not; subjects that are the same are computed once."""
        what = measure.__name__
        tasks = {name: self._task(measure, subject, settings) for name, subject in subjects.items()}
        files = {name: self.folder / what / f"{task_key(task)}.csv" for name, task in tasks.items()}
        missing = {files[name]: tasks[name] for name in subjects if not files[name].is_file()}
        failures = self._compute(what, missing)
        return {name: failures[file] if file in failures else _read(file) for name, file in files.items()}

    def _task(self, measure: Measure, subject: object, settings: Mapping[str, object]) -> Task:
        code = code_digest(measure.__module__)
        return Task(measure, self.source, self.model.fingerprint, code, subject, tuple(sorted(settings.items())))

    def _compute(self, what: str, missing: Mapping[Path, Task]) -> dict[Path, Failure]:
        file_of = {task_key(task): file for file, task in missing.items()}
        failures: dict[Path, Failure] = {}
        if missing:
            self.progress.part(what).report(0, len(missing))
        for done, (task, outcome) in enumerate(self.workers.run(list(missing.values()))):
            self.progress.part(what).report(done + 1, len(missing))
            file = file_of[task_key(task)]
            if isinstance(outcome, Failure):
                failures[file] = outcome
            else:
                write_whole(file, outcome)
        return failures


def task_key(task: Task) -> str:
    """A name for a task's result that changes when anything it depends on does."""
    measure = f"{task.measure.__module__}.{task.measure.__qualname__}"
    parts = (task.fingerprint, measure, task.code, task.subject, task.settings)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def _read(file: Path) -> pd.DataFrame:
    return pd.read_csv(file, keep_default_na=False, na_values=[""]).copy()  # one block, where columns are many
