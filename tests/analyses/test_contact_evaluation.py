"""Precision, curves and comparisons against loops and against what statistics textbooks give."""

import numpy as np
import pytest

from core.analyses.contact_evaluation import (
    PER,
    RECALLS,
    mean_over_proteins,
    moved_curve,
    precision_recall,
    precisions,
    win_rate,
)
from core.errors import InputError
from core.proteins.contact_scores import SEPARATIONS, pairs_in_range, precision_at
from core.proteins.labelled import LabelledProtein
from core.proteins.moved_contacts import random_shares


@pytest.fixture(scope="module")
def protein() -> LabelledProtein:
    generator = np.random.default_rng(2)
    contacts = np.triu(generator.random((50, 50)) < 0.1)
    return LabelledProtein.from_arrays("made up", "A" * 50, contacts, generator.random(50) < 0.9, "by chance")


def test_the_table_has_every_separation_and_k(protein):
    predicted = np.random.default_rng(0).random((50, 50))
    table = precisions(protein, {"noise": predicted, "truth": protein.truth()[0] * 1.0})
    assert len(table) == 2 * len(SEPARATIONS) * len(PER)
    for row in table.itertuples():
        shown = predicted if row.method == "noise" else protein.truth()[0] * 1.0
        found = precision_at(shown, *protein.truth(), row.separation, row.per)
        assert (row.precision, row.chance, row.n_ranked) == (found.precision, found.chance, found.n_ranked)
    best = table[(table.method == "truth") & (table.per == 5)]
    assert (best.precision > 0.9).all()


def test_precision_recall_is_the_best_precision_at_that_recall(protein):
    generator = np.random.default_rng(4)
    predicted = np.round(generator.random((50, 50)), 1)  # many ties
    contacts, known = protein.truth()
    pairs = [(i, j) for i in range(50) for j in range(i + 24, 50) if known[i, j]]
    n_contacts = sum(contacts[pair] for pair in pairs)
    points = []
    for threshold in np.unique(predicted):
        picked = [pair for pair in pairs if predicted[pair] >= threshold]
        if picked:
            right = sum(contacts[pair] for pair in picked)
            points.append((right / n_contacts, right / len(picked)))
    expected = [max(precision for recall, precision in points if recall >= wanted - 1e-12) for wanted in RECALLS]
    np.testing.assert_allclose(precision_recall(protein, predicted), expected)


def test_the_chance_of_a_map_is_its_precision_against_contacts_moved_along_the_chain(protein):
    contacts, known = protein.truth()
    predicted = np.random.default_rng(0).random((50, 50)) + 2 * contacts
    table = precisions(protein, {"knows": predicted}).query("separation == 'long' and per == 2").iloc[0]
    pairs = [(i, j) for i in range(50) for j in range(i + 24, 50) if known[i, j]]
    top = sorted(pairs, key=lambda pair: -predicted[pair])[:25]
    found = []
    for share in random_shares(protein.sequence):
        for i, j in top:
            on = [(a, b) for a, b in pairs if b - a == j - i]
            found.append(contacts[on[(on.index((i, j)) + round(share * len(on))) % len(on)]])
    assert table.moved == pytest.approx(np.mean(found))
    assert table.precision > 3 * table.moved


def test_a_map_without_knowledge_has_the_area_of_its_chance(protein):
    generator = np.random.default_rng(7)
    areas = []
    for _ in range(40):
        noise = generator.random((50, 50))
        areas.append([np.trapezoid(curve(protein, noise), RECALLS) for curve in (precision_recall, moved_curve)])
    difference = np.subtract(*np.transpose(areas))
    assert abs(difference.mean()) < 3 * difference.std() / np.sqrt(40)
    share = protein.truth()[0][pairs_in_range(50, "long") & protein.truth()[1]].mean()
    assert np.mean(areas, 0).min() > share, "the best precision at each recall is above the share of contacts"


def test_a_perfect_map_recalls_everything_precisely(protein):
    np.testing.assert_array_equal(precision_recall(protein, protein.truth()[0] * 1.0), np.ones_like(RECALLS))


def test_a_protein_without_contacts_has_no_curve():
    with pytest.raises(InputError, match="helix has no long-range contact to recall"):
        precision_recall(LabelledProtein("helix", "A" * 60, (), (), "by hand"), np.zeros((60, 60)))


def test_intervals_cover_the_mean_as_often_as_they_say():
    generator = np.random.default_rng(1)
    covered = [
        found.low <= 0.5 <= found.high
        for found in (mean_over_proteins(generator.normal(0.5, 0.2, 40)) for _ in range(100))
    ]
    assert 86 <= sum(covered) <= 99


def test_means_leave_out_what_is_missing_and_are_reproducible():
    values = [0.2, np.nan, 0.4, 0.9, 0.3, 0.5, 0.7]
    found = mean_over_proteins(values, seed=3)
    assert found.mean == pytest.approx(0.5)
    assert found.n == 6
    assert found.low < 0.5 < found.high
    assert found == mean_over_proteins(values, seed=3)
    assert str(found) == f"0.500 [{found.low:.3f}, {found.high:.3f}], N = 6"
    assert str(mean_over_proteins(values[:6])) == "0.460 (no interval below 6 proteins), N = 5"
    assert win_rate([1.0] * 5, [0.0] * 5).p_value > 0.05 > win_rate([1.0] * 6, [0.0] * 6).p_value
    alone = mean_over_proteins([0.3])
    assert alone.mean == pytest.approx(0.3)
    assert np.isnan(alone.low)
    assert np.isnan(mean_over_proteins([]).mean)


def test_win_rate_counts_pairs_and_tests_signs():
    first, second = [0.5, 0.6, 0.7, 0.2, 0.3, np.nan], [0.1, 0.2, 0.3, 0.2, 0.9, 0.4]
    found = win_rate(first, second)
    assert (found.wins, found.losses, found.ties) == (3, 1, 1)
    assert found.rate == pytest.approx(0.7)
    assert found.difference.mean == pytest.approx((0.4 + 0.4 + 0.4 + 0 - 0.6) / 5)
    assert found.p_value == pytest.approx(2 * (1 + 4) / 16)  # at most one of four by a fair coin, both sides
    assert win_rate([1.0, 1.0], [1.0, 1.0]).p_value == 1
    with pytest.raises(InputError, match="there is none"):
        win_rate([np.nan], [0.4])
