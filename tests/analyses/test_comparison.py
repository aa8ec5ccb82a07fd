"""A comparison: nothing differs from itself, swapped sides change the sign, aligned residues meet."""

import numpy as np
import pytest
import torch

from core.alphabet import tokenize
from core.analyses.comparison import (
    band_difference,
    heads_correspond,
    in_place,
    one_scale,
    position_difference,
    prediction_difference,
    residue_difference,
)
from core.analyses.exploration import RunView, band_view, view_run
from core.analyses.prediction import prediction
from core.errors import InputError
from core.interventions import AblateHead, Condition, Head, ShiftRope
from core.metrics import Target
from core.model import Model
from core.proteins.correspondence import Correspondence, correspondence
from tests.conftest import random_fair_esm

SEQUENCE = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG"
TAILED = "GSGSG" + SEQUENCE
HEAD = Head(1, 2)


def seen(model: Model, sequence: str, condition: Condition = ()) -> RunView:
    return view_run(model, tokenize(sequence, [0]), condition, residue=0, head=HEAD)


@pytest.fixture(scope="module")
def sides(model: Model) -> tuple[RunView, RunView]:
    return seen(model, SEQUENCE), seen(model, SEQUENCE, (AblateHead(Head(0, 1)), ShiftRope(HEAD, 3)))


SAME = correspondence(SEQUENCE, SEQUENCE)


def differences(first: RunView, second: RunView, where: Correspondence) -> list[np.ndarray]:
    """Everything that a comparison shows of two runs."""
    letters = prediction_difference(*(prediction(run.logits, Target("M")) for run in (first, second)))
    bands = band_difference(*(band_view(run, 1, 0) for run in (first, second)))
    return [
        letters.probabilities,
        letters.logits,
        np.array([letters.target_probability, letters.target_gap, letters.target_rank]),
        bands.q_norm,
        bands.k_norm,
        bands.cosine,
        bands.contribution,
        np.array([bands.score, bands.attention]),
        position_difference(first.pattern, second.pattern, where),
        position_difference(*(run.bos_attention[HEAD.layer, HEAD.index] for run in (first, second)), where),
        residue_difference(first.head_map, second.head_map, where),
    ]


def test_a_side_differs_from_itself_nowhere(sides: tuple[RunView, RunView]) -> None:
    for run in sides:
        assert all(not difference.any() for difference in differences(run, run, SAME))


def test_swapped_sides_change_the_sign(sides: tuple[RunView, RunView]) -> None:
    there, back = differences(*sides, SAME), differences(*sides[::-1], SAME)
    assert all(np.array_equal(one, -other) for one, other in zip(there, back, strict=True))
    assert all(difference.any() for difference in there[:2] + there[7:])


def test_a_difference_is_of_the_residues_that_correspond(model: Model) -> None:
    short, long = seen(model, SEQUENCE), seen(model, TAILED)
    where = correspondence(SEQUENCE, TAILED)
    maps = residue_difference(short.head_map, long.head_map, where)
    assert maps[0, 70] == long.head_map[5, 75] - short.head_map[0, 70]
    pattern = position_difference(short.pattern, long.pattern, where)
    assert pattern.shape == (78, 78)
    assert pattern[0, 0] == long.pattern[0, 0] - short.pattern[0, 0]
    assert pattern[1, -1] == long.pattern[6, -1] - short.pattern[1, -1]
    back = position_difference(long.pattern, short.pattern, where.swapped)
    assert np.array_equal(back, -pattern)


def test_in_the_first_proteins_place_the_rest_is_blank() -> None:
    where = Correspondence(np.array([1, 3]), np.array([0, 1]), "")
    placed = in_place(np.array([[1.0, 2.0], [3.0, 4.0]]), where, 4)
    assert placed[1, 3] == 2.0
    assert placed[3, 1] == 3.0
    assert np.isnan(placed).sum() == 12


def test_bands_of_other_wavelengths_have_no_difference(sides: tuple[RunView, RunView]) -> None:
    other = Model.from_fair_esm(random_fair_esm(2, 4, 64), name="wider")
    wider = view_run(other, tokenize(SEQUENCE, [0]), (), residue=0, head=HEAD)
    with pytest.raises(InputError, match="RoPE bands differ \\(4 and 8"):
        band_difference(band_view(sides[0], 1, 0), band_view(wider, 1, 0))


def test_heads_are_the_same_in_the_same_weights_alone(model: Model) -> None:
    other = Model.from_fair_esm(random_fair_esm(3, 4, 32, seed=1), name="other")
    assert heads_correspond(model, model.to(dtype=torch.bfloat16))
    assert not heads_correspond(model, other)


def test_one_scale_holds_all() -> None:
    assert one_scale(np.array([0.5, -2.0]), np.array([[1.0, np.nan]])) == 2.0
    assert one_scale(np.zeros(3)) > 0
    assert one_scale(np.r_[np.ones(999), 50.0], share=0.99) == 1.0
