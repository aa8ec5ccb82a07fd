"""An experiment as a list of questions, and how its answers become files."""

import json
import platform
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core.errors import InputError
from core.experiments.report import Report, Section
from core.experiments.survey import StoredSurvey
from core.model import Model
from core.source_digest import PACKAGE
from core.whole_file import write_whole


@dataclass(frozen=True, slots=True)
class Experiment:
    """The parts of an experiment by name, in reading order; each turns the experiment's study into a section.

    A study is whatever an experiment's parts share: its survey, its sequences, its settings.
    """

    title: str
    abstract: str
    source: str
    parts: Mapping[str, Callable[[Any], Section]]

    def chosen(self, only: str | None) -> tuple[str, ...]:
        """The parts named in the comma-separated list `only`, in reading order, or all of them.

        Raises `InputError` for a name that isn't a part.
        """
        names = list(self.parts) if only is None else [name.strip() for name in only.split(",")]
        for name in names:
            if name not in self.parts:
                raise InputError(f"no part '{name}': the parts are {', '.join(self.parts)}")
        return tuple(name for name in self.parts if name in names)


def publish(
    experiment: Experiment,
    study: object,
    survey: StoredSurvey,
    model: Model,
    out: Path,
    *,
    parts: Sequence[str],
    settings: Mapping[str, object],
) -> Path:
    """Run the parts and write `tables/*.csv`, `results.json` and `report.html` under `out`; the report's path.

    `settings` (with the seed) are stated in both. A part whose input breaks a rule is reported under what was left
    out, and the others go on.
    """
    sections: dict[str, Section] = {}
    for done, name in enumerate(parts):
        survey.progress.part("parts").report(done, len(parts))
        try:
            sections[name] = experiment.parts[name](study)
        except InputError as error:
            survey.left_out[name, "the whole part"] = str(error)
            continue
        for table_name, table in sections[name].tables.items():
            write_whole(out / "tables" / f"{table_name}.csv", table.to_csv(index=False))
    survey.progress.part("parts").report(len(parts), len(parts))
    versions = software_versions()
    report = Report(
        title=experiment.title,
        abstract=experiment.abstract,
        source=experiment.source,
        model_label=f"{model.name} (a small teaching model, not ESM-2)" if model.teaching else model.name,
        facts={
            "Model": f"{model.name}, {model.shape.n_layers} layers of {model.shape.n_heads} heads, width "
            f"{model.shape.d_model}; SHA-256 of its weights begins {model.fingerprint}",
            **{name.replace("_", " ").capitalize(): str(value) for name, value in settings.items()},
            "Software": ", ".join(f"{name} {version}" for name, version in versions.items()),
        },
        sections=sections,
        left_out=survey.left_out,
    )
    summary = {
        "experiment": experiment.title,
        "model": {"name": model.name, "weights_sha256_begins": model.fingerprint, "shape": asdict(model.shape)},
        "settings": settings,
        "versions": versions,
        "parts": {
            name: {
                "finding": section.finding,
                "tables": [f"tables/{table}.csv" for table in section.tables],
                "comparisons": [asdict(comparison) for comparison in section.comparisons],
            }
            for name, section in sections.items()
        },
        "left_out": [
            {"measurement": measure, "subject": subject, "reason": reason}
            for (measure, subject), reason in survey.left_out.items()
        ],
    }
    write_whole(out / "results.json", json.dumps(summary, indent=1, ensure_ascii=False) + "\n")
    write_whole(out / "report.html", report.html())
    return out / "report.html"


def software_versions() -> dict[str, str]:
    """The versions that numbers can depend on; plmscope's is its git revision, where there is one."""
    git = ["git", "-C", str(PACKAGE.parent), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        revision = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        revision = "unknown"
    return {
        "plmscope": revision,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }
