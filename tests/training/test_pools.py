"""Pools: what carries BOS and EOS, and how often crops begin and end where proteins do."""

import numpy as np
import pytest

from core.alphabet import BOS, EOS, tokenize
from core.training.pools import DOMAIN_FRAGMENTS, ENDS, FRAGMENTS, STARTS, make_pool
from tests.training.made_sequences import random_protein


def test_whole_proteins_carry_both_ends_and_domains_neither() -> None:
    whole = make_pool("proteins", 1.0, ["MKV", "MA"], whole_proteins=True)
    assert whole.tokens.tolist() == [*tokenize("MA").tolist(), *tokenize("MKV").tolist()]
    domain = make_pool("domains", 1.0, ["MKV"], whole_proteins=False)
    assert domain.tokens.tolist() == tokenize("MKV")[1:-1].tolist()


def test_letters_outside_the_alphabet_are_unknown() -> None:
    assert make_pool("odd", 1.0, ["A*J"], whole_proteins=False).tokens.tolist() == [5, 3, 3]


def test_crops_of_proteins_begin_and_end_as_often_as_they_should() -> None:
    rng = np.random.default_rng(0)
    pool = make_pool("proteins", 1.0, [random_protein(rng, 60) for _ in range(50)], whole_proteins=True)
    start, begins = pool.crops(20, 20_000, rng)
    assert (pool.tokens[start] == BOS).mean() == pytest.approx(STARTS, abs=0.01)
    assert (pool.tokens[start + 19] == EOS).mean() == pytest.approx(ENDS, abs=0.01)
    assert begins.mean() == pytest.approx(FRAGMENTS, abs=0.01)
    assert not (begins & (pool.tokens[start] == BOS)).any()  # a fragment is cut out of the inside


def test_crops_of_domains_begin_with_bos_now_and_then() -> None:
    rng = np.random.default_rng(0)
    pool = make_pool("domains", 1.0, [random_protein(rng, 60) for _ in range(50)], whole_proteins=False)
    assert pool.crops(50, 20_000, rng).begins.mean() == pytest.approx(DOMAIN_FRAGMENTS, abs=0.01)


def test_a_crop_lies_inside_its_sequence() -> None:
    rng = np.random.default_rng(0)
    lengths = [50, 55, 60]
    pool = make_pool("domains", 1.0, ["A" * length for length in lengths], whole_proteins=False)
    start = pool.crops(50, 1000, rng).start
    first = pool.start[np.searchsorted(pool.start, start, side="right") - 1]
    length = pool.length[np.searchsorted(pool.start, start, side="right") - 1]
    assert (start + 50 <= first + length).all()


def test_a_domain_is_not_cropped_to_less_than_its_share() -> None:
    pool = make_pool("domains", 1.0, ["A" * 50, "A" * 80, "A" * 100], whole_proteins=False, least=0.6)
    assert list(pool.eligible(50)) == [0, 1]
    assert list(pool.eligible(60)) == [1, 2]
    assert list(pool.eligible(101)) == []
