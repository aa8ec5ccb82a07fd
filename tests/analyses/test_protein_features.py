"""The features of a protein, and what an edit changes in them, counted again."""

import numpy as np

from core.analyses.protein_features import ProteinFeatures, feature_changes
from core.answers.features import change_table
from core.features.descriptions import Description, Descriptions, labels

PLACES = ("BOS", "M1", "K2", "EOS")


def found(features: list[int], activation: list[list[float]]) -> ProteinFeatures:
    rows = np.array(activation, dtype=float)
    return ProteinFeatures(2, np.array(features), rows, rows.max(1))


def test_the_most_specific_are_the_first_and_one_that_is_kept_takes_the_last_row():
    seen = found([9, 4, 7, 1], np.eye(4).tolist())
    assert seen.most_specific(2).tolist() == [0, 1]
    assert seen.most_specific(2, 9).tolist() == [0, 1]
    assert seen.most_specific(2, 1).tolist() == [0, 3]
    assert seen.most_specific(2, 5).tolist() == [0, 1]
    assert seen.most_specific(9).tolist() == [0, 1, 2, 3]


def test_changes_are_told_with_names_and_the_place_of_the_largest():
    described = tuple(Description(0.1, 1.0, 2.0, concept="cysteine", f1=f1) for f1 in (0.9, 0.4, 0.0))
    known = Descriptions("any", "weights", 2, 4, 40, described)
    clean = found([0, 1], [[0, 1, 0, 0], [0, 0, 2, 0]])
    edited = found([1, 2], [[0, 0, 0.5, 0], [0.25, 0, 0, 0]])
    changes = feature_changes(clean, edited)
    assert change_table(changes, known, PLACES).to_numpy().tolist() == [
        ["L3F1", "unnamed", "K2", -1.5],
        ["L3F0", "cysteine", "M1", -1.0],
        ["L3F2", "unnamed", "BOS", 0.25],
    ]
    assert labels(2, np.array([1, 0]), known) == ["L3F1", "L3F0 cysteine"]
    assert labels(2, np.array([1, 0]), None) == ["L3F1", "L3F0"]
