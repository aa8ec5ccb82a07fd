"""Ours beside the paper's: every value of the paper has its number, counted here by hand from made-up measurements."""

import numpy as np
import pandas as pd
import pytest

from core import paper_comparison, paper_values
from core.analyses.norm_direction import Attribution
from core.analyses.rope_shift import Oscillation
from core.interventions import Head

HEAD = Head(5, 7)


def ours(pairs: paper_comparison.Beside) -> list[str]:
    return [said for _, said in pairs]


def test_predictions_are_counted_by_rank_and_by_what_the_sequences_begin_with():
    table = pd.DataFrame({"gap": [2.0, 1.0, -1.0, -3.0, 4.0], "rank": [1, 1, 2, 4, 1]})
    sequences = ["MKT", "GKT", "AAA", "AKA", "MAA"]
    assert ours(paper_comparison.prediction(table, sequences)) == [
        "3 of 5 sequences",
        "1 of 2",  # only AAA repeats one residue
        "1 of 2",
        "1 of 3",  # of GKT, AAA and AKA
        "2.33",
    ]


def test_a_repeat_outvotes_where_gaps_cross_and_is_outvoted_where_masks_bring_the_target_back():
    grown = pd.DataFrame({"length": [1, 2, 3], "gap": [2.0, 1.0, -1.0], "target": [5.0, 5.5, 5.2]})
    logits = {"target": [5.0, 5.2, 5.4, 5.4], "repeated": [8.0, 6.2, 4.4, 2.4]}
    broken = pd.DataFrame({"masks": [2, 2, 4, 4], "gap": [-3.0, -1.0, 1.0, 3.0], **logits})
    found = ours(paper_comparison.competition(grown.assign(repeated=[1.0, 3.0, 6.0]), broken, "A"))
    assert found == [
        "at 2.5 residues of A",
        "moves by 0.5, A's by 5.0",
        "at 3.0 masks in AAA…",
        "change by +0.3, A's by -3.7",
    ]
    never = ours(paper_comparison.competition(grown.assign(repeated=0.0, gap=1.0), broken.assign(gap=1.0), "A"))
    assert (never[0], never[2]) == ("nowhere", "it never lost")


def test_ablated_and_blocked_are_correlated_over_a_set_and_told_for_one_protein():
    over_set = ours(paper_comparison.bos_reading(0.97, [-1.0, -2.0, -4.0], [-0.5, -1.0, -2.0], HEAD))
    assert over_set == ["97%, L6H8", "r = 1.00 over 3 sequences"]
    assert ours(paper_comparison.bos_reading(0.5, [-1.0], [-0.5], HEAD))[1].startswith("-1.00 and -0.50")


def test_every_row_of_table_1_has_its_two_numbers():
    keys = list(paper_values.BOS_KNOCKOUTS)
    assert len(keys) == 13
    mean = pd.DataFrame(keys, columns=["heads", "test", "knockout"]).assign(rate=0.25, logit_drop=1.5, rescue=40.0)
    found = paper_comparison.bos_knockouts(mean)
    assert [stated for stated, _ in found] == list(paper_values.BOS_KNOCKOUTS.values())
    assert {said for (_, test, _), (_, said) in zip(keys, found, strict=True) if test == "necessity"} == {"0.250, 1.50"}
    assert {said for (_, test, _), (_, said) in zip(keys, found, strict=True) if test != "necessity"} == {
        "0.250, 40.0%"
    }
    assert len(paper_comparison.bos_knockouts(mean.head(3))) == 3


def test_the_main_heads_knock_out_stands_last_where_it_was_measured():
    rows = [("main head", "necessity", "values of BOS", 0.125), ("main head", "necessity", "all values", 0.25)]
    mean = pd.DataFrame(rows, columns=["heads", "test", "knockout", "rate"]).assign(logit_drop=1.5, rescue=np.nan)
    assert paper_comparison.bos_knockouts(mean) == [(paper_values.MAIN_KNOCKOUT, "0.125")]


def test_the_papers_rescues_follow_from_its_gaps():
    """The minus signs were put back by hand: with them every rescue of Extended Data Table 3 is that of its gaps."""
    low, high = paper_values.PATCH_SETS["corrupted"][0], paper_values.PATCH_SETS["clean"][0]
    for gap, _, rescue in paper_values.PATCH_SETS.values():
        assert 100 * (gap - low) / (high - low) == pytest.approx(rescue, abs=0.2)


def test_patch_sets_stand_beside_those_of_the_same_name():
    names = [*paper_values.PATCH_SETS, "every head's rotation"]
    mean = pd.DataFrame({"condition": names, "gap": range(len(names)), "rate": 0.5, "rescue": 7.0})
    found = paper_comparison.patch_sets(mean)
    assert ours(found)[2] == "2.00, 0.500, 7.0%"
    assert found[2][0].value == "1.99, 0.933, 70.2%"
    assert ours(found)[-1].startswith("in 50%")


def test_a_shift_is_told_by_its_fits_and_how_the_cosine_follows_the_gap():
    x = np.arange(-3.0, 4.0)
    found = ours(
        paper_comparison.shift(Oscillation(6.3, 2.0, 0.9), Oscillation(9.0, 0.5, 0.3), 6.283, 2 * x + 1, -x, 3e-14)
    )
    assert found == [
        "6.3 residues (explains 90%)",
        "6.28 residues",
        "r = -1.00",
        "amplitude 0.50 against 2.00, explains 30%",
        "3.0e-14",
    ]


def test_bands_have_their_weight_their_norm_and_their_share_of_the_score():
    table = pd.DataFrame(
        {
            "difference": [6.0, -2.0],
            "wavelength": [6.2832, 1987.7],
            "weight": [0.75, 0.25],
            "norm_share": [0.4, 9.0],
            "flagged": [False, True],
            "q_norm_clean": [1.2, 1.0],
            "q_norm_internal": [0.2, 1.0],
            "k_norm_clean": [1.0, 2.0],
            "k_norm_internal": [1.05, 1.8],
            "cosine_clean": [0.81, 0.1],
            "cosine_internal": [0.02, 0.1],
            "contribution_clean": [3.0, 1.0],
        }
    )
    pairs = paper_comparison.bands(table, Attribution(table, 0.39, 0.3, 0.48))
    assert ours(pairs)[:5] == ["39% (A 30%, B 48%)", "61%", "1.20 and 0.20", "0.81 and 0.02", "10%"]
    assert ours(pairs)[5:] == ["6.000, 75.0%, 40%", "-2.000, 25.0%, flagged", "6.28, 75.0%", "1,987.70, 25.0%"]
    assert [stated.value for stated, _ in pairs[5:]] == [
        "6.219, 41.9%, 50%",
        "1.816, 12.2%, 20%",
        "6.28, 31.7%",
        "20, 8.2%",
    ]


def test_the_papers_shares_of_bands_sum_to_one():
    assert sum(weight for _, weight, _ in paper_values.BAND_DIFFERENCES) == pytest.approx(100, abs=0.1)
    assert sum(part for _, part in paper_values.BAND_CONTRIBUTIONS) == pytest.approx(100, abs=0.1)


def test_the_papers_weights_are_those_of_its_differences():
    """So the columns of Extended Data Table 5, of which our copy lacks some heads and signs, are read aright."""
    total = paper_values.BAND_DIFFERENCES[0][0] / 0.419
    for difference, weight, _ in paper_values.BAND_DIFFERENCES:
        if difference is not None:
            assert 100 * difference / total == pytest.approx(weight, abs=0.1)
