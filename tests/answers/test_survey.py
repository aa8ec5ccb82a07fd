"""A survey's tables stand under each other, and what broke a rule is told."""

import pandas as pd
import pytest

from core.errors import InputError
from core.model import Model
from tests.answers.conftest import DirectSurvey


def length(model: Model, sequence: str, *, least: int = 0) -> pd.DataFrame:
    if len(sequence) < least:
        raise InputError(f"it has {len(sequence)} residues")
    return pd.DataFrame({"length": [len(sequence)]})


def test_tables_stand_in_the_order_of_subjects_and_short_ones_are_left_out(survey: DirectSurvey):
    table = survey.table(length, {"b": "MKT", "a": "M", "c": "MK"}, least=2)
    assert table.values.tolist() == [["b", 3], ["c", 2]]
    assert survey.left_out == {("length", "a"): "it has 1 residues"}


def test_where_nothing_can_be_measured_the_first_reason_is_the_error(survey: DirectSurvey):
    with pytest.raises(InputError, match="it has 1 residues"):
        survey.table(length, {"a": "M", "b": "MK"}, least=5)
    assert survey.table(length, {}).empty
