"""Moved contacts against matrices rolled diagonal by diagonal, and the null that they give against noise."""

import numpy as np
import pytest

from core.proteins.contact_scores import SEPARATIONS, highest, pairs_in_range, precision_at
from core.proteins.moved_contacts import MovedContacts, random_shares


@pytest.fixture(scope="module")
def truth() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(3)
    contacts = np.triu(generator.random((60, 60)) < 0.1, 1)
    resolved = generator.random(60) < 0.9
    return contacts | contacts.T, np.outer(resolved, resolved)


@pytest.mark.parametrize("separation", SEPARATIONS)
def test_contacts_go_round_on_their_own_diagonal(truth, separation):
    contacts, known = truth
    pairs = pairs_in_range(60, separation) & known
    share = 0.37
    expected = np.zeros_like(contacts)
    for apart in range(60):
        on = [(i, i + apart) for i in range(60 - apart) if pairs[i, i + apart]]
        if on:
            labels = np.roll([contacts[pair] for pair in on], -round(share * len(on)))
            for pair, label in zip(on, labels, strict=True):
                expected[pair] = label
    moved = MovedContacts(contacts, known, separation)
    everything = np.arange(pairs.sum())
    found = moved.contact(everything, np.array([share, 0.0]))
    np.testing.assert_array_equal(found[0], expected[pairs])
    np.testing.assert_array_equal(found[1], contacts[pairs])


def test_the_highest_pairs_are_those_of_the_precision(truth):
    predicted = np.random.default_rng(5).random((60, 60)).round(1)
    moved = MovedContacts(*truth, "long")
    found = moved.contact(highest(predicted, moved.pairs), np.array([0.0])).mean()
    assert found == pytest.approx(precision_at(predicted, *truth).precision)


def test_a_map_that_only_knows_separations_is_at_its_own_chance(truth):
    """Contacts only at 24 to 26 apart, and a map that says just that: far above blind picking, not above the null."""
    _, known = truth
    apart = np.subtract.outer(np.arange(60), np.arange(60)) * -1
    near = np.random.default_rng(0).random((60, 60)) < 0.3
    contacts = near & (apart >= 24) & (apart <= 26)
    predicted = -1.0 * np.abs(apart) + np.random.default_rng(1).random((60, 60)) / 2
    moved = MovedContacts(contacts, known, "long")
    found = precision_at(predicted, contacts, known)
    null = moved.contact(highest(predicted, moved.pairs), random_shares("MK" * 30)).mean(1)
    assert found.precision > 3 * found.chance
    assert np.quantile(null, 0.05) <= found.precision <= np.quantile(null, 0.95)


def test_shares_repeat_and_differ_between_proteins():
    np.testing.assert_array_equal(random_shares("MKTA"), random_shares("MKTA"))
    assert not np.array_equal(random_shares("MKTA"), random_shares("MKTV"))
    assert not np.array_equal(random_shares("MKTA"), random_shares("MKTA", seed=1))
