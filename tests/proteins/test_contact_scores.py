"""Which pairs are contacts, how precise a map is, and how each predicted pair fares."""

import numpy as np
import pytest

from core.proteins.contact_scores import (
    NEAR,
    gained_contacts,
    judge_pairs,
    largest_counted,
    likeliest_contact,
    pairs_in_range,
    possibly_near,
    precision_at,
    top_contacts,
    verdicts,
)
from core.proteins.examples import load_example
from core.proteins.structure import ContactRule, contact_truth, residue_distances


def precision_by_hand(predicted, contacts, known, low, high, per):
    """P@L/k in a loop over pairs."""
    length = len(predicted)
    pairs = [
        (-predicted[i, j], i, j)
        for i in range(length)
        for j in range(i + 1, length)
        if low <= j - i <= high and known[i, j]
    ]
    best = sorted(pairs)[: max(length // per, 1)]
    return sum(bool(contacts[i, j]) for _, i, j in best) / len(best)


@pytest.mark.parametrize("per", [1, 2, 5])
@pytest.mark.parametrize("seed", range(4))
def test_precision_agrees_with_a_loop_over_pairs(seed, per):
    generator = np.random.default_rng(seed)
    length = 60
    predicted = np.round(generator.random((length, length)), 1)  # rounded, so that there are many ties
    contacts = generator.random((length, length)) < 0.1
    resolved = generator.random(length) < 0.8
    known = np.outer(resolved, resolved)
    for separation, low, high in (("short", 6, 11), ("medium", 12, 23), ("long", 24, length)):
        found = precision_at(predicted, contacts, known, separation, per)
        assert found.precision == pytest.approx(precision_by_hand(predicted, contacts, known, low, high, per))
        pairs = pairs_in_range(length, separation) & known
        assert found.chance == pytest.approx(contacts[pairs].mean())


def test_precision_of_a_perfect_and_of_a_short_protein():
    contacts = np.zeros((40, 40), bool)
    contacts[2, 30] = contacts[5, 35] = True
    known = np.ones_like(contacts)
    assert precision_at(contacts.astype(float), contacts, known, "long", 20).precision == 1
    tiny = np.zeros((10, 10))
    assert np.isnan(precision_at(tiny, tiny > 0, tiny == 0, "long").precision)


def test_top_contacts_are_the_highest_far_enough_apart():
    predicted = np.zeros((20, 20))
    predicted[1, 9], predicted[0, 19], predicted[3, 5] = 0.5, 0.9, 1.0
    assert top_contacts(predicted, 2) == [(0, 19), (1, 9)]


def test_predicted_pairs_are_judged_against_distances():
    distances = np.full((30, 30), 30.0)
    distances[2, 20], distances[5, 25], distances[9, 28] = 7.9, 11.0, np.nan
    pairs = [(2, 20), (4, 18), (5, 20), (5, 25), (9, 28), (0, 29)]
    assert judge_pairs(pairs, distances) == ["right", "near", "wrong", "near", "predicted", "wrong"]


def test_neighbours_along_the_chain_are_nothing_to_have_nearly_missed():
    distances = 6.0 * np.abs(np.subtract.outer(np.arange(30), np.arange(30)))
    distances[np.abs(np.subtract.outer(np.arange(30), np.arange(30))) < 4] = 5.0
    assert judge_pairs([(3, 9), (10, 17)], distances) == ["wrong", "wrong"]


def test_without_a_number_the_top_contacts_are_half_as_many_as_residues():
    predicted = np.random.default_rng(0).random((40, 40))
    assert top_contacts(predicted) == top_contacts(predicted, 20)
    assert len(top_contacts(np.zeros((8, 8)))) == 3  # there are no more pairs six apart


def test_gained_contacts_are_new_among_the_highest():
    before, after = np.zeros((2, 8, 8))
    before[0, 6] = before[0, 7] = before[1, 7] = 1
    assert gained_contacts(before, after) == []
    before, after = np.random.default_rng(0).random((2, 30, 30))
    gained = gained_contacts(before, after)
    assert gained == sorted(pair for pair in top_contacts(after) if pair not in top_contacts(before))
    assert gained


def test_the_likeliest_contact_is_long_range_and_true_where_that_is_known():
    structure = load_example("ubiquitin").structure
    contacts, _ = contact_truth(structure)
    predicted = np.random.default_rng(0).random(contacts.shape)
    i, j = likeliest_contact(predicted, structure)
    assert contacts[i, j]
    assert j - i >= 24
    assert predicted[i, j] == max(predicted[np.triu(contacts, 24)])
    assert likeliest_contact(predicted, None) == top_contacts(predicted, 1, 24)[0]
    assert likeliest_contact(np.zeros((5, 5)), None) is None


def test_the_largest_counted_value_is_of_pairs_that_count():
    values = np.zeros((20, 20))
    values[0, 5], values[0, 6] = 1, 0.12345
    assert largest_counted(values) == 0.12
    assert largest_counted(np.zeros((20, 20))) == 1e-3


def test_verdicts_follow_the_rule_and_know_nothing_without_a_structure():
    structure = load_example("ubiquitin").structure
    pairs = [(0, 16), (3, 60), (10, 30)]
    rule = ContactRule("ca", 10.0)
    assert verdicts(pairs, structure, rule) == judge_pairs(pairs, residue_distances(structure, "ca"), 10.0)
    assert verdicts(pairs, None) == ["predicted"] * 3


def test_what_is_not_resolved_may_be_near():
    structure = load_example("ubiquitin").structure
    distances = residue_distances(structure)
    near = possibly_near(structure, len(distances))
    off_diagonal = ~np.eye(len(distances), dtype=bool)
    np.testing.assert_array_equal(near[off_diagonal], ~(distances >= NEAR)[off_diagonal])
    assert not possibly_near(None, 4).any()
