"""Reading proteins: what is cleaned and said, what is refused and how, and how residues are numbered for people."""

import gzip
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.alphabet import RESIDUE_LETTERS, tokenize
from core.errors import InputError
from core.proteins.protein import (
    Protein,
    parse_residue,
    protein_from_text,
    proteins_from_file,
    proteins_from_text,
    residue_name,
)
from core.proteins.structure import read_structure
from tests.made_structures import as_pdb, chain, entry

PASTED = "  1 mktay iakqr\n 11 QISFV KSHFS*\n"
FASTA = ">sp|P12345|FIRST a protein\nMKTAY\nIAKQR\n\n>second\nacdef\n"

sequences = st.text(alphabet=RESIDUE_LETTERS, min_size=1, max_size=40)
headers = st.text(alphabet=string.ascii_letters + string.digits + " |<>&'\"/_-", max_size=30)


def test_a_pasted_sequence_is_cleaned_and_says_so():
    protein = protein_from_text(PASTED, name="mine")
    assert protein == Protein(
        "mine",
        "MKTAYIAKQRQISFVKSHFS",
        (
            "spaces and line breaks were left out",
            "digits were left out",
            "the * at the end was left out",
            "lower-case letters were read as capitals",
        ),
    )


def test_a_clean_sequence_has_no_notes():
    assert protein_from_text("MKTAYIAKQR\n").notes == ()


def test_fasta_gives_every_entry():
    first, second = proteins_from_text(FASTA)
    assert (first.name, first.sequence, first.notes) == ("sp|P12345|FIRST a protein", "MKTAYIAKQR", ())
    assert (second.name, second.sequence) == ("second", "ACDEF")
    assert second.notes == ("lower-case letters were read as capitals",)


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_fasta_with_any_line_breaks(line_break):
    proteins = proteins_from_text("\ufeff" + line_break + FASTA.replace("\n", line_break))
    assert [protein.sequence for protein in proteins] == ["MKTAYIAKQR", "ACDEF"]
    assert proteins[0].name == "sp|P12345|FIRST a protein"


def test_headers_stay_text_on_one_short_line():
    named, unnamed = proteins_from_text(f"><script>alert(1)</script>\x07{'x' * 99}\nMK\n>\nMK")
    assert named.name.startswith("<script>alert(1)</script> xxx")
    assert len(named.name) == 80
    assert unnamed.name == "entry 2"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "pasted protein is empty"),
        (" \n\t", "pasted protein is empty"),
        ("12 34", "the sequence is empty"),
        ("*", "the sequence is empty"),
        (">one\nMKT\n>two\n>three\nM", "two: the sequence is empty"),
        ("MKTJA", r"pasted protein: residue 4 is 'J'; residues are ACDEFGHIKLMNPQRSTVWY, and B, Z, X, U, O with a"),
        ("10 mk ta-yi", "residue 5 is '-'"),
        ("MK*TA", r"residue 3 is '\*'"),
        ("MKß", "residue 3 is 'ß'"),
        ("MK\x00", r"residue 3 is '\\x00'"),
        ("MK²", "residue 3 is '²'"),
        (">one\nMKT\n>two\nMK1J", "two: residue 3 is 'J'"),
        ("MKT\n>late header\nMKT", "residue 4 is '>'"),
        ("<!doctype html><p>", r"pasted protein is a web page \(HTML\): give one-letter sequences"),
    ],
)
def test_refusals_name_the_place_and_the_letter(text, message):
    with pytest.raises(InputError, match=message) as refusal:
        proteins_from_text(text)
    assert len(str(refusal.value).splitlines()) == 1


@pytest.mark.parametrize("letter", "BZXUO")
def test_rare_letters_pass_with_a_warning(letter):
    protein = protein_from_text(f"MK{letter}{letter}A")
    assert protein.sequence == f"MK{letter}{letter}A"
    assert [note for note in protein.notes if note.startswith(f"{letter} (") and "2 of 5 residues" in note]


def test_long_sequences_are_refused_unless_allowed():
    assert len(protein_from_text("M" * 1022).sequence) == 1022
    with pytest.raises(InputError, match="pasted protein has 1,023 residues, and at most 1,022 are taken"):
        protein_from_text("M" * 1023)
    assert len(protein_from_text("M" * 1023, max_length=1023).sequence) == 1023
    with pytest.raises(InputError, match="two has 11 residues, and at most 10"):
        proteins_from_text(f">one\nM\n>two\n{'M' * 11}", max_length=10)


def test_one_protein_is_wanted():
    with pytest.raises(InputError, match="holds 2 sequences, and one is wanted"):
        protein_from_text(FASTA)


@given(st.one_of(st.text(max_size=60), st.text(alphabet=string.printable, max_size=60)))
def test_any_text_parses_into_the_alphabet_or_is_refused_in_one_line(text):
    refusal = ""
    try:
        for protein in proteins_from_text(text):
            assert len(tokenize(protein.sequence)) == len(protein.sequence) + 2
    except InputError as error:
        refusal = str(error)
    assert len(refusal.splitlines()) <= 1


@given(st.lists(st.tuples(headers, sequences), min_size=1, max_size=5), st.integers(1, 12))
def test_fasta_round_trip(entries, width):
    text = ""
    for header, sequence in entries:
        lines = [sequence[start : start + width] for start in range(0, len(sequence), width)]
        text += "\n".join([f">{header}", *lines, ""])
    proteins = proteins_from_text(text)
    assert [protein.sequence for protein in proteins] == [sequence for _, sequence in entries]
    names = [" ".join(header.split()) or f"entry {number}" for number, (header, _) in enumerate(entries, start=1)]
    assert [protein.name for protein in proteins] == names


