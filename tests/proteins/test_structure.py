"""Reading structures with the oddities of real files, putting them on a sequence's numbering, and contact truth."""

import re

import gemmi
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.alphabet import AMINO_ACIDS
from core.errors import InputError
from core.proteins.labelled import LabelledProtein
from core.proteins.structure import (
    AuthorResidue,
    ContactRule,
    Structure,
    align_best_chain,
    align_structure,
    contact_truth,
    read_all_chains,
    read_structure,
    residue_distances,
)
from tests.made_structures import as_mmcif, as_pdb, atom, chain, entry, helix_positions, residue

SEQUENCE = "MKTAYIAKQGWLPE"
WHOLE = read_structure(as_pdb(entry(chain("A", "MKVLAWGDERTYHQNPFICSMLKEADGWYT"))))


def gapped() -> gemmi.Structure:
    """Chain A lacks residues 4 and 5 and starts at number 11; chain B is another protein."""
    return entry(
        chain("A", SEQUENCE, first=11, missing=(3, 4)), chain("B", "GSGSGS", shift=40), sequences={"A": SEQUENCE}
    )


def author_atoms(structure: Structure, atom_name: str) -> list[list[float]]:
    """What the 3D view shows where `structure.residues` says to look, NaN where that is None."""
    shown = gemmi.read_structure_string(structure.text)[0]
    positions = []
    for place in structure.residues:
        if place is None:
            positions.append([np.nan] * 3)
        else:
            number = gemmi.SeqId(place.number, place.insertion or " ")
            (group,) = [residue for residue in shown[place.chain] if residue.seqid == number]
            positions.append(group[atom_name][0].pos.tolist())
    return positions


@pytest.mark.parametrize("written", [as_pdb, as_mmcif])
def test_unresolved_residues_are_in_the_sequence_without_coordinates(written):
    structure = read_structure(written(gapped()), chain="A", source="made.pdb")
    assert (structure.name, structure.source, structure.chain) == ("made.pdb", "made.pdb", "A")
    assert structure.sequence == SEQUENCE
    assert structure.residues[2:6] == (
        AuthorResidue("A", 13, ""),
        None,
        None,
        AuthorResidue("A", 16, ""),
    )
    assert str(structure.residues[2]) == "A:13"
    expected = helix_positions(len(SEQUENCE))
    expected[3:5] = np.nan
    np.testing.assert_allclose(structure.ca, expected, atol=1e-3)
    assert np.isnan(structure.cb[3:5]).all()
    assert structure.n_resolved == 12
    assert structure.notes == ("2 of 14 residues are not resolved",)
    assert structure.resolution is None


@pytest.mark.parametrize("written", [as_pdb, as_mmcif])
def test_what_is_shown_stands_where_the_residues_say(written):
    for structure in read_all_chains(written(gapped())):
        np.testing.assert_allclose(author_atoms(structure, "CA"), structure.ca, atol=1e-3)


def test_cb_is_ca_for_glycine_and_where_cb_is_missing():
    made = entry(chain("A", SEQUENCE))
    lysine = made[0]["A"][1]
    lysine.remove_atom("CB", "\0", gemmi.Element("C"))
    structure = read_structure(as_pdb(made))
    glycine = SEQUENCE.index("G")
    np.testing.assert_array_equal(structure.cb[[1, glycine]], structure.ca[[1, glycine]])
    assert (np.linalg.norm(structure.cb - structure.ca, axis=1) > 1).sum() == len(SEQUENCE) - 2


def test_chains_are_listed_and_the_first_is_said_to_be_taken():
    text = as_pdb(gapped())
    found = [(each.chain, len(each.sequence), each.n_resolved) for each in read_all_chains(text)]
    assert found == [("A", 14, 12), ("B", 6, 6)]
    structure = read_structure(text)
    assert structure.chain == "A"
    assert structure.chains == ("A", "B")
    assert "chain A is the first of 2 protein chains: A, B" in structure.notes
    with pytest.raises(InputError, match="has no protein chain 'C': its protein chains are A, B"):
        read_structure(text, chain="C")


