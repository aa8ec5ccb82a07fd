"""A feature's heads, letters and neighbours, each computed another way."""

import numpy as np
import pytest
import torch

from core.alphabet import AMINO_ACID_IDS
from core.analyses.feature_heads import direct_letters, feature_heads, neighbours
from core.features.activations import feature_activations
from core.forward import unembed
from core.interventions import AblateHead, Condition, Head, ScaleFeature
from core.model import Model
from core.run import Keep, run
from tests.features.test_feature_edits import random_dictionary

LAYER = 1


@pytest.fixture(scope="module")
def featured(lively: Model) -> Model:
    return lively.with_dictionary(random_dictionary(LAYER, 32))


def test_writers_and_readers(featured: Model, clean: torch.Tensor) -> None:
    condition: Condition = (AblateHead(Head(0, 3), "bos"),)
    before = feature_activations(featured, clean, LAYER, condition)
    feature = int(before[1].argmax())
    found = feature_heads(featured, clean, LAYER, feature, 1, condition)
    for head in (Head(0, 0), Head(1, 2)):
        after = feature_activations(featured, clean, LAYER, (*condition, AblateHead(head)))
        change = float(after[1, feature] - before[1, feature])
        assert found.write_effect[head.layer, head.index] == pytest.approx(change, abs=1e-9)
        columns = featured.layers[head.layer].output.weight[:, head.index * 8 : head.index * 8 + 8]
        length = float((columns.T @ featured.dictionary(LAYER).encoder[:, feature]).norm())
        assert found.write_weight[head.layer, head.index] == pytest.approx(length)
    off = (*condition, ScaleFeature(LAYER, feature))
    z = [run(featured, clean, (each,), keep=Keep.of("z"))["z", 2][0, 1] for each in (condition, off)]
    assert found.read_effect[2, 1] == pytest.approx(float((z[1] - z[0]).norm() / z[0].norm()))
    assert np.isnan(found.write_effect[2]).all()
    assert np.isnan(found.read_weight[:2]).all()
    assert (found.read_weight[2] > 0).all()


def test_letters_are_finite_differences_of_the_unembed(featured: Model, clean: torch.Tensor) -> None:
    slopes = direct_letters(featured, clean, LAYER, 5, None)
    kept = run(featured, clean, keep=Keep.of("resid_post"))
    at, earlier = kept["resid_post", 2][0, 1], kept["resid_post", LAYER][0, 1]
    row = featured.dictionary(LAYER).decoder[5] * (earlier.std() + 1e-5)
    step = 1e-5
    logits = [unembed(featured, at + sign * step * row)[list(AMINO_ACID_IDS)] for sign in (-1, 1)]
    expected = (logits[1] - logits[0]) / (2 * step)
    np.testing.assert_allclose(slopes, expected - expected.mean(), rtol=1e-5, atol=1e-7)


def test_neighbours_point_most_alike(featured: Model) -> None:
    found = neighbours(featured, LAYER, 7, 3)
    rows = featured.dictionary(LAYER).decoder
    cosine = torch.cosine_similarity(rows, rows[7][None]).numpy()
    assert [each for each, _ in found] == [int(each) for each in cosine.argsort()[::-1] if each != 7][:3]
    assert [value for _, value in found] == pytest.approx([cosine[each] for each, _ in found])
