"""What was chosen on some sequences is judged on others, and where that can't be, it is said."""

import numpy as np

from core.answers.split import split
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
