"""The examples in docstrings run, and give what they say."""

import doctest

import pytest

from core import interventions, run


@pytest.mark.parametrize("module", [run, interventions])
def test_examples_run(module):
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0
