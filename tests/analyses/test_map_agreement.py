import numpy as np
import pytest

from core.analyses.map_agreement import map_agreement
from core.errors import InputError


def symmetric(seed: int, length: int = 40) -> np.ndarray:
    values = np.random.default_rng(seed).random((length, length))
    return values + values.T


def test_a_map_agrees_with_itself_and_with_any_rising_function_of_it():
    one = symmetric(0)
    same = map_agreement(one, np.exp(3 * one))
    assert same.rank_correlation == pytest.approx(1)
    assert same.shared == 1


def test_unrelated_maps_share_what_chance_gives():
    found = [map_agreement(symmetric(2 * seed), symmetric(2 * seed + 1)) for seed in range(40)]
    n_pairs = 34 * 35 / 2
    assert abs(np.mean([each.rank_correlation for each in found])) < 0.03
    assert np.mean([each.shared for each in found]) == pytest.approx(40 / n_pairs, abs=0.03)


def test_pairs_close_along_the_chain_do_not_count():
    one, other = symmetric(0), symmetric(0)
    near = np.abs(np.subtract.outer(np.arange(40), np.arange(40))) < 6
    other[near] = 99
    assert map_agreement(one, other).shared == 1


def test_maps_of_different_or_tiny_proteins_are_refused():
    with pytest.raises(InputError, match="40 and 39 residues"):
        map_agreement(symmetric(0), symmetric(0, 39))
    with pytest.raises(InputError, match="of 7 residues has no pairs"):
        map_agreement(symmetric(0, 7), symmetric(1, 7))
