"""The greedy search for heads whose rotation brings the target back."""

import numpy as np
import pytest

from core.analyses.reading import read
from core.analyses.rope_experiments import swap
from core.answers.rope_swap import ends, swap_path
from core.answers.subjects import several_masks, two_masks
from core.components import heads_of_layers
from core.errors import InputError
from core.interventions import Head
from core.metrics import Target
from core.model import Model
from core.proteins.evaluation_sets import random_sequence
from tests.answers.conftest import SEQUENCES, DirectSurvey

MAIN = Head(2, 1)


def test_every_step_is_the_best_one_and_its_gaps_are_those_of_the_swaps(
    survey: DirectSurvey, lively: Model, target: Target
):
    compared = two_masks({"one": SEQUENCES["one"]}, target)
    found = swap_path(survey, {"one": SEQUENCES["one"]}, target, main=MAIN, steps=3)
    assert found.split.is_shared
    assert MAIN not in found.heads
    assert len(set(found.heads)) == len(found.heads) > 0
    internal, clean, follow = compared["one"].internal, compared["one"].clean, target.at_mask
    candidates = [head for head in heads_of_layers(lively.shape, range(3)) if head != MAIN]
    alone = read(lively, internal, [swap([MAIN, head]) for head in candidates], target=follow).gap
    assert found.heads[0] == candidates[int(alone.argmax())]
    conditions = [(), swap([MAIN]), swap([MAIN, *found.heads])]
    masks = several_masks({"one": SEQUENCES["one"]}, target).values()
    gaps = np.stack([read(lively, each.internal, conditions, target=follow).gap for each in masks])
    low, first, last = gaps.mean(0)
    [high] = read(lively, clean, [()], target=follow).gap
    assert len(masks) == 5
    assert (found.ends.internal, found.ends.clean) == pytest.approx((low, high))
    rescue = found.steps.rescue.to_numpy()
    assert rescue[[0, -1]] == pytest.approx([100 * (gap - low) / (high - low) for gap in (first, last)])
    assert found.last == f"{(gaps[:, -1] > 0).sum()} of 5 masks"
    assert found.steps.name.tolist() == [str(head) for head in (MAIN, *found.heads)]


def test_the_search_ends_where_all_of_the_gap_is_back(survey: DirectSurvey, lively: Model, target: Target):
    compared = two_masks(SEQUENCES, target)
    found = swap_path(survey, SEQUENCES, target, main=MAIN)
    before_last = [
        read(survey.model, pair.internal, [swap([MAIN, *found.heads[:-1]], 0)], target=target.at_mask).gap
        for pair in compared.values()
    ]
    assert np.mean(before_last) < ends(survey, compared, target).clean


def test_heads_are_chosen_on_one_half_and_judged_on_the_other(survey: DirectSurvey, target: Target):
    """What the other half's proteins are changes no choice, and the choosing half's no judgement of the first step."""
    strings = {f"random {index}": random_sequence(np.random.default_rng(index)) for index in range(12)}
    names = list(strings)
    other = strings | {name: strings[name][::-1] + "A" for name in names[1::2]}
    found, changed = (swap_path(survey, each, target, main=MAIN, steps=1) for each in (strings, other))
    assert str(found.split) == "chosen on 6 sequences, judged on 6 others"
    assert found.heads == changed.heads
    assert found.steps.gap.iloc[0] != changed.steps.gap.iloc[0]
    assert found.steps.n.tolist() == [30] * len(found.steps)
    assert found.steps.proteins.tolist() == [6] * len(found.steps)
    assert (found.steps.rescue_low <= found.steps.rescue).all()


def test_the_two_masks_must_differ_and_be_there(survey: DirectSurvey, target: Target):
    with pytest.raises(InputError, match="residue 1 is the masked one: the internal residue must be another"):
        ends(survey, two_masks(SEQUENCES, target, 0), target)
    with pytest.raises(InputError, match="cannot mask residue 300"):
        ends(survey, two_masks(SEQUENCES, target, 299), target)
