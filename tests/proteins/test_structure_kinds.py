"""Structure files as people have them: by simulation programs, by Biopython, with lost letters and lying tables."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from io import StringIO

import gemmi
import numpy as np
import pytest
from Bio.PDB import MMCIFIO, PDBIO, PDBParser
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError
from core.proteins.protein import proteins_from_file
from core.proteins.structure import Structure, read_all_chains, read_structure
from tests.made_structures import THREE_LETTERS, as_mmcif, as_pdb, chain, entry, helix_positions, offset

FIRST, SECOND = "MKTAYIAKQRQISFVKSHFSRQLE", "GSHMLEDPVDAFKWQNRTYLVACG"
MODIFIED = {"M": "MSE", "S": "SEP", "K": "MLY", "C": "CSO", "P": "HYP"}


@dataclass(frozen=True)
class Placed:
    """A residue to be written: its letter, its place, and what a file may call it."""

    letter: str
    number: int
    insertion: str = ""
    name: str = ""
    hetero: bool = False
    other: str = ""
    """Another residue at the same place, as its second conformation."""

    @property
    def called(self) -> str:
        return self.name or THREE_LETTERS[self.letter]


def placed(sequence: str, first: int = 1) -> list[Placed]:
    return [Placed(letter, number) for number, letter in enumerate(sequence, start=first)]


def atom_lines(
    residues: Sequence[Placed], letter: str = "A", segment: str = "", shift: float = 0.0, width: int = 3
) -> list[str]:
    """PDB lines of a helix, N, CA, C, O and CB; nothing is written after them."""
    lines = []
    for residue, ca in zip(residues, helix_positions(len(residues)) + offset(x=shift), strict=True):
        versions = [(residue.called, "A" if residue.other else " ")]
        versions += [(residue.other, "B")] if residue.other else []
        for name, altloc in versions:
            for atom, away in (("N", (0, 0, -1.4)), ("CA", (0, 0, 0)), ("C", (0, 0, 1.5)), ("CB", (1.5, 0, 0))):
                if atom == "CB" and name == "GLY":
                    continue
                x, y, z = ca + away
                columns = f"{name:<4}{letter or ' '}" if width == 4 else f"{name:>3} {letter or ' '}"
                lines.append(
                    f"{'HETATM' if residue.hetero else 'ATOM  '}{len(lines) % 99999 + 1:5d}  {atom:<3}{altloc}{columns}"
                    f"{residue.number:4d}{residue.insertion or ' '}   {x:8.3f}{y:8.3f}{z:8.3f}  1.00 20.00"
                    f"      {segment:<4} {atom[0]}"
                )
    return lines


def read(lines: Iterable[str], name: str = "made.pdb") -> tuple[Structure, ...]:
    return read_all_chains("\n".join([*lines, ""]), source=name)


def sequences(structures: Iterable[Structure]) -> list[tuple[str, str]]:
    return [(structure.chain, structure.sequence) for structure in structures]


def numbers(structure: Structure) -> list[str | None]:
    return [place and f"{place.number}{place.insertion}" for place in structure.residues]


# Chains without letters


@pytest.mark.parametrize("ends", [["TER"], ["TER   "], ["TER     999      GLU    24"], ["END"]])
@pytest.mark.parametrize("first_number", [1, 25])
def test_chains_without_letters_are_told_apart_by_ter(ends, first_number):
    lines = [*atom_lines(placed(FIRST), ""), *ends, *atom_lines(placed(SECOND, first_number), "", shift=40), *ends]
    found = read(lines)
    assert sequences(found) == [("A", FIRST), ("B", SECOND)]
    assert numbers(found[1]) == [str(number) for number in range(first_number, first_number + 24)]
    assert found[0].notes == ("the file names no chains: A, B are told apart by TER records",)


def test_chains_without_letters_are_told_apart_by_numbers_that_start_again():
    lines = atom_lines(placed(FIRST), "") + atom_lines(placed(SECOND), "", shift=40)
    found = read(lines)
    assert sequences(found) == [("A", FIRST), ("B", SECOND)]
    assert "told apart by numbers that start again" in found[0].notes[0]


def test_residues_of_one_name_and_number_in_two_chains_are_not_merged():
    found = read(atom_lines(placed(FIRST), "") + atom_lines(placed(FIRST), "", shift=40))
    assert sequences(found) == [("A", FIRST), ("B", FIRST)]
    np.testing.assert_allclose(found[1].ca, helix_positions(24) + offset(x=40), atol=1e-3)


@pytest.mark.parametrize("ter", [[], ["TER"]])
def test_chains_without_letters_are_called_by_their_segments(ter):
    lines = [*atom_lines(placed(FIRST), "", "PROA"), *ter, *atom_lines(placed(SECOND), "", "PROB", shift=40), "END"]
    found = read(lines)
    assert sequences(found) == [("PROA", FIRST), ("PROB", SECOND)]
    assert found[0].notes == ("the file names no chains: PROA, PROB are told apart by segment names",)
    shown = gemmi.read_structure_string(found[0].text)[0]
    assert {each.name: len(each) for each in shown} == {"PROA": 24, "PROB": 24}


def test_one_segment_with_numbers_that_start_again_is_two_chains():
    found = read(atom_lines(placed(FIRST), "", "SYS") + atom_lines(placed(SECOND), "", "SYS", shift=40))
    assert sequences(found) == [("SYS", FIRST), ("A", SECOND)]


def test_a_gap_in_one_segment_with_a_ter_is_one_chain():
    residues = [each for each in placed(FIRST) if each.number not in (10, 11)]
    lines = [*atom_lines(residues[:9], "", "PROA"), "TER", *atom_lines(residues[9:], "", "PROA", shift=9)]
    assert sequences(read(lines)) == [("PROA", FIRST[:9] + FIRST[11:])]


# Chains with letters


@pytest.mark.parametrize("at", [[5], [5, 9], [1, 2, 3]])
def test_a_ter_inside_a_chain_loses_nothing(at):
    each = [atom_lines([residue]) for residue in placed(FIRST)]
    whole = atom_lines(placed(FIRST))
    n_atoms = np.cumsum([len(lines) for lines in each])
    for place in sorted(at, reverse=True):
        whole.insert(n_atoms[place], "TER")
    (found,) = read(whole)
    assert found.sequence == FIRST
    np.testing.assert_allclose(found.ca, helix_positions(24), atol=1e-3)


def test_a_modified_residue_after_a_ter_is_in_the_chain():
    residues = placed(FIRST)
    residues[0], residues[18] = (Placed("M", n, name="MSE", hetero=True) for n in (1, 19))
    lines = atom_lines(residues)
    (found,) = read([*lines[:40], "TER", *lines[40:], "END"])
    assert found.sequence == FIRST[:18] + "M" + FIRST[19:]
    assert "modified residues are read as their parents: MSE as M (2)" in found.notes


@pytest.mark.parametrize("ter", [[], ["TER"]])
def test_one_letter_for_two_molecules_is_two_chains(ter):
    found = read([*atom_lines(placed(FIRST, 5)), *ter, *atom_lines(placed(SECOND, 1), shift=40)])
    assert sequences(found) == [("A", FIRST), ("B", SECOND)]
    assert numbers(found[1])[:5] == ["1", "2", "3", "4", "5"]
    assert found[0].notes == (
        "chain A holds several molecules, told apart by numbers that start again: they are read as chains A, B",
    )


def test_one_letter_for_two_segments_is_two_chains():
    lines = atom_lines(placed(FIRST), "P", "PROA") + atom_lines(placed(SECOND, 25), "P", "PROB", shift=40)
    found = read(lines)
    assert sequences(found) == [("P", FIRST), ("A", SECOND)]
    assert "chain P holds several molecules, told apart by segment names" in found[0].notes[0]
    again = read(atom_lines(placed(FIRST), "P", "PROA") + atom_lines(placed(SECOND), "P", "PROB", shift=40))
    assert sequences(again) == [("P", FIRST), ("A", SECOND)]


def test_files_put_one_behind_the_other_are_read_whole():
    lines = [*atom_lines(placed(FIRST)), "END", *atom_lines(placed(SECOND), "B", shift=40), "END"]
    assert sequences(read(lines)) == [("A", FIRST), ("B", SECOND)]


def test_a_chain_whose_numbers_fall_stays_one():
    """As in receptors with another protein in a loop, which is numbered from 1,001 on."""
    residues = placed(FIRST[:8]) + placed(FIRST[8:16], 1001) + placed(FIRST[16:], 20)
    (found,) = read(atom_lines(residues))
    assert found.sequence == FIRST
    assert numbers(found)[7:17] == ["8", *(str(n) for n in range(1001, 1009)), "20"]


def test_free_amino_acids_are_ligands_and_said():
    ligand = atom_lines([Placed("E", 401, hetero=True)], shift=30)
    for lines in ([*atom_lines(placed(FIRST)), "TER", *ligand], [*atom_lines(placed(FIRST)), *ligand]):
        (found,) = read(lines)
        assert found.sequence == FIRST
        assert "amino acids in no chain are left out as ligands: GLU A:401" in found.notes


def test_a_chain_of_hetatms_alone_is_a_chain():
    residues = [replace(residue, hetero=True) for residue in placed(FIRST)]
    for lines in ([*atom_lines(residues), "TER"], atom_lines(residues)):
        assert sequences(read(lines)) == [("A", FIRST)]


def test_residues_that_share_a_number_are_refused():
    residues = [Placed("A", 99), Placed("G", 100), Placed("S", 100), Placed("A", 101)]
    for chosen in (residues, [residues[0], Placed("A", 100), Placed("A", 100), residues[3]]):
        with pytest.raises(InputError, match=r"made\.pdb gives several residues one number \(chain A, number 100\)"):
            read(atom_lines(chosen))


def test_of_several_residues_at_one_place_the_first_is_read_and_said():
    residues = placed(FIRST)
    residues[4] = replace(residues[4], other="PHE")
    (found,) = read(atom_lines(residues))
    assert found.sequence == FIRST
    assert found.notes == ("of several residues at one place the first is read: A:5 as TYR, not PHE",)


# Names


@pytest.mark.parametrize(
    ("letter", "names"),
    [
        ("H", "HSD HSE HSP HID HIE HIP HISA HISB HISE HISH HIS1 NHIE CHID"),
        ("C", "CYX CYM CYS2 CYSH NCYX"),
        ("D", "ASH ASPH ASPP"),
        ("E", "GLH GLUH GLUP"),
        ("K", "LYN LYSH LYSN"),
        ("R", "ARGN"),
        ("A", "NALA CALA"),
        ("M", "NMET CMET MSE"),
    ],
)
@pytest.mark.parametrize("written", ["pdb", "mmcif"])
def test_names_that_force_fields_give(letter, names, written):
    for name in names.split():
        residues = placed("GAVLI")
        residues[2] = Placed(letter, 3, name=name)
        if written == "pdb":
            (found,) = read(atom_lines(residues, width=4))
        else:
            made = entry(chain("A", "GAVLI"))
            made[0]["A"][2].name = name
            found = read_structure(as_mmcif(made))
        assert (name, found.sequence) == (name, f"GA{letter}LI")
        assert [note for note in found.notes if f"{name} as {letter} (1)" in note]


def test_four_letter_names_leave_the_chain_its_letter():
    residues = placed("GAVLI")
    residues[0] = Placed("G", 1, name="NGLY")
    (found,) = read(atom_lines(residues, "B", width=4))
    assert sequences([found]) == [("B", "GAVLI")]


def test_numbers_above_9999_in_pdb_files():
    digits = [line[:22] + f"{10000 + int(line[22:26])}" + line[27:] for line in atom_lines(placed(FIRST))]
    hybrid = as_pdb(entry(chain("A", FIRST, first=10001)))
    for found in (read(digits)[0], read_structure(hybrid)):
        assert found.sequence == FIRST
        assert numbers(found) == [str(number) for number in range(10001, 10025)]
        assert found.format == "mmcif"


def test_waters_with_overflowing_numbers_do_not_matter():
    water = "HETATM99999  O   HOH A****      10.000  10.000  10.000  1.00  0.00           O"
    assert sequences(read([*atom_lines(placed(FIRST)), "TER", water])) == [("A", FIRST)]


@pytest.mark.parametrize(
    ("start", "text", "message"),
    [
        (30, "   x.000", r"made\.pdb cannot be read as PDB: line 2 has 'x\.000' where a coordinate is due"),
        (22, "  1x", r"made\.pdb cannot be read as PDB: line 2 has '1x' where a residue's number is due"),
        (22, "    ", r"made\.pdb cannot be read as PDB: line 2 has '' where a residue's number is due"),
        (38, "     nan", r"made\.pdb has an atom whose coordinates are not numbers: A/MET 1/CA"),
    ],
)
def test_columns_that_hold_something_else(start, text, message):
    lines = atom_lines(placed(FIRST))
    lines[1] = lines[1][:start] + text + lines[1][start + len(text) :]
    with pytest.raises(InputError, match=message):
        read(lines)


# mmCIF


def made_mmcif(missing: tuple[int, ...] = (11,), first: int = 1) -> str:
    return as_mmcif(entry(chain("A", FIRST, first=first, missing=missing), sequences={"A": FIRST}))


def with_label_numbers(text: str, number_of) -> str:
    """The mmCIF with other numbers in label_seq_id: of the residue at each place of the full sequence."""
    document = gemmi.cif.read_string(text)
    for row in document[0].find("_atom_site.", ["label_seq_id"]):
        row[0] = str(number_of(int(row[0])))
    return document.as_string()


@pytest.mark.parametrize("first", [1, 101, -3])
@pytest.mark.parametrize("lie", ["counts observed residues", "is the author's number", "says nothing"])
def test_places_in_the_full_sequence_that_the_file_gets_wrong(lie, first):
    lies = {
        "counts observed residues": lambda place: place - (place > 12),
        "is the author's number": lambda place: place + first - 1,
        "says nothing": lambda place: ".",
    }
    (found,) = read_all_chains(with_label_numbers(made_mmcif(first=first), lies[lie]), source="x.cif")
    assert found.sequence == FIRST
    assert found.n_resolved == 23
    assert found.residues[11] is None
    assert numbers(found)[12] == str(first + 12)
    expected = helix_positions(24)
    expected[11] = np.nan
    np.testing.assert_allclose(found.ca, expected, atol=1e-3)


def test_places_are_found_by_the_letters_where_numbers_say_nothing():
    text = with_label_numbers(made_mmcif(), lambda place: place - (place > 12))
    document = gemmi.cif.read_string(text)
    for row in document[0].find("_atom_site.", ["auth_seq_id"]):  # numbered by someone who closed the gap
        row[0] = str(int(row[0]) - (int(row[0]) > 12))
    (found,) = read_all_chains(document.as_string())
    assert (found.sequence, found.residues[11]) == (FIRST, None)
    assert "residues are placed in the full sequence by its letters" in found.notes


def test_a_full_sequence_that_fits_nowhere_is_dropped_and_said():
    text = re.sub(r"(?m)^(A +5 +)TYR", r"\1TRP", made_mmcif())
    (found,) = read_all_chains(text)
    assert found.sequence == FIRST[:11] + FIRST[12:]
    assert "the file's full sequence does not fit its coordinates and is ignored" in found.notes


def closed_up(made: gemmi.Structure, gaps: Sequence[int]) -> str:
    """The mmCIF with its residues numbered on without gaps, in every column; `gaps` are the missing numbers."""
    document = gemmi.cif.read_string(as_mmcif(made))
    for row in document[0].find("_atom_site.", ["label_seq_id", "auth_seq_id"]):
        number = int(row[1])
        row[0] = row[1] = str(number - sum(gap < number for gap in gaps))
    return document.as_string()


def test_a_gap_in_a_repeat_is_where_the_chain_is_broken():
    sequence = "MKTAGGGGGGGGGGYIAK"
    made = entry(chain("A", sequence, missing=(6, 7)), sequences={"A": sequence})
    for text in (as_pdb(made), closed_up(made, (7, 8))):
        (found,) = read_all_chains(text)
        assert found.sequence == sequence
        assert [index for index, place in enumerate(found.residues) if place is None] == [6, 7]


def test_a_full_sequence_with_two_ways_to_place_a_stretch_is_dropped():
    sequence = "MKTAGGGGGGGGGGYIAK"
    made = entry(chain("A", sequence, missing=(5, 6, 10, 11)), sequences={"A": sequence})
    (found,) = read_all_chains(closed_up(made, (6, 7, 11, 12)))
    assert found.sequence == "MKTAGGGGGGYIAK"
    assert "the file's full sequence does not fit its coordinates and is ignored" in found.notes


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("data_", "DATA_"),
        ("data_", "Data_"),
        ("loop_", "LOOP_"),
        ("_atom_site.", "_ATOM_SITE."),
        ("_entity", "_ENTITY"),
    ],
)
def test_keywords_and_tags_of_any_case(old, new):
    text = made_mmcif().replace(old, new)
    (protein,) = proteins_from_file("mine.cif", text.encode())
    assert (protein.name, protein.sequence) == ("mine.cif chain A", FIRST)
    assert protein.structure.n_resolved == 23


def test_blocks_before_the_coordinates():
    text = "data_comp_list\nloop_\n_chem_comp.id\nLIG\n\ndata_comp_LIG\n_chem_comp.id LIG\n\n" + made_mmcif()
    (found,) = read_all_chains(text)
    assert found.sequence == FIRST


def test_of_two_blocks_with_coordinates_the_first_is_read_and_said():
    other = as_mmcif(entry(chain("A", SECOND))).replace("data_MADE", "data_second")
    (found,) = read_all_chains(made_mmcif() + other)
    assert found.sequence == FIRST
    assert "of 2 blocks with coordinates the first is read: MADE" in found.notes


@pytest.mark.parametrize(
    "left_out", ["auth_asym_id", "auth_seq_id", "label_asym_id", "label_entity_id", "auth_comp_id"]
)
def test_columns_that_are_missing_are_taken_from_their_twins(left_out):
    document = gemmi.cif.read_string(made_mmcif(missing=()))
    tags = document[0].find_loop("_atom_site.id").get_loop().tags
    if f"_atom_site.{left_out}" in tags:
        document[0].find_loop("_atom_site.id").get_loop().remove_column(f"_atom_site.{left_out}")
    (found,) = read_all_chains(document.as_string())
    assert found.sequence == FIRST
    assert numbers(found) == [str(number) for number in range(1, 25)]


@pytest.mark.parametrize("value", [".", "?"])
def test_an_author_chain_without_a_name_is_called_by_its_label(value):
    document = gemmi.cif.read_string(made_mmcif(missing=()))
    for row in document[0].find("_atom_site.", ["auth_asym_id", "label_asym_id"]):
        row[0], row[1] = value, "Q"
    assert sequences(read_all_chains(document.as_string())) == [("Q", FIRST)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data_x\nloop_\n_atom_site.id\n_atom_site.Cartn_x\n1 2 3\n", "its syntax breaks at line 2"),
        ("data_x\n_a 'open\n", "its syntax breaks at line 2"),
        ("data_x\nloop_\n_atom_site_label\n_atom_site_fract_x\nC1 0.1\n", "holds a small molecule's crystal"),
        (
            re.sub(r"(ATOM 2 .*?)-?[0-9]+\.[0-9]+", r"\g<1>2.x", made_mmcif()),
            "whose coordinates are not numbers: MET 1",
        ),
    ],
)
def test_what_is_wrong_with_an_mmcif_is_said_in_our_words(text, message):
    with pytest.raises(InputError, match=message) as refusal:
        read_all_chains(text, source="x.cif")
    assert not re.search("(?i)gemmi|string:|_atom_site in block|are ok", str(refusal.value))
    assert len(str(refusal.value).splitlines()) == 1


def test_a_modified_residue_behind_a_gap_with_a_label_of_its_own_is_in_the_chain():
    residues = [each for each in placed(FIRST) if each.number not in (8, 9)]
    residues[7] = Placed("M", residues[7].number, name="MSE", hetero=True)
    (found,) = read_all_chains(by_biopython_mmcif([residues]))
    assert found.sequence == FIRST[:7] + "M" + FIRST[10:]


# Written by gemmi and by Biopython, and read back whole


@st.composite
def polymers(draw) -> list[list[Placed]]:
    """Chains with gaps in their numbers, insertions, modified residues and places with two residues."""
    chains = []
    for _ in range(draw(st.integers(1, 3))):
        number, members = draw(st.sampled_from([-3, 1, 101, 998])), []
        for letter in draw(st.text("ARNDCQEGHILKMFPSTWYV", min_size=3, max_size=10)):
            kind = draw(st.sampled_from(["plain"] * 5 + ["modified", "inserted", "two", "gap"]))
            number += 2 if kind == "gap" else 1
            insertion = ""
            if kind == "inserted" and members and not members[-1].insertion:
                number, insertion = number - 1, "A"
            name = MODIFIED.get(letter, "") if kind == "modified" else ""
            other = ("ALA" if letter != "A" else "SER") if kind == "two" else ""
            members.append(Placed(letter, number, insertion, name, bool(name), other))
        chains.append(members)
    return chains


def as_gemmi(chains: Sequence[Sequence[Placed]]) -> gemmi.Structure:
    made = gemmi.Structure()
    made.name = "MADE"
    lines = []
    for index, members in enumerate(chains):
        lines += [*atom_lines(members, "ABC"[index], shift=40 * index), "TER"]
    made = gemmi.read_pdb_string("\n".join([*lines, "END", ""]))
    made.setup_entities()
    return made


def by_gemmi_pdb(chains):
    return as_gemmi(chains).make_pdb_string()


def by_gemmi_mmcif(chains):
    return as_mmcif(as_gemmi(chains))


def by_biopython_pdb(chains):
    return written_by(PDBIO(), chains)


def by_biopython_mmcif(chains):
    return written_by(MMCIFIO(), chains)


def written_by(writer: PDBIO | MMCIFIO, chains: Sequence[Sequence[Placed]]) -> str:
    """The chains as Biopython writes them."""
    text = StringIO()
    lines = [line for i, members in enumerate(chains) for line in atom_lines(members, "ABC"[i], shift=40 * i)]
    writer.set_structure(PDBParser(QUIET=True).get_structure("made", StringIO("\n".join(lines))))
    writer.save(text)
    return text.getvalue()


def by_hand_without_letters(chains):
    lines = []
    for index, members in enumerate(chains):
        lines += [*atom_lines(members, "", shift=40 * index), "TER"]
    return "\n".join([*lines, "END", ""])


def by_hand_with_segments(chains):
    return "\n".join(
        line for i, members in enumerate(chains) for line in atom_lines(members, "", f"SEG{i}", shift=40 * i)
    )


@pytest.mark.parametrize(
    "write",
    [
        by_gemmi_pdb,
        by_gemmi_mmcif,
        by_biopython_pdb,
        by_biopython_mmcif,
        by_hand_without_letters,
        by_hand_with_segments,
    ],
)
@given(chains=polymers())
@settings(max_examples=40, deadline=None)
def test_everything_written_is_read_back(write, chains):
    found = read_all_chains(write(chains))
    assert [each.sequence for each in found] == ["".join(each.letter for each in members) for members in chains]
    for index, (structure, members) in enumerate(zip(found, chains, strict=True)):
        assert numbers(structure) == [f"{each.number}{each.insertion}" for each in members]
        np.testing.assert_allclose(structure.ca, helix_positions(len(members)) + offset(x=40 * index), atol=2e-3)
    said = " ".join(found[0].notes)
    assert ("of several residues at one place" in said) == any(each.other for members in chains for each in members)


@given(text=st.text("ATOMHETER ENDMODL_data\n.0123456789ABC-?", max_size=400), seed=st.integers(0, 2**16))
@settings(max_examples=600, deadline=None)
def test_damaged_files_are_read_or_refused_in_one_line(text, seed):
    random = np.random.default_rng(seed)
    whole = made_mmcif() if seed % 2 else as_pdb(entry(chain("A", FIRST[:8]), chain("B", SECOND[:8], shift=40)))
    at, length = random.integers(0, len(whole)), random.integers(0, 200)
    for damaged in (text, whole[:at] + text + whole[at + length :], whole[:at]):
        refusal = ""
        try:
            read_all_chains(damaged, source="x")
        except InputError as error:
            refusal = str(error)
        assert len(refusal.splitlines()) <= 1
        assert "gemmi" not in refusal
