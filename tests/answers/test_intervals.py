"""Intervals hold the truth as often as they say, and a protein's masks and shuffles count once."""

import numpy as np
import pytest
from scipy.stats import binomtest

from core.answers.intervals import LEAST, Rate, between, interval_of, mean_interval, protein_of, rate, wilson
from core.metrics import rescue


@pytest.mark.parametrize(("hits", "n"), [(0, 20), (7, 20), (20, 20), (57, 63)])
def test_wilsons_interval_is_scipys(hits: int, n: int):
    expected = binomtest(hits, n).proportion_ci(method="wilson")
    assert wilson(hits / n, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_a_protein_and_its_shuffle_count_as_one():
    sequences = ["MKTAY", "YATKM", "MKTAA"]
    found = rate([True, True, False], map(protein_of, sequences))
    assert (found.hits, found.n, found.n_proteins) == (2, 3, 2)
    assert found.interval is None


def test_below_six_proteins_there_is_a_count_and_no_interval():
    assert str(Rate(3, LEAST - 1, LEAST - 1)) == "3 of 5"
    assert str(Rate(6, 6, 6)) == "6 of 6 (100%; 61 to 100%)"
    assert str(Rate(30, 30, 6)) == "30 of 30 (100%; 61 to 100%, 6 proteins)"
    assert mean_interval("abcde", [1.0] * 5) is None
    assert between(None) == ""


def test_an_interval_of_means_holds_the_truth_about_as_often_as_it_says():
    """Two measurements a protein, alike: as if there were half as many."""
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(200):
        values = np.repeat(rng.normal(size=20), 2)
        found = mean_interval(np.repeat(np.arange(20), 2).astype(str), values)
        assert found is not None
        held += found[0] < 0 < found[1]
    assert 0.88 <= held / 200 <= 0.99


def test_a_rescues_interval_is_that_of_mean_gaps():
    rng = np.random.default_rng(1)
    internal, clean = rng.normal(-2, 0.5, 30), rng.normal(3, 0.5, 30)
    patched = internal + 0.6 * (clean - internal)
    found = interval_of(rescue, map(str, range(30)), patched, internal, clean)
    assert found == pytest.approx((60, 60))
    assert between(found, "%", 0) == " (60 to 60%)"
