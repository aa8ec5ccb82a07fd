"""The greedy search for heads whose rotation brings the target back."""

import numpy as np
import pytest

from core.analyses.reading import read
from core.analyses.rope_experiments import swap
from core.answers.rope_swap import ends, swap_path
from core.answers.subjects import two_masks
from core.components import heads_of_layers
from core.errors import InputError
from core.interventions import Head
from core.metrics import Target
from core.model import Model
from tests.answers.conftest import SEQUENCES, DirectSurvey

MAIN = Head(2, 1)


def test_every_step_is_the_best_one_and_its_gaps_are_those_of_the_swaps(
    survey: DirectSurvey, lively: Model, target: Target
):
    compared = two_masks({"one": SEQUENCES["one"]}, target)
    found = swap_path(survey, compared, target, main=MAIN, steps=3)
    assert MAIN not in found.heads
    assert len(set(found.heads)) == len(found.heads) > 0
    internal, clean, follow = compared["one"].internal, compared["one"].clean, target.at_mask
    candidates = [head for head in heads_of_layers(lively.shape, range(3)) if head != MAIN]
    alone = read(lively, internal, [swap([MAIN, head]) for head in candidates], target=follow).gap
    assert found.heads[0] == candidates[int(alone.argmax())]
    conditions = [(), swap([MAIN]), swap([MAIN, *found.heads])]
    low, first, last = read(lively, internal, conditions, target=follow).gap
    [high] = read(lively, clean, [()], target=follow).gap
    assert (found.ends.internal, found.ends.clean) == pytest.approx((low, high))
    rescue = found.steps.rescue.to_numpy()
    assert rescue[[0, -1]] == pytest.approx([100 * (gap - low) / (high - low) for gap in (first, last)])
    assert np.diff(rescue[1:]).min(initial=0) >= 0
    assert found.steps.name.tolist() == [str(head) for head in (MAIN, *found.heads)]


def test_the_search_ends_where_all_of_the_gap_is_back(survey: DirectSurvey, lively: Model, target: Target):
    compared = two_masks(SEQUENCES, target)
    low, high = ends(survey, compared, target).internal, ends(survey, compared, target).clean
    found = swap_path(survey, compared, target, main=MAIN)
    gaps = low + found.steps.rescue.to_numpy() / 100 * (high - low)
    assert (gaps[1:-1] < high).all()


def test_the_two_masks_must_differ_and_be_there(survey: DirectSurvey, target: Target):
    with pytest.raises(InputError, match="residue 1 is the masked one: the internal residue must be another"):
        ends(survey, two_masks(SEQUENCES, target, 0), target)
    with pytest.raises(InputError, match="cannot mask residue 300"):
        ends(survey, two_masks(SEQUENCES, target, 299), target)
