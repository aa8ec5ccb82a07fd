"""Labelled proteins: plain values that give back the truth of their structure, and folders of them."""

import gzip
import pickle
from pathlib import Path

import numpy as np
import pytest

from core.errors import InputError
from core.proteins.examples import EXAMPLES_FOLDER, load_example
from core.proteins.labelled import LabelledProtein, labelled_examples, read_labelled
from core.proteins.structure import contact_truth, read_structure


def stored(folder: Path, sequences: dict[str, str], seed: int = 0) -> Path:
    """A folder of sequences with random contact matrices beside them."""
    generator = np.random.default_rng(seed)
    (folder / "contacts").mkdir(parents=True)
    (folder / "sequences.fasta").write_text("".join(f">{name} a note\n{s}\n" for name, s in sequences.items()))
    for name, sequence in sequences.items():
        contacts = np.triu(generator.random((len(sequence),) * 2) < 0.1)
        np.savez(
            folder / "contacts" / f"{name}.npz",
            contacts=contacts | contacts.T,
            valid_residues=generator.random(len(sequence)) < 0.9,
        )
    return folder


@pytest.mark.parametrize(("atom", "cutoff"), [("cb", 8.0), ("ca", 10.0)])
def test_a_structures_truth_survives_the_journey(atom, cutoff):
    structure = read_structure((EXAMPLES_FOLDER / "lac_repressor.pdb.gz").read_bytes())
    protein = LabelledProtein.of(structure, atom, cutoff)
    travelled = pickle.loads(pickle.dumps(protein))
    assert travelled == protein
    assert hash(travelled) == hash(protein)
    for found, expected in zip(protein.truth(), contact_truth(structure, atom, cutoff), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert protein.definition == {"cb": "Cβ (Cα for glycine) closer than 8 Å", "ca": "Cα closer than 10 Å"}[atom]
    assert protein.tokens.shape == (len(structure.sequence) + 2,)


def test_examples_are_labelled_by_their_names():
    ubiquitin = load_example("ubiquitin").structure
    assert ubiquitin is not None
    named = labelled_examples(["ubiquitin", "bpti"], "ca", 6.0)
    assert list(named) == ["ubiquitin", "bpti"]
    assert named["ubiquitin"] == LabelledProtein.of(ubiquitin, "ca", 6.0, "ubiquitin")
    assert "amyloid_beta" in labelled_examples()


def test_a_folder_of_structures(tmp_path):
    packed = (EXAMPLES_FOLDER / "ubiquitin.pdb.gz").read_bytes()
    (tmp_path / "one.pdb.gz").write_bytes(packed)
    (tmp_path / "two.ent").write_bytes(gzip.decompress(packed))
    (tmp_path / "page.cif").write_text("<html>not found</html>")
    (tmp_path / "notes.txt").write_text("not a structure")
    proteins, left_out = read_labelled(tmp_path)
    assert list(proteins) == ["one", "two"]
    assert proteins["one"].contacts == proteins["two"].contacts
    assert proteins["one"].name == "one"
    assert left_out == {"page": "page.cif is a web page or XML, not a PDB or mmCIF file"}


def test_files_are_told_apart_by_all_of_their_name_but_the_ending(tmp_path):
    for file in ("AF.v1.pdb", "AF.v2.PDB", "AF.v2.cif.bak"):
        (tmp_path / file).write_bytes((EXAMPLES_FOLDER / "ubiquitin.pdb.gz").read_bytes())
    assert list(read_labelled(tmp_path)[0]) == ["AF.v1", "AF.v2"]


def test_of_files_with_one_name_the_first_is_read_and_the_others_are_left_out(tmp_path):
    (tmp_path / "a.pdb").write_bytes((EXAMPLES_FOLDER / "ubiquitin.pdb.gz").read_bytes())
    (tmp_path / "a.pdb.gz").write_bytes((EXAMPLES_FOLDER / "fkbp12.pdb.gz").read_bytes())
    (tmp_path / "a.ent").write_bytes((EXAMPLES_FOLDER / "crambin.pdb.gz").read_bytes())
    proteins, left_out = read_labelled(tmp_path)
    assert {name: protein.sequence for name, protein in proteins.items()} == {"a": load_example("crambin").sequence}
    reason = "a name stands for one file only, and a.ent is the 'a' that is read"
    assert left_out == {"a.pdb": reason, "a.pdb.gz": reason}


def test_a_chain_is_chosen_by_the_structures_name(tmp_path):
    packed = (EXAMPLES_FOLDER / "hiv_protease.pdb.gz").read_bytes()
    for name in ("one", "two"):
        (tmp_path / f"{name}.pdb.gz").write_bytes(packed)
    proteins, _ = read_labelled(tmp_path, chains={"two": "B"})
    first, second = (LabelledProtein.of(read_structure(packed, chain)).contacts for chain in "AB")
    assert first != second
    assert (proteins["one"].contacts, proteins["two"].contacts) == (first, second)


@pytest.mark.parametrize(
    ("chains", "said"),
    [
        ({"one": "C"}, r"^chain C of 'one' is chosen: .*one\.pdb\.gz has no protein chain 'C': .* chains are A, B$"),
        ({"One": "A"}, r"^chain A of 'One' is chosen, and .* holds only one, page$"),
        ({"page": "A"}, r"^chain A of 'page' is chosen: page\.cif is a web page"),
    ],
)
def test_a_chosen_chain_that_is_not_there_is_one_clear_line(tmp_path, chains, said):
    (tmp_path / "one.pdb.gz").write_bytes((EXAMPLES_FOLDER / "hiv_protease.pdb.gz").read_bytes())
    (tmp_path / "page.cif").write_text("<html>not found</html>")
    with pytest.raises(InputError, match=said):
        read_labelled(tmp_path, chains=chains)


def test_of_many_names_some_are_said(tmp_path):
    for number in range(12):
        (tmp_path / f"p{number:02}.pdb").touch()
    with pytest.raises(InputError, match=r"holds only p00, .*, p09 and 2 more$"):
        read_labelled(tmp_path, chains={"one": "A"})


def test_stored_sequences_have_no_chains(tmp_path):
    with pytest.raises(InputError, match=r"^chain B of 'a' is chosen, and the sequences in .* have no chains$"):
        read_labelled(stored(tmp_path / "set", {"a": "GAVL" * 15}), chains={"a": "B"})


def test_a_folder_of_stored_contacts(tmp_path):
    proteins, left_out = read_labelled(stored(tmp_path / "set", {"b": "MKTA" * 15, "a": "GAVL" * 15, "tiny": "MKTA"}))
    assert list(proteins) == ["a", "b"]
    with np.load(tmp_path / "set" / "contacts" / "a.npz") as held:
        contacts, known = proteins["a"].truth()
        np.testing.assert_array_equal(contacts, held["contacts"] & ~np.eye(60, dtype=bool))
        np.testing.assert_array_equal(known, np.outer(held["valid_residues"], held["valid_residues"]))
    assert proteins["a"].definition == "contacts as stored beside the sequences"
    said = read_labelled(tmp_path / "set", stored_truth="Cα closer than 8 Å")[0]
    assert said["a"].definition == "Cα closer than 8 Å"
    assert "tiny is too short for long-range contacts: 0 known pairs are 24 or more residues apart" in left_out["tiny"]


def test_of_records_with_one_name_the_first_is_read_and_the_others_are_left_out(tmp_path):
    folder = stored(tmp_path / "set", {"a": "MKTA" * 15})
    with (folder / "sequences.fasta").open("a") as file:
        file.write(">a again\nGGGG\n>\nMKTA\n")
    proteins, left_out = read_labelled(folder)
    assert proteins["a"].sequence == "MKTA" * 15
    assert left_out == {
        "a (record 2)": "a name stands for one protein only, and 'a' came before",
        "record 3": "it has no name, and its contacts are looked for by name",
    }


def test_stored_contacts_that_do_not_fit_are_left_out_with_the_reason(tmp_path):
    folder = stored(tmp_path / "set", dict.fromkeys(["good", "long", "gone", "torn"], "MKTA" * 15))
    np.savez(folder / "contacts" / "long.npz", contacts=np.zeros((61, 61), bool), valid_residues=np.ones(61, bool))
    (folder / "contacts" / "gone.npz").unlink()
    whole = (folder / "contacts" / "torn.npz").read_bytes()
    (folder / "contacts" / "torn.npz").write_bytes(whole[: len(whole) // 2])
    proteins, left_out = read_labelled(folder)
    assert list(proteins) == ["good"]
    assert left_out["long"] == "long: 60 residues in the sequence, 61 in its contacts"
    assert left_out["gone"].startswith("gone.npz does not hold contacts and valid_residues")
    assert left_out["torn"].startswith("torn.npz does not hold contacts and valid_residues")


def test_a_protein_without_a_long_range_contact_is_said_to_have_none():
    protein = LabelledProtein("helix", "A" * 60, ((0, 10), (20, 30)), (), "by hand")
    with pytest.raises(InputError, match="helix has no contact between residues 24 or more apart"):
        protein.require_long_range()


def test_folders_without_anything_usable_are_one_clear_line(tmp_path):
    with pytest.raises(InputError, match="is not a folder"):
        read_labelled(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"holds no structure \(\.pdb, .*\) and no sequences\.fasta"):
        read_labelled(tmp_path)
    (tmp_path / "empty.pdb").touch()
    with pytest.raises(InputError, match=r"none of the 1 proteins in .* can be used: empty\.pdb is empty"):
        read_labelled(tmp_path)
    (tmp_path / "sequences.fasta").write_text(">\nMKTA\n")
    with pytest.raises(InputError, match=r"sequences\.fasta names no protein$"):
        read_labelled(tmp_path)


def test_stored_sequences_with_other_letters_and_long_proteins_are_left_out(tmp_path):
    folder = stored(tmp_path, {"good": "MKTAYIAKQG" * 8, "bad": "mktayiakqg" * 8, "long": "MKTAYIAKQG" * 9})
    proteins, left_out = read_labelled(folder, max_length=80)
    assert list(proteins) == ["good"]
    assert left_out["bad"].startswith("bad: residue 1 is 'm'")
    assert left_out["long"].startswith("long has 90 residues, and at most 80 are taken")


def test_what_reading_a_structure_changed_goes_with_it(tmp_path):
    data = gzip.decompress((EXAMPLES_FOLDER / "lac_repressor.pdb.gz").read_bytes())
    (tmp_path / "one.pdb").write_bytes(data)
    proteins, _ = read_labelled(tmp_path)
    assert "DNA or RNA is left out: chain B, C" in proteins["one"].notes
