"""Ours beside the paper's: every value of the paper has its number, counted here by hand from made-up measurements."""

import numpy as np
import pandas as pd
import pytest

from core import paper_values
from core.alphabet import AMINO_ACIDS
from core.analyses.norm_direction import Attribution
from core.analyses.rope_shift import SHIFTS
from core.answers.bos_knockouts import BosKnockouts
from core.answers.competition import OWN, Competition
from core.answers.first_residue import FirstResidue
from core.answers.norm_direction import BandAttribution
from core.answers.rope_shift import RopeShift
from core.answers.rope_swap import Ends
from core.answers.rotations import AttentionCauses, PatchSets
from core.answers.split import split
from core.answers.words import Beside
from core.answers.write_vectors import Writes
from core.interventions import Head
from core.metrics import Target

HEAD = Head(5, 7)
M_FIRST = Target("M", 0)


def ours(pairs: Beside) -> list[str]:
    return [said for _, said in pairs]


def test_predictions_are_counted_by_rank_and_by_what_the_sequences_begin_with():
    sequences = dict(zip("abcde", ["MKT", "GKT", "AAA", "AKA", "MAA"], strict=True))
    table = pd.DataFrame({"subject": list("abcde"), "gap": [2.0, 1.0, -1.0, -3.0, 4.0], "rank": [1, 1, 2, 4, 1]})
    found = FirstResidue(M_FIRST, sequences, table.assign(probability=0.5, protein=range(5)))
    assert ours(found.beside_paper("abc")) == [
        "3 of 5 sequences",
        "1 of 2",  # only AAA repeats one residue
        "1 of 2",
        "1 of 2 real proteins",  # GKT and AAA; AKA is a made-up one
        "2.33 over 3",
    ]
    others = FirstResidue(M_FIRST, {"f": "GGT"}, table.iloc[:1].assign(subject="f", probability=0.5, protein=0))
    assert ours(found.beside_paper("abc", others))[3] == "2 of 3 real proteins"
    assert ours(found.beside_paper("ae"))[3] == "not applicable: every real protein here has M there"
    assert found.predicting == {"a": "MKT", "b": "GKT", "e": "MAA"}
    groups = found.by_group(dict(zip("abcde", "xxyyx", strict=True)), ["y", "x"])
    assert groups[["group", "sequences", "m_first"]].values.tolist() == [["y", 2, 0], ["x", 3, 3]]


def test_a_repeat_outvotes_where_gaps_cross_and_is_outvoted_where_masks_bring_the_target_back():
    grown = pd.DataFrame({"length": [1, 2, 3], "gap": [2.0, 1.0, -1.0], "target": [5.0, 5.5, 5.2]})
    grown = grown.assign(repeated=[1.0, 3.0, 6.0], probability=[0.6, 0.5, 0.2], subject="poly-A", dropout=OWN)
    logits = {"target": [5.0, 5.2, 5.4, 5.4], "repeated": [8.0, 6.2, 4.4, 2.4]}
    broken = pd.DataFrame({"masks": [2, 2, 4, 4], "gap": [-3.0, -1.0, 1.0, 3.0], **logits})
    broken = broken.assign(subject="poly-A", dropout=OWN, probability=0.5)
    found = Competition(M_FIRST, {"poly-A": "A"}, grown, broken)
    assert ours(found.beside_paper("poly-A")) == [
        "at 2.5 residues of A",
        "centred, moves by 0.5, A's by 5.0; P(M) from 0.60 to 0.20",
        "at 3.0 masks in AAA…",
        "centred, change by +0.3 and -3.7, means of 2 orders",
    ]
    never = Competition(M_FIRST, {"poly-A": "A"}, grown.assign(gap=1.0), broken.assign(gap=1.0))
    assert ours(never.beside_paper("poly-A"))[::2] == ["nowhere", "it never lost"]
    other = Competition(M_FIRST, {"poly-G": "G"}, grown.assign(subject="poly-G"), broken.assign(subject="poly-G"))
    assert set(ours(other.beside_paper("poly-G"))) == {"not applicable: the repeat is of G"}


def knocked_out(mean: pd.DataFrame, effects: dict[str, list[float]], attention: float = 0.97) -> BosKnockouts:
    seen = pd.DataFrame([(layer, head, 0.0) for layer in range(6) for head in range(8)], columns=["layer", "head", "a"])
    seen = seen.rename(columns={"a": "attention"}).assign(n=len(effects["ablated"]))
    seen.loc[seen.index[-1], "attention"] = attention
    return BosKnockouts(
        HEAD, {}, mean, seen, pd.DataFrame(effects).assign(protein=range(len(effects["ablated"]))), Ends(0.0, 1.0)
    )


def table_1() -> pd.DataFrame:
    keys = [*paper_values.BOS_KNOCKOUTS, (paper_values.MAIN, "necessity", "values of BOS")]
    return pd.DataFrame(keys, columns=["heads", "test", "knockout"]).assign(
        rate=0.25, logit_drop=1.5, rescue=40.0, n=20, proteins=4
    )


