"""Descriptions: counted again from the activations, kept in a file, refused where they belong to other weights."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.alphabet import tokenize
from core.errors import InputError
from core.features.activations import feature_activations, sparse
from core.features.concepts import Labelled, sequence_concepts
from core.features.descriptions import describe_features, read_descriptions, save_descriptions
from core.interventions import ScaleFeature
from core.model import Model
from tests.features.test_feature_edits import random_dictionary

SEQUENCES = ["MKTAYIAKQRQISFVK", "MSTNPKPQRKTKRNT", "MAHHHHHHGSAAA", "MKLVINGKTLKGEITIE"]


@pytest.fixture(scope="module")
def featured(lively: Model) -> Model:
    return lively.with_dictionary(random_dictionary(1, 32))


def test_descriptions_are_counts_of_the_activations(featured: Model, tmp_path: Path) -> None:
    dense = [feature_activations(featured, tokenize(sequence), 1).numpy() for sequence in SEQUENCES]
    group = [
        (Labelled(f"p{i}", sequence, sequence_concepts(sequence)), sparse(torch.from_numpy(each)))
        for i, (sequence, each) in enumerate(zip(SEQUENCES, dense, strict=True))
    ]
    described = describe_features(featured, 1, [group[:2], group[2:]])
    whole = np.concatenate(dense)
    assert (described.n_proteins, described.n_positions) == (4, len(whole))
    for feature, found in enumerate(described.features):
        column = whole[:, feature]
        assert found.density == pytest.approx((column > 0).mean(), abs=1e-6)
        n_proteins = sum((each[:, feature] > 0).any() for each in dense)
        if not n_proteins:
            assert (found.largest, found.top, found.name) == (0, (), "unnamed")
            continue
        assert found.specificity == pytest.approx(np.log(4 / n_proteins), abs=1e-3)
        assert found.largest == pytest.approx(column.max(), abs=1e-3)
        assert sum(found.histogram) == (column > 0).sum()
        assert len(found.top) == n_proteins
        assert [each.activation for each in found.top] == sorted((each.activation for each in found.top), reverse=True)
        for each in found.top:
            number = int(each.protein[1:])
            assert dense[number][each.position, feature] == pytest.approx(dense[number][:, feature].max(), abs=1e-3)
            assert each.letter == f"‹{SEQUENCES[number]}›"[each.position]
    save_descriptions(described, tmp_path)
    assert read_descriptions(tmp_path / "names.json", featured) == described
    with pytest.raises(InputError, match="names 40 features of weights"):
        read_descriptions(tmp_path / "names.json", replace(featured, trunk_fingerprint="other"))
    (tmp_path / "names.json").write_text("{")
    with pytest.raises(InputError, match="cannot read the names of features"):
        read_descriptions(tmp_path / "names.json", featured)


def test_activations_follow_a_condition(featured: Model) -> None:
    tokens = tokenize(SEQUENCES[0])
    clean = feature_activations(featured, tokens, 1)
    feature = int(clean[3].argmax())
    off = feature_activations(featured, tokens, 1, (ScaleFeature(1, feature, 0, (2,)),))
    assert clean[3, feature] > off[3, feature]
    torch.testing.assert_close(off[[0, 1, 2, 4]], clean[[0, 1, 2, 4]])
