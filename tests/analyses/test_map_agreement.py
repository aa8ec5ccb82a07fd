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


def test_maps_that_fall_with_the_separation_alike_agree_by_chance():
    """Nothing in common but the course over separations: the chance beside the agreement says so."""
    apart = np.abs(np.subtract.outer(np.arange(40), np.arange(40)))
    found = [
        map_agreement(symmetric(2 * seed) - 0.2 * apart, symmetric(2 * seed + 1) - 0.2 * apart) for seed in range(20)
    ]
    assert np.mean([each.rank_correlation for each in found]) > 0.8
    beyond = np.array([each.rank_correlation - each.correlation_by_chance for each in found])
    assert abs(beyond.mean()) < 0.01
    assert abs(np.mean([each.shared - each.shared_by_chance for each in found])) < 0.05
    same = map_agreement(symmetric(0), symmetric(0))
    assert same.rank_correlation - same.correlation_by_chance > 0.8


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