def test_waters_ligands_hydrogens_and_second_conformations_are_left_out():
    made = gapped()
    first = made[0]["A"][0]
    first.add_atom(atom("H", np.array([9.0, 9, 9]), "H"))
    far = np.array([50.0, 50, 50])
    for name, alternative in (("CA", far), ("CB", far)):
        first[name][0].altloc = "A"
        first.add_atom(atom(name, alternative, altloc="B"))
    for number, name in ((201, "HOH"), (202, "HEM")):
        extra = gemmi.Residue()
        extra.name, extra.seqid, extra.het_flag = name, gemmi.SeqId(number, " "), "H"
        extra.add_atom(atom("O", far, "O"))
        made[0]["A"].add_residue(extra)
    structure = read_structure(as_pdb(made), chain="A")
    assert structure.sequence == SEQUENCE
    np.testing.assert_allclose(structure.ca[0], helix_positions(1)[0], atol=1e-3)
    shown = gemmi.read_structure_string(structure.text)[0]
    assert {site.residue.name for site in shown.all()}.isdisjoint({"HOH", "HEM"})
    assert {site.atom.element.name for site in shown.all()} == {"C", "N", "O"}
    assert {site.atom.altloc for site in shown.all()} == {"\0"}


def test_the_first_of_several_models_is_read_and_said():
    made = entry(chain("A", SEQUENCE))
    second = gemmi.Model(2)
    second.add_chain(chain("A", SEQUENCE, shift=7))
    made.add_model(second)
    structure = read_structure(as_pdb(made))
    np.testing.assert_allclose(structure.ca, helix_positions(len(SEQUENCE)), atol=1e-3)
    assert structure.notes == ("model 1 of 2 is read",)
    assert structure.text.count("MODEL") == 0


def test_modified_residues_are_read_as_their_parents_and_caps_left_out():
    made = entry(chain("A", SEQUENCE))
    names = {0: "MSE", 3: "SEP", 5: "UNK", 7: "QQQ"}
    for index, name in names.items():
        made[0]["A"][index].name = name
    cap = gemmi.Residue()
    cap.name, cap.seqid = "NH2", gemmi.SeqId(15, " ")
    cap.add_atom(atom("N", np.zeros(3), "N"))
    made[0]["A"].add_residue(cap)
    structure = read_structure(as_pdb(made))
    assert structure.sequence == "MKTSYXAXQGWLPE"
    assert structure.notes == ("modified residues are read as their parents: MSE as M (1), SEP as S (1), QQQ as X (1)",)


def test_insertion_codes_tell_residues_apart():
    made = gemmi.Chain("A")
    for index, (number, icode) in enumerate([(99, " "), (100, " "), (100, "A"), (100, "B"), (101, " ")]):
        made.add_residue(residue("ALA", number, helix_positions(5)[index], icode))
    structure = read_structure(as_pdb(entry(made)))
    assert [str(place) for place in structure.residues] == ["A:99", "A:100", "A:100A", "A:100B", "A:101"]
    np.testing.assert_allclose(author_atoms(structure, "CA"), structure.ca, atol=1e-3)


def test_without_the_full_sequence_breaks_in_the_chain_are_said():
    structure = read_structure(as_pdb(entry(chain("A", SEQUENCE, missing=(3, 4)))))
    assert structure.sequence == "MKTIAKQGWLPE"
    assert structure.notes == (
        "residues are missing after 3: the file does not say which, so they are not in the sequence",
    )


def test_a_full_sequence_of_another_protein_is_ignored_and_said():
    text = as_pdb(entry(chain("A", SEQUENCE)))
    seqres = "SEQRES   1 A   13  " + " ".join(["TRP"] * 13)
    structure = read_structure(text.replace("CRYST1", f"{seqres}\nCRYST1", 1))
    assert structure.sequence == SEQUENCE
    assert structure.notes == ("the file's full sequence does not fit its coordinates and is ignored",)


def test_long_chain_names_are_shown_as_mmcif():
    structure = read_structure(as_mmcif(entry(chain("Heavy", SEQUENCE))))
    assert structure.format == "mmcif"
    assert structure.residues[0] == AuthorResidue("Heavy", 1, "")
    np.testing.assert_allclose(author_atoms(structure, "CA"), structure.ca, atol=1e-3)


