"""Residues that stand for one another: by position, by alignment, or not at all."""

import numpy as np
import pytest

from core.errors import InputError
from core.proteins.correspondence import correspondence

UBIQUITIN = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG"


def test_one_length_corresponds_position_by_position() -> None:
    found = correspondence(UBIQUITIN, UBIQUITIN.replace("Q", "A"))
    assert np.array_equal(found.first, np.arange(76))
    assert np.array_equal(found.second, np.arange(76))
    assert found.said == f"position by position, 76 residues, {76 - UBIQUITIN.count('Q')} with the same letter"
    assert "all the same" in correspondence(UBIQUITIN, UBIQUITIN).said


def test_a_cut_and_a_tail_are_found_by_alignment() -> None:
    longer = "GGSGGS" + UBIQUITIN[:30] + UBIQUITIN[33:]
    found = correspondence(UBIQUITIN, longer)
    pairs = dict(zip(found.first.tolist(), found.second.tolist(), strict=True))
    assert pairs[0] == 6
    assert pairs[75] == 75 - 3 + 6
    assert len(pairs) == 73
    assert all(UBIQUITIN[one] == longer[two] for one, two in pairs.items() if not 27 < one < 36)
    assert found.of([0, 75]) == (6, 78)
    assert found.swapped.of([6, 78, 0]) == (0, 75)


def test_rare_letters_are_aligned_too() -> None:
    assert len(correspondence(UBIQUITIN.replace("K", "U"), UBIQUITIN[1:].replace("K", "U")).first) == 75


def test_strangers_of_other_lengths_correspond_nowhere() -> None:
    with pytest.raises(InputError, match=r"proteins of 76 and 22 residues .* E ≤ 0.001, and these have none"):
        correspondence(UBIQUITIN, "MKTAYIAKQRQISFVKSHFSRQ")
