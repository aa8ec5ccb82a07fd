"""The example proteins: complete, small, free, and what their table says."""

import re

import gemmi
import pytest

from core.alphabet import AMINO_ACIDS
from core.errors import InputError
from core.proteins.examples import EXAMPLES_FOLDER, examples, load_example
from core.proteins.protein import MAX_LENGTH
from core.proteins.structure import contact_truth

IDS = [example.id for example in examples()]

# Written down from the literature, not from the files.
UBIQUITIN = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG"
BPTI = "RPDFCLEPPYTGPCKARIIRYFYNAKAGLCQTFVYGGCRAKRNNFKSAEDCMRTCGGA"
AMYLOID_BETA_42 = "DAEFRHDSGYEVHHQKLVFFAEDVGSNKGAIIGLMVGGVVIA"


def test_there_are_enough_and_they_are_small():
    assert len(IDS) == len(set(IDS)) >= 10
    assert sum(file.stat().st_size for file in EXAMPLES_FOLDER.iterdir()) < 1_500_000
    assert {file.name for file in EXAMPLES_FOLDER.glob("*.gz")} == {example.file for example in examples()}


@pytest.mark.parametrize("example", examples(), ids=IDS)
def test_every_example_is_what_its_row_says(example):
    protein = load_example(example.id)
    structure = protein.structure
    assert structure is not None
    assert protein.name == example.title
    assert set(protein.sequence) <= set(AMINO_ACIDS)
    assert 40 <= len(protein.sequence) <= MAX_LENGTH
    assert (structure.name, structure.chain) == (example.pdb, example.chain)
    shown = {chain.name for chain in gemmi.read_structure_string(structure.text)[0]}
    assert shown == set(example.chains_shown.split())
    assert example.why.endswith(".")
    assert example.licence == "CC0 1.0"
    contacts, _ = contact_truth(structure)
    assert contacts.sum() > 2 * structure.n_resolved


@pytest.mark.parametrize("example", examples(), ids=IDS)
def test_the_note_on_the_start_names_the_residue_that_stands_there(example):
    protein = load_example(example.id)
    assert example.start in protein.notes
    named = re.search(r"starts with (its own |an )?([A-Z])\b", example.start)
    assert named is not None
    assert named[2] == protein.sequence[0]


@pytest.mark.parametrize(
    ("example_id", "sequence"),
    [("ubiquitin", UBIQUITIN), ("bpti", BPTI), ("amyloid_beta", AMYLOID_BETA_42)],
)
def test_known_sequences(example_id, sequence):
    assert load_example(example_id).sequence == sequence


def test_disulfide_bonds_of_bpti_are_contacts():
    protein = load_example("bpti")
    contacts, known = contact_truth(protein.structure)
    for first, second in ((5, 55), (14, 38), (30, 51)):
        assert protein.sequence[first - 1] == protein.sequence[second - 1] == "C"
        assert contacts[first - 1, second - 1]
        assert known[first - 1, second - 1]


def test_oddities_are_said():
    assert "16 of 42 residues are not resolved" in load_example("amyloid_beta").notes
    assert "modified residues are read as their parents: MSE as M (4)" in load_example("hiv_capsid").notes
    assert any("trained on its relatives (Kunitz domain)" in note for note in load_example("bpti").notes)
    assert not any("trained on its relatives" in note for note in load_example("enolase").notes)
    crystal_start = load_example("cro_repressor").structure
    assert crystal_start.sequence[0] == "M"
    assert crystal_start.residues[0] is None


def test_unknown_examples_are_refused():
    with pytest.raises(InputError, match=r"there is no example 'titin': the examples are ubiquitin, bpti"):
        load_example("titin")
