"""Homologues found by alignment: identity, coverage and chance counted as they are written."""

import numpy as np
import pytest

from core.proteins.relatives import homologues


def random_sequence(length: int, seed: int) -> str:
    return "".join(np.random.default_rng(seed).choice(list("ACDEFGHIKLMNPQRSTVWY"), length))


def test_identity_and_coverage_are_those_of_the_alignment():
    one = random_sequence(100, 1)
    other = "".join(letter if at % 2 else ("A" if letter != "A" else "G") for at, letter in enumerate(one))
    found = homologues({"one": one}, {"half": other, "stranger": random_sequence(100, 2)})["one"]
    same = sum(a == b for a, b in zip(one, other, strict=True))
    assert found.name == "half"
    assert found.identity == pytest.approx(same / 100, abs=0.02)
    assert found.coverage > 0.9


def test_strangers_short_stretches_and_faint_likeness_are_no_homologues():
    strangers = {f"s{seed}": random_sequence(120, seed) for seed in range(20)}
    for name, sequence in strangers.items():
        assert homologues({name: sequence}, {n: s for n, s in strangers.items() if n != name}) == {}
    one = random_sequence(100, 50)
    assert homologues({"one": one}, {"a third": one[:33] + random_sequence(67, 51)}) == {}


def test_the_closest_is_told_and_rare_amino_acids_are_read():
    one = random_sequence(80, 3)
    near, nearer = "U" + one[:60] + random_sequence(19, 4), one[:78] + "OU"
    assert homologues({"one": one}, {"near": near, "nearer": nearer})["one"].name == "nearer"
