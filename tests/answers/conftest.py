"""Answers are tried on a model in which every part moves the prediction, measured here and now."""

import pytest

from core.alphabet import tokenize
from core.answers.survey import DirectSurvey
from core.metrics import Target
from core.model import Model
from tests.lively import SEQUENCE, lively, ranks_first

__all__ = ["DirectSurvey", "lively"]

SEQUENCES = {"one": SEQUENCE, "two": "MGDVEKGKKIFVQKCAQ", "three": "MAAEELRKALGVSE"}


@pytest.fixture
def survey(lively: Model) -> DirectSurvey:
    return DirectSurvey(lively)


@pytest.fixture(scope="session")
def target(lively: Model) -> Target:
    """What ranks first at the masked first residue of the first sequence."""
    return Target(ranks_first(lively, tokenize(SEQUENCE, [0])), 0)