def test_ablated_and_blocked_are_correlated_over_a_set_and_told_for_one_protein():
    over_set = knocked_out(table_1(), {"ablated": [-1.0, -2.0, -4.0], "blocked": [-0.5, -1.0, -2.0]})
    assert ours(over_set.beside_paper())[:2] == [
        "L6H8: 97%, mean of 3 sequences",
        "r = 1.00, slope 0.50, over 3 sequences",
    ]
    alone = knocked_out(table_1(), {"ablated": [-1.0], "blocked": [-0.5]}, 0.5)
    assert ours(alone.beside_paper())[1].startswith("-1.00 and -0.50")


def test_every_row_of_table_1_has_its_two_numbers_and_the_main_heads_stands_last():
    assert len(paper_values.BOS_KNOCKOUTS) == 13
    found = knocked_out(table_1(), {"ablated": [-1.0], "blocked": [-0.5]}).beside_paper()[2:]
    assert [stated for stated, _ in found] == [*paper_values.BOS_KNOCKOUTS.values(), paper_values.MAIN_KNOCKOUT]
    said = {(test, text) for (_, test, _), (_, text) in zip(paper_values.BOS_KNOCKOUTS, found, strict=False)}
    assert said == {("necessity", "0.250, 1.50; 5 of 20"), ("sufficiency", "0.250, 40.0%; 5 of 20")}
    assert found[-1][1] == "0.250; 5 of 20"
    fewer = knocked_out(table_1().iloc[[0, -1]], {"ablated": [-1.0], "blocked": [-0.5]})
    assert len(fewer.beside_paper()) == 4, "rows that were not measured have no number"


def test_the_papers_rescues_follow_from_its_gaps():
    """The minus signs were put back by hand: with them every rescue of Extended Data Table 3 is that of its gaps."""
    low, high = paper_values.PATCH_SETS["corrupted"][0], paper_values.PATCH_SETS["clean"][0]
    for gap, _, rescue in paper_values.PATCH_SETS.values():
        assert Ends(low, high).rescue(gap) == pytest.approx(rescue, abs=0.2)


def test_patch_sets_stand_beside_those_of_the_same_name():
    names = [*paper_values.PATCH_SETS, "every head's rotation"]
    mean = pd.DataFrame(
        {"condition": names, "gap": range(len(names)), "m_first": 0.5, "rescue": 7.0, "n": 10, "proteins": 2}
    )
    found = PatchSets(mean).beside_paper()
    assert ours(found)[2] == "2.00, 0.500, 7.0%; 5 of 10"
    assert found[2][0].value == "1.99, 0.933, 70.2%"
    assert ours(found)[-1].startswith("at 5 of 10 masks")


def test_a_shift_is_told_by_its_shape_and_how_the_cosine_follows_the_gap():
    shifts = np.array(SHIFTS, float)
    rows = {"subject": "a", "shift": SHIFTS, "logit": 0.0, "largest_change": 3e-14}
    kinds = (("first", "q"), ("inside", "q"), ("first", "qk"))

    def said(gap: np.ndarray) -> list[str]:
        table = pd.concat([pd.DataFrame(rows).assign(gap=gap, mask=mask, side=side) for mask, side in kinds])
        cosines = pd.DataFrame({"shift": SHIFTS, "cosine": -gap})
        found = RopeShift(table.assign(protein=0), cosines, -gap[None], np.ones((41, 1)), np.array([6.283]))
        return ours(found.beside_paper())

    wave = said(2 * np.cos(2 * np.pi * shifts / 6.3))
    assert wave[0].startswith("the mean of 1 oscillates with a period of 6.3 residues and an amplitude of 2.00")
    assert wave[1] == "6.28 residues"
    assert wave[2].startswith("r = -1.00 over 41 shifts of the mean of 1 (|r| of curves as smooth: 0.")
    assert wave[3] == wave[0]
    assert wave[4] == "3.0e-14, the largest in 1 sequence at 41 shifts"
    bump = said(np.exp(-(shifts**2)))
    assert bump[0].startswith("the mean of 1 is one bump at +0.0 residues")
    assert bump[3] == "not applicable: the curve at residue 1 is no oscillation"


