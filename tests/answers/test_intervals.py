"""Intervals hold the truth as often as they say, and a protein's masks and shuffles count once."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from core.answers.intervals import Rate, between, interval_in, mean_in, pooled, rate, rate_in
from core.answers.subjects import several_masks, with_proteins
from core.bootstrap import LEAST, interval_of, intervals_of, mean_interval, share_interval, wilson
from core.metrics import Target, rescue


@pytest.mark.parametrize(("hits", "n"), [(0, 20), (7, 20), (20, 20), (57, 63)])
def test_wilsons_interval_is_scipys(hits: int, n: int):
    expected = binomtest(hits, n).proportion_ci(method="wilson")
    assert wilson(hits / n, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_a_protein_and_its_shuffle_and_its_masks_count_as_one():
    sequences = {"one": "MKTAYIAKQRQISF", "one shuffled": "FSIQRQKAIYATKM", "two": "MKTAAAAAAAAAAAA"}
    table = with_proteins(pd.DataFrame({"subject": list(sequences)}), sequences)
    assert table.protein.tolist() == [0, 0, 1]
    found = rate([True, True, False], table.protein)
    assert (found.hits, found.n, found.n_proteins) == (2, 3, 2)
    assert found.interval is None
    masks = several_masks(sequences, Target("M", 0))
    assert [mask.inside for mask in masks.values()][-5:] == [10, 11, 12, 13, 14]
    assert with_proteins(pd.DataFrame({"subject": list(masks)}), masks).protein.tolist() == [0] * 8 + [1] * 5


def test_a_pooled_table_has_its_n_and_the_intervals_of_its_rates():
    table = pd.DataFrame(
        {"of": ["a"] * 8 + ["b"] * 3, "gap": np.arange(11.0), "protein": [0, 0, *range(1, 7), 0, 1, 2]}
    )
    found = pooled(table.assign(first=table.gap > 1), ["of"], ["gap", "first"]).set_index("of")
    assert (found.n.tolist(), found.proteins.tolist()) == ([8, 3], [7, 3])
    assert found.gap.tolist() == [3.5, 9.0]
    assert (found.first_low["a"], found.first_high["a"]) == wilson(6 / 8, 7)
    assert np.isnan(found.first_low["b"])
    assert str(rate_in(found.loc["a"], "first")).startswith("6 of 8 (75%; ")


def test_below_six_proteins_there_is_a_count_and_no_interval():
    assert str(Rate(3, LEAST - 1, LEAST - 1)) == "3 of 5"
    assert str(Rate(6, 6, 6)) == "6 of 6 (100%; 61 to 100%)"
    assert str(Rate(30, 30, 6)) == "30 of 30 (100%; 61 to 100%, 6 proteins)"
    assert mean_interval(range(5), [1.0] * 5) is None
    assert between(None) == ""


def test_an_interval_of_means_holds_the_truth_about_as_often_as_it_says():
    """Two measurements a protein, alike: as if there were half as many."""
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(200):
        values = np.repeat(rng.normal(size=20), 2)
        found = mean_interval(np.repeat(range(20), 2).tolist(), values)
        assert found is not None
        held += found[0] < 0 < found[1]
    assert 0.88 <= held / 200 <= 0.99


def test_a_rescues_interval_is_that_of_mean_gaps():
    rng = np.random.default_rng(1)
    internal, clean = rng.normal(-2, 0.5, 30), rng.normal(3, 0.5, 30)
    patched = internal + 0.6 * (clean - internal)
    found = interval_of(rescue, range(30), patched, internal, clean)
    assert found == pytest.approx((60, 60))
    assert between(found, "%", 0) == " (60 to 60%)"


def test_pooled_means_have_the_interval_that_one_of_them_alone_has():
    rng = np.random.default_rng(2)
    table = pd.DataFrame({"of": np.repeat(["a", "b"], 12), "gap": rng.normal(size=24), "drop": rng.normal(size=24)})
    table = table.assign(protein=[*np.repeat(range(6), 2), *np.repeat(range(3), 4)])
    found = pooled(table, ["of"], ["gap", "drop"]).set_index("of")
    own = table[table.of == "a"]
    for column in ("gap", "drop"):
        assert interval_in(found.loc["a"], column) == pytest.approx(mean_interval(own.protein, own[column]))
        assert interval_in(found.loc["b"], column) is None, "three proteins"
    assert mean_in(found.loc["b"], "gap") == f"{table[table.of == 'b'].gap.mean():z.2f}"
    row = pd.Series({"share": 0.5, "share_low": 0.25, "share_high": 0.75})
    assert mean_in(row, "share", "%", 0, times=100) == "50% (25 to 75%)"


def test_several_numbers_have_the_intervals_that_each_alone_has():
    rng = np.random.default_rng(3)
    values = rng.normal(size=(9, 4))
    found = intervals_of(lambda mean: mean, range(9), values)
    assert found is not None
    for column, ends in zip(values.T, found.T, strict=True):
        assert tuple(ends) == pytest.approx(mean_interval(range(9), column))
    assert intervals_of(lambda mean: mean, range(5), values[:5]) is None


def test_the_interval_of_a_share_counts_proteins_where_their_residues_are_alike():
    """Residues of one protein share its chance: the share of such residues is known worse than of as many others."""
    rng = np.random.default_rng(6)
    trials = np.full(20, 12)
    held = residues_alone = 0
    for _ in range(200):
        hits = rng.binomial(trials, rng.beta(0.6, 0.6, 20))
        low, high = share_interval(hits, trials) or (np.nan, np.nan)
        held += low < 0.5 < high
        low, high = wilson(hits.sum() / 240, 240)
        residues_alone += low < 0.5 < high
    assert 0.9 <= held / 200 <= 0.99
    assert residues_alone / 200 < 0.7


def test_the_interval_of_a_share_is_wilsons_where_each_protein_has_one_trial():
    hits = np.array([1] * 30 + [0] * 10)
    assert share_interval(hits, np.ones(40)) == pytest.approx(wilson(0.75, 40), abs=0.005)


def test_a_share_of_all_or_none_has_the_width_of_as_many_trials_as_proteins():
    assert share_interval(np.full(8, 50), np.full(8, 50)) == wilson(1.0, 8)
    assert share_interval(np.zeros(8), np.r_[np.full(7, 50), 0]) == wilson(0.0, 7), "one protein had none to count"
    assert share_interval(np.full(5, 1), np.full(5, 2)) is None
