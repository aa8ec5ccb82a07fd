"""Plans: one length and one kind each, filled, counted, and nothing but seed and number decides."""

from collections import Counter
from itertools import islice

import numpy as np
import pytest

from core.training.batches import KINDS, LONGEST, SHORTEST, Mix, Plan, plans, quantised
from core.training.families import Collection


@pytest.fixture(scope="module")
def mix(collection: Collection) -> Mix:
    return Mix(collection, seed=0, tokens_per_micro_batch=512)


def same(one: Plan, other: Plan) -> bool:
    return (
        one.seed == other.seed and np.array_equal(one.start, other.start) and np.array_equal(one.begins, other.begins)
    )


def test_a_plan_is_a_function_of_seed_and_number(mix: Mix, collection: Collection) -> None:
    again, other = Mix(collection, seed=0, tokens_per_micro_batch=512), Mix(collection, 1, tokens_per_micro_batch=512)
    for number in range(6):
        assert same(mix[number], again[number])
        assert not same(mix[number], other[number])


def test_each_plan_is_of_the_kind_whose_turn_it_is(mix: Mix) -> None:
    families = {pool.name for pool in mix.pools["families"]}
    for number in range(30):
        plan = mix[number]
        assert plan.kind == KINDS[number % len(KINDS)]
        assert set(plan.n_tokens) <= ({"at large"} if plan.kind == "at large" else families)


def test_plans_fill_their_tokens_and_count_them(mix: Mix) -> None:
    for number in range(60):
        plan = mix[number]
        assert plan.length == quantised(plan.length) <= LONGEST
        assert len(plan.start) == len(plan.begins) == max(1, 512 // plan.length)
        assert sum(plan.n_tokens.values()) == len(plan.start) * plan.length


def test_crops_come_from_the_pools_they_are_counted_for(mix: Mix) -> None:
    """The pools' tokens lie one after another: a crop of the third begins behind the first two."""
    pools = [pool for kind in ("at large", "families") for pool in mix.pools[kind]]
    ends = np.cumsum([len(pool.tokens) for pool in pools])
    assert len(mix.tokens) == ends[-1]
    for number in range(30):
        plan = mix[number]
        owners = Counter(pools[index].name for index in np.searchsorted(ends, plan.start, side="right").tolist())
        assert {name: n * plan.length for name, n in owners.items()} == plan.n_tokens


def test_families_come_as_often_as_they_weigh(collection: Collection) -> None:
    mix = Mix(collection, seed=0, tokens_per_micro_batch=512)
    seen = Counter[str]()
    for number in range(3000):
        seen.update(mix[number].n_tokens)
    heavy = max(mix.pools["families"], key=lambda pool: pool.weight)
    light = min(mix.pools["families"], key=lambda pool: pool.weight)
    assert seen[heavy.name] > 5 * seen[light.name] > 0


def test_lengths_are_few_and_share_a_divisor() -> None:
    lengths = {quantised(length) for length in range(SHORTEST, LONGEST + 1)}
    assert len(lengths) <= 72
    assert all(length % 4 == 0 for length in lengths)
    assert all(length - quantised(length) < 8 for length in range(SHORTEST, LONGEST + 1))


@pytest.mark.parametrize("processes", [0, 2])
def test_a_run_goes_on_with_the_plans_it_would_have_had(mix: Mix, processes: int) -> None:
    steps = list(islice(plans(mix, 0, 0, 1, processes=0), 5))
    resumed = list(islice(plans(mix, 3, 0, 1, processes), 2))
    assert [[plan.kind for plan in step] for step in resumed] == [list(KINDS)] * 2
    for ours, theirs in zip(resumed, steps[3:], strict=True):
        assert all(same(a, b) for a, b in zip(ours, theirs, strict=True))


def test_workers_share_the_plans_out_among_them(mix: Mix) -> None:
    first, second = (next(plans(mix, 1, rank, 2, processes=0)) for rank in (0, 1))
    assert [plan.kind for plan in first] == [plan.kind for plan in second] == list(KINDS)
    numbers = [plan.seed for plan in (*first, *second)]
    assert numbers == [mix[number].seed for number in range(6, 12)]