def test_bands_have_their_weight_their_norm_and_their_share_of_the_score():
    table = pd.DataFrame(
        {
            "difference": [6.0, -2.0],
            "wavelength": [6.2832, 1987.7],
            "weight": [0.75, 0.25],
            "norm_share": [0.4, 9.0],
            "direction_share": [0.6, -8.0],
            "score_share": [0.75, 0.25],
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
    found = BandAttribution(HEAD, table, Attribution(table, 0.39, 0.3, 0.48, 0.4, 2.55), 0.0, 7)
    pairs = found.beside_paper()
    assert found.by_direction == "in 1 of 1 unflagged band the direction explains more than the norm"
    assert found.shares == "39% (A 30%, B 48%); 40% without the 1 flagged bands; 255% by equation 7"
    assert ours(pairs)[:5] == [
        f"{found.shares}, 7 masks",
        "61%, 7 masks",
        "1.20 and 0.20 unscaled; times 1/√d_head, as fair-esm scales q, 0.60 and 0.10",
        "0.81 and 0.02, means of 7",
        "10%, the largest of 2 bands, means of 7",
    ]
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


def test_the_papers_printed_bands_give_another_norm_share_than_its_39_percent():
    """What its row says beside the 39%; the flagged bands' shares of Table 5 are those that it doesn't interpret."""
    flagged = iter([1.668, 3.520, 2.856])
    bands = [(weight, share, share is None) for _, weight, share in paper_values.BAND_DIFFERENCES]
    shares = [(weight, next(flagged) if share is None else share) for weight, share, _ in bands]
    kept = [(weight, share) for weight, share, is_flagged in bands if not is_flagged]
    told = paper_values.NORM_DIRECTION[0].value
    assert f"{sum(w * s for w, s in kept) / sum(w for w, _ in kept):.0%} without flagged ones" in told
    assert f"{sum(w * s for w, s in shares) / 100:.0%} with all" in told


def test_the_papers_weights_are_those_of_its_differences():
    """So the columns of Extended Data Table 5, of which our copy lacks some heads and signs, are read aright."""
    total = paper_values.BAND_DIFFERENCES[0][0] / 0.419
    for difference, weight, _ in paper_values.BAND_DIFFERENCES:
        if difference is not None:
            assert 100 * difference / total == pytest.approx(weight, abs=0.1)


def test_the_interval_of_a_correlation_is_that_of_drawing_sequences_anew():
    rng = np.random.default_rng(4)
    ablated = rng.normal(-2, 1, 30)
    blocked = 0.5 * ablated + rng.normal(0, 0.3, 30)
    drawn = np.random.default_rng(0).integers(0, 30, (2000, 30))
    r = np.quantile([np.corrcoef(ablated[draw], blocked[draw])[0, 1] for draw in drawn], [0.025, 0.975])
    slope = np.quantile([ablated[d] @ blocked[d] / (ablated[d] @ ablated[d]) for d in drawn], [0.025, 0.975])
    found = knocked_out(table_1(), {"ablated": ablated.tolist(), "blocked": blocked.tolist()})
    assert found.alike == (
        f"r = {found.correlation:.2f} ({r[0]:.2f} to {r[1]:.2f}), "
        f"slope {found.slope:.2f} ({slope[0]:.2f} to {slope[1]:.2f}), over 30 sequences"
    )


def test_a_head_counts_as_looking_at_bos_more_only_with_all_of_its_interval():
    names = ["L6H8", "L5H9", "L1H8"]
    columns = {"difference": [0.4, 0.3, 0.1], "ahead": [0.2, 0.1, 0.3], "by_rotation": [70.0, 55.0, 90.0]}
    shown = pd.DataFrame({**columns, "by_content": 20.0, "n": 9}, index=names)
    surely = shown.assign(difference_low=[0.2, 0.1, -0.1], ahead_low=[0.1, -0.1, 0.1], ahead_high=0.5)
    surely = surely.assign(difference_high=0.6, by_rotation_low=60.0, by_rotation_high=80.0)
    found = AttentionCauses(surely, surely)
    assert ours(found.beside_paper()) == [
        "2 of 3",
        "1 of 2",
        "least: L5H9, 55% (60 to 80%), means of 9",
        "L6H8: rotation 70% (60 to 80%), content 20%, means of 9",
    ]
    assert "Means of 9 masks: 2 of these 3 heads look at BOS more" in found.in_words
    assert found.in_words.endswith("of a difference of 0.40 (0.20 to 0.60).")
    alone = shown.assign(difference_low=np.nan, ahead_low=np.nan)
    assert ours(AttentionCauses(alone, alone).beside_paper())[:2] == ["3 of 3", "3 of 3"]


def test_what_stands_in_the_last_layer_instead_of_the_main_head_has_its_n():
    cosines = pd.DataFrame({"head": [0, 1, 2], "amino_acid": "M", "cosine": [0.3, -0.4, 0.1], "length": 1.0})
    cosines = cosines.assign(cosine_low=cosines.cosine - 0.1, cosine_high=cosines.cosine + 0.1)
    chosen = np.zeros((3, 20))
    chosen[:, AMINO_ACIDS.index("M")] = cosines.cosine
    halves = split({f"{index}": "A" * index for index in range(1, 15)})
    drops = pd.DataFrame({"head": [0, 1, 2], "drop": 1.0})
    found = Writes(M_FIRST, 5, cosines, drops, chosen, cosines, drops, halves)
    assert ours(found.beside_paper(Head(3, 1)))[0] == (
        "not applicable: L4H2 isn't in the last layer. Of its 3 heads L6H1 writes most towards M, cosine 0.30 (0.20 to "
        "0.40), and L6H2 most against it, -0.40 (-0.50 to -0.30) (chosen on 7 sequences, judged on 7 others)"
    )
    assert found.stands_there(Head(5, 1)) == ""