def test_a_chain_without_name_gets_one():
    text = re.sub(r"(?m)^((?:ATOM  |TER   ).{15})A", r"\1 ", as_pdb(entry(chain("A", SEQUENCE))))
    structure = read_structure(text)
    assert structure.chain == "A"
    np.testing.assert_allclose(author_atoms(structure, "CA"), structure.ca, atol=1e-3)


def test_beyond_what_a_browser_can_show_a_chain_is_shown_alone(monkeypatch):
    monkeypatch.setattr("core.proteins.structure.MAX_DISPLAYED_ATOMS", 50)
    structure = read_structure(as_pdb(gapped()), chain="B")
    assert {line[21] for line in structure.text.splitlines() if line.startswith("ATOM")} == {"B"}
    assert structure.notes == ("shown alone: the whole structure has more than 50 atoms",)
    np.testing.assert_allclose(author_atoms(structure, "CA"), structure.ca, atol=1e-3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "structure is empty"),
        ("<!DOCTYPE html>\n<html><body>404</body></html>", "structure is a web page or XML"),
        ("HEADER    NOTHING ELSE\nEND\n", "structure holds no atoms"),
        ("data_empty\n_entry.id EMPTY\n", "structure holds no atoms"),
        ("data_broken\nloop_\n_atom_site.id", "cannot be read as mmCIF|holds no atoms"),
        ("ATOM      1  N   MET", "structure cannot be read as PDB: line 1 ends before its coordinates do"),
    ],
)
def test_files_without_a_structure(text, message):
    with pytest.raises(InputError, match=message):
        read_structure(text)


def test_no_protein_chain():
    dna = gemmi.Chain("D")
    for number in range(1, 5):
        base = residue("DA", number, helix_positions(5)[number])
        dna.add_residue(base)
    with pytest.raises(InputError, match=r"dna\.pdb has no protein chain"):
        read_structure(as_pdb(entry(dna)), source="dna.pdb")


@pytest.mark.parametrize("written", [as_pdb, as_mmcif])
def test_coordinates_that_are_not_numbers(written):
    made = entry(chain("A", SEQUENCE))
    made[0]["A"][2].add_atom(atom("CG", np.array([np.nan, 0, 0])))
    with pytest.raises(InputError, match=r"has an atom whose coordinates are not numbers: A/THR 3/CG"):
        read_structure(written(made))


def test_the_chain_that_fits_best_is_found():
    other = "GAVLIMCFYWKRHDENQST"
    data = as_pdb(
        entry(chain("A", other), chain("B", SEQUENCE, shift=40), chain("C", SEQUENCE[:8] + "AAAAAA", shift=80))
    )
    found = align_best_chain("GG" + SEQUENCE, data)
    assert (found.chain, found.n_matched) == ("B", len(SEQUENCE))
    assert found.residues[:2] == (None, None)
    with pytest.raises(InputError, match="is not a structure of this sequence"):
        align_best_chain("WWWWWWPPPPPP", data)


def test_aligning_to_the_same_sequence_changes_nothing():
    structure = read_structure(as_pdb(gapped()), chain="A")
    assert align_structure(SEQUENCE, structure) is structure
    assert (structure.n_matched, structure.identity) == (14, 1.0)


def test_aligning_to_a_longer_sequence_with_a_mutation():
    structure = read_structure(as_pdb(gapped()), chain="A")
    sequence = "GSHMAAA" + SEQUENCE.replace("W", "F") + "HHHHHH"
    aligned = align_structure(sequence, structure)
    assert aligned.sequence == sequence
    assert aligned.n_matched == 13
    assert aligned.identity == pytest.approx(13 / 14)
    assert aligned.residues[7:21] == structure.residues
    assert aligned.n_resolved == 12
    np.testing.assert_array_equal(aligned.ca[7:21], structure.ca)
    np.testing.assert_array_equal(aligned.cb[7:21], structure.cb)
    assert np.isnan(aligned.ca[:7]).all()
    assert np.isnan(aligned.cb[21:]).all()
    assert aligned.notes[-1] == "13 of 27 residues match MADE chain A (93% of the 14 aligned)"