@given(sequences, st.data())
def test_cleaning_is_idempotent_and_undoes_any_layout(sequence, data):
    letters = [data.draw(st.sampled_from([letter, letter.lower()])) for letter in sequence]
    filling = st.text(alphabet=" \t\n0123456789\u00a0", max_size=3)
    text = "".join(data.draw(filling) + letter for letter in letters) + data.draw(st.sampled_from(["", "*", " *\n"]))
    once = protein_from_text(text)
    assert once.sequence == sequence
    twice = protein_from_text(once.sequence)
    assert twice.sequence == sequence
    assert all("left out" not in note and "capitals" not in note for note in twice.notes)


@given(st.binary(max_size=200), st.sampled_from(["a.fasta", "a.pdb", "a.cif.gz", "a", ""]))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_read_or_refused_in_one_line(data, name):
    for content in (data, gzip.compress(data), b"\x1f\x8b" + data, b"data_x\n" + data, b"ATOM      1 " + data):
        refusal = ""
        try:
            proteins_from_file(name, content)
        except InputError as error:
            refusal = str(error)
        assert len(refusal.splitlines()) <= 1


def test_fasta_files_packed_or_not():
    plain = proteins_from_file("two.fasta", FASTA.encode())
    assert [protein.sequence for protein in plain] == ["MKTAYIAKQR", "ACDEF"]
    assert proteins_from_file("two.fasta.gz", gzip.compress(FASTA.encode())) == plain
    assert proteins_from_file("misnamed.pdb", FASTA.encode()) == plain


def test_a_file_name_is_shown_and_never_a_path():
    (protein,) = proteins_from_file("../../etc/<b>pass\nwd.txt", b"MKT")
    assert protein.name == "<b>pass wd.txt"
    (protein,) = proteins_from_file(r"C:\secret\..\a.txt", b"MKT")
    assert protein.name == "a.txt"


def test_a_small_gz_that_unpacks_to_too_much_is_refused():
    bomb = gzip.compress(b"M" * 60_000_000)
    assert len(bomb) < 100_000
    with pytest.raises(InputError, match=r"bomb\.gz holds more than the 50,000,000 bytes of text"):
        proteins_from_file("bomb.gz", bomb)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.fasta", b"", r"a\.fasta is empty"),
        ("a.gz", gzip.compress(b"MKTAY" * 99)[:-9], r"a\.gz is not a whole \.gz file"),
        ("a.fasta", b"MK\x00T", r"a\.fasta is not a text file"),
        ("a.pdb", b"<!DOCTYPE html><html>", r"a\.pdb is a web page or XML"),
        ("a.pdb", b"not a structure at all", r"a\.pdb holds no atoms"),
    ],
)
def test_files_that_are_refused(name, data, message):
    with pytest.raises(InputError, match=message):
        proteins_from_file(name, data)


def test_a_structure_file_gives_a_protein_for_every_chain():
    text = as_pdb(entry(chain("A", "MKTAYIAKQG"), chain("B", "GSGSGSGS", shift=40)))
    for name in ("made.pdb", "made.txt", "made.ent.gz"):
        data = gzip.compress(text.encode()) if name.endswith(".gz") else text.encode()
        first, second = proteins_from_file(name, data)
        assert (first.name, first.sequence) == (f"{name} chain A", "MKTAYIAKQG")
        assert (second.name, second.sequence) == (f"{name} chain B", "GSGSGSGS")
        assert second.structure is not None
        assert second.structure.chain == "B"


def test_chains_that_are_too_long_are_left_out_and_said():
    data = as_pdb(entry(chain("A", "MKTAYIAKQG"), chain("B", "GSGSGSGS", shift=40))).encode()
    (protein,) = proteins_from_file("made.pdb", data, max_length=8)
    assert protein.sequence == "GSGSGSGS"
    assert "1 chains of more than 8 residues are left out" in protein.notes
    with pytest.raises(InputError, match=r"made\.pdb chain A has 10 residues, and at most 7 are taken"):
        proteins_from_file("made.pdb", data, max_length=7)


def test_a_protein_refuses_what_no_model_could_read():
    structure = read_structure(as_pdb(entry(chain("A", "MKTAYIAKQG"))))
    with pytest.raises(InputError, match="residue 2 is 'k'"):
        Protein("mine", "Mk")
    with pytest.raises(InputError, match="align the structure to the sequence"):
        Protein("mine", "MKTAY", structure=structure)
    assert hash(Protein("mine", "MKTAYIAKQG", structure=structure)) == hash(Protein("mine", "MKTAYIAKQG"))


@given(sequences, st.data())
def test_residue_names_round_trip(sequence, data):
    index = data.draw(st.integers(0, len(sequence) - 1))
    name = residue_name(sequence, index)
    assert name == sequence[index] + str(index + 1)
    assert parse_residue(name, sequence) == parse_residue(f" {name.lower()} ", sequence) == index
    assert parse_residue(str(index + 1), sequence) == index


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0", "there is no residue 0: the sequence has residues 1 to 3"),
        ("4", "there is no residue 4"),
        ("K1", "residue 1 is M, not K"),
        ("-1", "'-1' is not a residue"),
        ("M", "'M' is not a residue"),
        ("", "'' is not a residue"),
        ("²", "'²' is not a residue"),
        ("9" * 5000, "is not a residue"),
    ],
)
def test_residues_that_are_not_there(text, message):
    with pytest.raises(InputError, match=message):
        parse_residue(text, "MKT")
    with pytest.raises(InputError, match="there is no residue 0"):
        residue_name("MKT", -1)
