"""A model measured over many subjects, once each: results are kept in files, so that a stopped run goes on."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from core.experiments.workers import Failure, Measure, Task, Workers, code_digest
from core.whole_file import write_whole

Progress = Callable[[str, int, int], None]
"""Called with what is measured, how many subjects are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class Survey:
    """One model, the workers that measure it, and the folder where every subject's table is kept.

    `left_out` grows as the survey goes on: (measure, subject's name) with the reason, one line each.
    """

    model: str
    """What `core.model.load_model` takes, on every worker."""
    fingerprint: str
    folder: Path
    workers: Workers
    progress: Progress | None = None
    left_out: dict[tuple[str, str], str] = field(default_factory=dict)

    def table(self, measure: Measure, subjects: Mapping[str, object], **settings: object) -> pd.DataFrame:
        """The tables of all subjects under each other, in the order of `subjects`, with their names in `subject`.

        `measure` is a module-level function `(model, subject, **settings) -> table`. Subjects and settings are plain
        values or frozen dataclasses: their repr is part of the result's key, with the model's weights, the code and
        torch's version. A subject that breaks a rule (`InputError`) is noted in `left_out` and has no rows.
        """
        what = measure.__name__
        tasks = {name: self._task(measure, subject, settings) for name, subject in subjects.items()}
        files = {name: self.folder / what / f"{task_key(task)}.csv" for name, task in tasks.items()}
        missing = {files[name]: tasks[name] for name in subjects if not files[name].is_file()}
        failures = self._compute(what, missing)
        found = []
        for name, file in files.items():
            if file in failures:
                self.left_out[what, name] = failures[file].reason
            else:
                found.append(_read(file).assign(subject=name))
        if not found:
            return pd.DataFrame({"subject": []})
        table = pd.concat(found, ignore_index=True)
        table.insert(0, "subject", table.pop("subject"))
        return table

    def _task(self, measure: Measure, subject: object, settings: Mapping[str, object]) -> Task:
        code = code_digest(measure.__module__)
        return Task(measure, self.model, self.fingerprint, code, subject, tuple(sorted(settings.items())))

    def _compute(self, what: str, missing: Mapping[Path, Task]) -> dict[Path, Failure]:
        file_of = {task_key(task): file for file, task in missing.items()}
        failures: dict[Path, Failure] = {}
        for done, (task, outcome) in enumerate(self.workers.run(list(missing.values()))):
            if self.progress:
                self.progress(what, done + 1, len(missing))
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
    return pd.read_csv(file, keep_default_na=False, na_values=[""])
