"""A planted head is told from random ones, a chance circuit isn't; in made numbers, and in a model of one head."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from core.answers.random_circuits import BesideRandom, beside_random, random_circuits
from core.answers.sufficiency import ALONE, sufficiency
from core.components import components, modules
from core.errors import InputError
from core.interventions import Component, Head
from core.metrics import Target
from core.model import Affine, Model, ModelShape
from tests.answers.conftest import SEQUENCES, DirectSurvey

SHAPE = ModelShape(n_layers=6, n_heads=12, d_model=48)
PLANTED = Head(2, 1)


def made(seed: int, planted: float, n_circuits: int = 100, n_proteins: int = 20) -> BesideRandom:
    """Gaps of heads alone: every circuit and every protein has a chance level, the first circuit `planted` more."""
    rng = np.random.default_rng(seed)
    gap = -3 + rng.normal(size=(n_circuits, 1)) + rng.normal(size=(n_circuits, n_proteins))
    gap[0] += planted
    circuits, proteins = np.indices(gap.shape)
    columns = {
        "subject": proteins.ravel(),
        "circuit": circuits.ravel(),
        "gap": gap.ravel(),
        "protein": proteins.ravel(),
    }
    return BesideRandom((PLANTED,), pd.DataFrame(columns))


def test_chance_heads_are_not_more_than_chance():
    found = [made(seed, planted=0) for seed in range(200)]
    assert sum(each.null.is_exceeded for each in found) <= 6, "1% of 200"
    usual = next(each for each in found if not each.null.is_exceeded)
    assert "not more than chance gives: of 99 random circuits " in usual.in_words
    assert usual.row["as_well"] == round(100 * usual.null.p) - 1


def test_a_planted_head_is_told_with_its_null():
    found = made(0, planted=6)
    assert found.null.p == 1 / 100
    assert found.in_words.startswith("{L3H2} alone keeps a mean gap of ")
    assert "more than circuits of its size do by chance: of 99 random circuits 0 do as well (median gap -" in (
        found.in_words
    )
    assert found.in_words.endswith("p = 0.010)")
    gap, low, high = (found.row[column] for column in ("gap", "gap_low", "gap_high"))
    assert low < gap < high  # pyright: ignore - numbers


@pytest.mark.parametrize(
    "circuit", [(Head(0, 1),), (Head(0, 1), Head(3, 2), ("mlp", 5)), (("attention", 0), ("mlp", 0), ("mlp", 4))]
)
def test_random_circuits_differ_and_have_the_same_parts(circuit: tuple[Component, ...]):
    def kinds(of: tuple[Component, ...]) -> list[str]:
        return sorted("head" if isinstance(each, Head) else each[0] for each in of)

    found = random_circuits(SHAPE, circuit, draws=50)
    assert len({frozenset(each) for each in found}) == 50
    assert frozenset(circuit) not in {frozenset(each) for each in found}
    assert all(kinds(each) == kinds(circuit) for each in found)
    assert found == random_circuits(SHAPE, circuit, draws=50)


def test_where_there_are_few_circuits_they_are_all_drawn():
    found = random_circuits(SHAPE, (("attention", 2),))
    assert found == tuple((("attention", layer),) for layer in range(6) if layer != 2)
    assert random_circuits(SHAPE, tuple(modules(SHAPE))) == ()


def test_the_chosen_circuits_gap_is_that_of_sufficiency(survey: DirectSurvey, target: Target):
    circuit = (("attention", 2), ("mlp", 1))
    found = beside_random(survey, SEQUENCES, target, circuit=circuit, scope="all")
    settings = {"circuit": circuit, "inside": 1}
    enough = sufficiency(survey, SEQUENCES, target, **settings).over_prediction.set_index(["condition", "at"])
    assert found.mean.gap[0] == pytest.approx(enough.gap[ALONE, "first"], abs=1e-9)
    assert found.row["random"] == 3 * 3 - 1
    assert np.isnan(found.row["gap_low"])  # pyright: ignore - a number; three proteins have no interval


def test_in_a_model_where_one_head_writes_it_alone_differs_from_the_random_ones(lively: Model, target: Target):
    layers = list(lively.layers)
    for index, layer in enumerate(layers):
        weight = torch.zeros_like(layer.output.weight)
        if index == PLANTED.layer:
            own = slice(PLANTED.index * lively.shape.d_head, (PLANTED.index + 1) * lively.shape.d_head)
            weight[:, own] = layer.output.weight[:, own]
        layers[index] = replace(layer, output=Affine(weight, torch.zeros_like(layer.output.bias)))
    model = replace(lively, layers=tuple(layers))
    found = beside_random(DirectSurvey(model), SEQUENCES, target, circuit=(PLANTED,), scope="all")
    assert len(found.drawn) == 3 * 4 - 1
    np.testing.assert_allclose(found.drawn, found.drawn[0], atol=1e-9)
    assert found.mean.gap[0] != pytest.approx(found.drawn[0], abs=1e-3)


def test_nothing_needed_and_everything_needed_are_said(survey: DirectSurvey, target: Target):
    with pytest.raises(InputError, match="no component is needed in most"):
        beside_random(survey, SEQUENCES, target, circuit=(), scope="all")
    everything = tuple(each for each in components(survey.model.shape) if isinstance(each, Head))
    found = beside_random(survey, SEQUENCES, target, circuit=everything, scope="all")
    assert found.in_words.endswith(", and no other circuit has its size")
    assert not found.null.is_exceeded
