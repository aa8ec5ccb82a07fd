"""Measuring one model over many subjects: what every answer asks for, wherever results are computed and kept."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from core.errors import InputError
from core.model import Model

Measure = Callable[..., pd.DataFrame]
"""A module-level function `(model, subject, *, progress, **settings) -> table`: it travels to workers by its name."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a subject has no result: its input broke a rule, or every worker that took it died."""

    reason: str


@dataclass(frozen=True, slots=True)
class Survey(ABC):
    """One model and a keeper of what was measured on it.

    `left_out` grows as the survey goes on: (measure, subject's name) with the reason, one line each.
    """

    model: Model
    left_out: dict[tuple[str, str], str] = field(default_factory=dict, kw_only=True)

    @abstractmethod
    def outcomes(
        self, measure: Measure, subjects: Mapping[str, object], settings: Mapping[str, object]
    ) -> dict[str, pd.DataFrame | Failure]:
        """Every subject's table, measured now or kept from before, or why it has none."""

    def table(self, measure: Measure, subjects: Mapping[str, object], **settings: object) -> pd.DataFrame:
        """The tables of all subjects under each other, in the order of `subjects`, with their names in `subject`.

        Subjects and settings are plain values or frozen dataclasses: their repr is part of a result's key, with the
        model's weights and the code. A subject that breaks a rule (`InputError`) is noted in `left_out` and has no
        rows; `InputError` with the first one's reason where no subject has any.
        """
        found, reasons = [], []
        for name, outcome in self.outcomes(measure, subjects, settings).items():
            if isinstance(outcome, Failure):
                self.left_out[measure.__name__, name] = outcome.reason
                reasons.append(outcome.reason)
            else:
                found.append(outcome.assign(subject=name))
        if reasons and not found:
            raise InputError(reasons[0])
        if not found:
            return pd.DataFrame({"subject": []})
        table = pd.concat(found, ignore_index=True)
        table.insert(0, "subject", table.pop("subject"))
        return table


@dataclass(frozen=True, slots=True)
class DirectSurvey(Survey):
    """Measures here and now, and keeps nothing: for a script, a notebook, a test."""

    def outcomes(
        self, measure: Measure, subjects: Mapping[str, object], settings: Mapping[str, object]
    ) -> dict[str, pd.DataFrame | Failure]:
        """Every subject's table, one after another, or which rule it breaks."""
        found: dict[str, pd.DataFrame | Failure] = {}
        for name, subject in subjects.items():
            try:
                found[name] = measure(self.model, subject, **settings)
            except InputError as error:
                found[name] = Failure(str(error))
        return found
