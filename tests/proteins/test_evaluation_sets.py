from collections import Counter

import pytest

from core.alphabet import AMINO_ACIDS
from core.errors import InputError
from core.proteins.evaluation_sets import evaluation_set

KNOWN = [(f"P{index}", "MKTAYIAKQR"[: 5 + index % 5]) for index in range(20)]


def test_twenty_proteins_make_the_papers_63_sequences():
    members = evaluation_set(KNOWN)
    assert Counter(member.group for member in members) == {"known": 20, "shuffled": 20, "random": 15, "diagnostic": 8}
    assert len({member.name for member in members}) == 63


def test_shuffles_keep_the_composition_and_change_the_order():
    members = evaluation_set([("long", AMINO_ACIDS * 3)])
    known, shuffled = members[:2]
    assert Counter(shuffled.sequence) == Counter(known.sequence)
    assert shuffled.sequence != known.sequence


def test_random_strings_are_15_to_45_amino_acids():
    strings = [member.sequence for member in evaluation_set(KNOWN, n_random=600) if member.group == "random"]
    assert {len(string) for string in strings} == set(range(15, 46))
    assert set("".join(strings)) == set(AMINO_ACIDS)


def test_the_seed_decides_everything_and_more_proteins_change_no_other_control():
    assert evaluation_set(KNOWN, seed=1) == evaluation_set(KNOWN, seed=1)
    assert evaluation_set(KNOWN, seed=1) != evaluation_set(KNOWN, seed=2)
    fewer = {member.name: member for member in evaluation_set(KNOWN[:3])}
    more = {member.name: member for member in evaluation_set(KNOWN)}
    assert fewer == {name: more[name] for name in fewer}


def test_no_protein_is_one_clear_line():
    with pytest.raises(InputError, match="at least one protein"):
        evaluation_set([])
