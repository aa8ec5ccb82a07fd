"""Answers are tried on a model in which every part moves the prediction, measured here and now."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
import pytest

from core.alphabet import tokenize
from core.answers.survey import Failure, Measure, Survey
from core.errors import InputError
from core.metrics import Target
from core.model import Model
from tests.lively import SEQUENCE, lively, ranks_first

__all__ = ["lively"]

SEQUENCES = {"one": SEQUENCE, "two": "MGDVEKGKKIFVQKCAQ", "three": "MAAEELRKALGVSE"}


@dataclass(frozen=True, slots=True)
class DirectSurvey(Survey):
    """Measures and forgets."""

    def outcomes(
        self, measure: Measure, subjects: Mapping[str, object], settings: Mapping[str, object]
    ) -> dict[str, pd.DataFrame | Failure]:
        found: dict[str, pd.DataFrame | Failure] = {}
        for name, subject in subjects.items():
            try:
                found[name] = measure(self.model, subject, **settings)
            except InputError as error:
                found[name] = Failure(str(error))
        return found


@pytest.fixture
def survey(lively: Model) -> DirectSurvey:
    return DirectSurvey(lively)


@pytest.fixture(scope="session")
def target(lively: Model) -> Target:
    """What ranks first at the masked first residue of the first sequence."""
    return Target(ranks_first(lively, tokenize(SEQUENCE, [0])), 0)
