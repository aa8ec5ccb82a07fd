"""What was chosen on some sequences is judged on others, and where that can't be, it is said."""

import numpy as np
import pytest

from core.answers.split import largest, split
from core.proteins.evaluation_sets import evaluation_set, random_sequence, shuffled

KNOWN = [(f"protein {index}", random_sequence(np.random.default_rng(index))) for index in range(20)]
SET = {member.name: member.sequence for member in evaluation_set(KNOWN)}


def test_halves_share_no_protein_and_leave_nothing_out():
    found = split(SET)
    assert not found.is_shared
    assert found.choosing.keys() | found.judging.keys() == SET.keys()
    proteins = [{"".join(sorted(sequence)) for sequence in half.values()} for half in (found.choosing, found.judging)]
    assert proteins[0].isdisjoint(proteins[1])
    assert abs(len(found.choosing) - len(found.judging)) <= 2
    assert f"chosen on {len(found.choosing)} sequences, judged on {len(found.judging)} others" == str(found)


def test_few_sequences_do_both_and_that_is_said():
    few = dict(list(SET.items())[:11])
    assert split(few).is_shared
    assert split(few).judging == few
    assert str(split(few)) == "chosen and judged on the same 11 sequences"
    assert str(split(dict(list(SET.items())[:1]))).endswith("the same 1 sequence")
    assert not split(dict(list(SET.items())[:12])).is_shared


def test_what_chose_is_left_out_of_the_judges_with_its_shuffles():
    name, sequence = KNOWN[0]
    mixed = {"mixed": shuffled(sequence, np.random.default_rng(9)), name: sequence, "other": KNOWN[1][1]}
    found = split(mixed, {name: sequence})
    assert list(found.judging) == ["other"]
    assert str(found) == "chosen on 1 sequence, judged on 1 others"
    assert split({name: sequence}, {name: sequence}).is_shared


def parts(mean: np.ndarray) -> np.ndarray:
    return mean / mean.sum(-1, keepdims=True)


def test_the_largest_of_many_alike_is_no_larger_where_it_is_judged():
    """Ninety parts that differ by noise alone: the largest in the half that chose it is one of many in the other."""
    rng = np.random.default_rng(0)
    judged = []
    for _ in range(40):
        measured = rng.lognormal(0, 1, (len(SET), 90))
        found = largest(parts, measured, SET)
        assert found.index == parts(measured[np.isin(list(SET), list(found.split.choosing))].mean(0)).argmax()
        judged.append(found.share)
        assert found.interval is not None
        assert found.interval[0] < found.share < found.interval[1]
    assert np.mean(judged) == pytest.approx(1 / 90, rel=0.1)


def test_a_planted_largest_is_found_with_its_size_and_says_how_many_were_compared():
    measured = np.random.default_rng(1).lognormal(0, 0.1, (len(SET), 4)) * np.array([1, 1, 3, 1])
    found = largest(parts, measured, SET)
    assert (found.index, found.of) == (2, 4)
    assert found.share == pytest.approx(0.5, abs=0.03)
    assert str(found).startswith("50% (")
    assert str(found).endswith(f"%), the most of 4 ({found.split})")
    few = dict(list(SET.items())[:3])
    alone = largest(parts, measured[:3], few, what="mask")
    assert alone.interval is None
    assert str(alone).endswith("the most of 4 (chosen and judged on the same 3 masks)")