extension = st.text(AMINO_ACIDS, max_size=5)


@given(st.integers(0, 3), st.integers(0, 3), extension, extension)
def test_a_cut_and_extended_sequence_keeps_every_residue_in_its_place(cut_start, cut_end, before, after):
    part = WHOLE.sequence[cut_start : len(WHOLE.sequence) - cut_end]
    aligned = align_structure(before + part + after, WHOLE)
    inner = slice(len(before) + 2, len(before) + len(part) - 2)  # the very ends may match what was added, too
    assert aligned.residues[inner] == WHOLE.residues[cut_start + 2 : len(WHOLE.sequence) - cut_end - 2]
    for index, place in enumerate(aligned.residues):
        expected = WHOLE.ca[place.number - 1] if place else [np.nan] * 3
        np.testing.assert_array_equal(aligned.ca[index], expected)


def test_another_protein_is_refused_with_the_rule():
    structure = read_structure(as_pdb(gapped()), chain="A")
    rule = r"MADE chain A is not a structure of this sequence: \d residues match, 10 must \(70% of the shorter"
    with pytest.raises(InputError, match=rule):
        align_structure("DDDDDDDDDDDDDDDDDDDDDDDDDDDD", structure)


def test_contact_truth_is_what_the_coordinates_say():
    structure = read_structure(as_pdb(gapped()), chain="A")
    for name, cutoff in (("cb", 8.0), ("ca", 8.0), ("cb", 6.0)):
        contacts, known = contact_truth(structure, name, cutoff)
        positions = getattr(structure, name)
        for i in range(len(SEQUENCE)):
            for j in range(len(SEQUENCE)):
                distance = np.sqrt(((positions[i] - positions[j]) ** 2).sum())
                assert contacts[i, j] == (i != j and distance < cutoff)
                assert known[i, j] == (not {i, j} & {3, 4})
    assert contacts.any()
    assert not contacts.all()


def test_contacts_are_strictly_closer_than_the_cutoff():
    structure = read_structure(as_pdb(entry(chain("A", SEQUENCE))))
    distance = residue_distances(structure, "ca")[0, 5]
    assert not contact_truth(structure, "ca", distance)[0][0, 5]
    assert contact_truth(structure, "ca", np.nextafter(distance, np.inf))[0][0, 5]


@pytest.mark.parametrize("cutoff", [0.0, -8.0, np.nan])
def test_a_cutoff_must_be_above_zero(cutoff):
    structure = read_structure(as_pdb(entry(chain("A", SEQUENCE))))
    with pytest.raises(InputError, match="must be above zero"):
        contact_truth(structure, cutoff=cutoff)


def test_a_missing_cb_is_said_where_contacts_are_defined():
    rule = ContactRule()
    made = entry(chain("A", "AGSL"))
    whole = read_structure(as_pdb(made))
    assert whole.n_without_cb == 0
    assert (
        whole.contact_definition(rule) == "Cβ (Cα for glycine) closer than 8 Å" == LabelledProtein.of(whole).definition
    )
    made[0]["A"][2].remove_atom("CB", "\0", gemmi.Element("C"))
    one = read_structure(as_pdb(made))
    assert one.n_without_cb == 1
    assert one.contact_definition(rule) == "Cβ (Cα for glycine and where Cβ is missing) closer than 8 Å"
    assert "Cβ is missing in 1 of 4 residues, glycines aside: Cα stands in" in one.notes
    assert one.contact_definition(ContactRule("ca", 9.0)) == "Cα closer than 9 Å"
    for each in made[0]["A"]:
        if each.find_atom("CB", "*"):
            each.remove_atom("CB", "\0", gemmi.Element("C"))
    bare = read_structure(as_pdb(made))
    assert bare.n_without_cb == 3
    assert LabelledProtein.of(bare).definition == "Cα closer than 8 Å (no Cβ in the file)"
    longer = align_structure("M" + bare.sequence, bare)
    assert longer.n_without_cb == 3
