"""What the 3D view is given: the same atoms, under labels that no parser can mistake."""

import gemmi
import numpy as np
import pytest

from core.proteins.displayed import displayed
from core.proteins.structure import AuthorResidue, read_all_chains, read_structure
from tests.made_structures import as_mmcif, as_pdb, chain, entry, helix_positions, residue

SEQUENCE = "MKTAYIAKQR"


def odd(kind: str) -> gemmi.Structure:
    """Two chains of what PDB's columns can't hold."""
    name, first = ("AAA", 1) if kind == "long chain names" else ("A", 10_001 if kind == "large numbers" else 1)
    made = chain(name, SEQUENCE, first=first)
    if kind == "insertions":
        for index, (number, code) in enumerate([(1, " "), (2, " "), (2, "A"), (2, "B"), (3, " ")]):
            made[index].seqid = gemmi.SeqId(number, code)
    if kind == "five-letter names":
        made[3].name = "A1ABC"
    return entry(made, chain("Bbb", "GSGSGS", shift=40))


@pytest.mark.parametrize("kind", ["long chain names", "large numbers", "insertions", "five-letter names"])
def test_each_residue_is_where_its_label_says(kind):
    for structure in read_all_chains(as_mmcif(odd(kind))):
        assert structure.format == "mmcif"
        shown = displayed(structure)
        assert shown.format == "pdb"
        model = gemmi.read_pdb_string(shown.text)[0]
        found = [model[place.chain][str(place.number)][0]["CA"][0].pos.tolist() for place in shown.residues]
        np.testing.assert_allclose(found, structure.ca, atol=1e-3)
        assert len(set(shown.residues)) == len(structure.sequence)


def test_what_pdb_can_hold_stays_as_it_is():
    structure = read_structure(as_pdb(entry(chain("A", SEQUENCE))))
    assert displayed(structure) == (structure.text, "pdb", structure.residues)


def test_unresolved_residues_have_no_place():
    made = entry(chain("AAA", SEQUENCE, missing=(2,)), sequences={"AAA": SEQUENCE})
    places = displayed(read_structure(as_mmcif(made))).residues
    assert places[1:4] == (AuthorResidue("a", 2, ""), None, AuthorResidue("a", 3, ""))


def test_more_chains_than_letters_stay_mmcif():
    positions = helix_positions(70) * 30
    chains = []
    for index in range(70):
        one = gemmi.Chain(f"C{index}")
        for number in (1, 2):
            one.add_residue(residue("ALA", number, positions[index] + np.array([0, 0, 3.8 * number])))
        chains.append(one)
    structure = read_structure(as_mmcif(entry(*chains)))
    assert displayed(structure).format == "mmcif"
