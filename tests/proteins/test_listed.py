"""A listed structure is recognised under any of its names and by its sequence, and nothing else is."""

import hashlib

import pytest

from core.proteins.listed import ListedStructure, find_listed, sequence_digest

SEQUENCE, OTHER = "VREVCSEQAETGPCRAMISRWYFDVTEGKCAPFFYGGCGGNRNNFDTEEYCMAVCGSA", "MKTAYIAKQRQISFVKSHFSRQ"
KUNITZ = ListedStructure("1aap", sequence_digest(SEQUENCE), "Kunitz")
UBIQUITIN = ListedStructure("Ubiquitin", sequence_digest("MQIFVKTLTGK"))


@pytest.mark.parametrize("name", ["1aap", "1AAP", "pdb1aap", "PDB1AAP", "1aap_A", "1AAP_AB2", "1aapB", "pdb1aap_a"])
def test_a_pdb_entry_is_recognised_by_any_of_its_names(name):
    assert find_listed({name: OTHER}, [UBIQUITIN, KUNITZ]) == {name: KUNITZ}


@pytest.mark.parametrize(
    "name", ["1aapase", "1aap2", "1aap_domain", "1aa", "1aaq", "x1aap", "pdb", "pdb1aapase", "aap", "ubiquitin_A"]
)
def test_a_name_that_shares_a_part_is_another(name):
    assert find_listed({name: OTHER}, [UBIQUITIN, KUNITZ]) == {}


def test_names_that_are_no_pdb_entrys_are_the_same_in_any_case():
    assert find_listed({"UBIQUITIN": OTHER}, [UBIQUITIN, KUNITZ]) == {"UBIQUITIN": UBIQUITIN}


def test_a_renamed_copy_is_recognised_by_its_sequence():
    assert find_listed({"my copy": SEQUENCE, "mutant": SEQUENCE[:-1] + "G"}, [KUNITZ]) == {"my copy": KUNITZ}


def test_the_sequence_goes_before_the_name():
    assert find_listed({"ubiquitin": SEQUENCE}, [UBIQUITIN, KUNITZ]) == {"ubiquitin": KUNITZ}


def test_a_list_without_digests_goes_by_names_alone():
    old = ListedStructure("1aap", family="Kunitz")
    assert find_listed({"1AAP": SEQUENCE, "copy": SEQUENCE, "empty": ""}, [old]) == {"1AAP": old}


def test_digests_begin_the_sequences_sha_256():
    assert sequence_digest(SEQUENCE) == hashlib.sha256(SEQUENCE.encode()).hexdigest()[:16]
