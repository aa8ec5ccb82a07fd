"""Residues by position and by the structure's own numbers, and lists of them as people type them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from core.proteins.numbering import Numbering
from core.proteins.protein import Protein
from core.proteins.structure import AuthorResidue, align_structure, read_structure
from tests.made_structures import as_pdb, chain, entry

SEQUENCE = "MKTAYIAKQRQISFVKSHFS"


def numbered(first: int = 101, by_author: bool = False, missing: tuple[int, ...] = ()) -> Numbering:
    made = entry(chain("A", SEQUENCE, first=first, missing=missing), sequences={"A": SEQUENCE})
    structure = read_structure(as_pdb(made))
    return Numbering.of(Protein("made", SEQUENCE, structure=structure), by_author)


BY_POSITION = Numbering(SEQUENCE)
INSERTED = Numbering("MKTA", ("12", "12A", "-3", None), by_author=True)


def test_names_hold_the_structures_number_where_it_is_another():
    assert numbered().names()[:2] == ("M1 (101)", "K2 (102)")
    assert numbered(-3).name(0) == "M1 (-3)"
    assert INSERTED.names() == ("M1 (12)", "K2 (12A)", "T3 (-3)", "A4")
    assert not numbered(1).differs
    assert numbered(1).names()[:2] == ("M1", "K2")
    assert Numbering.of(Protein("bare", SEQUENCE), by_author=True).parse("2") == 1


def test_a_number_means_what_was_chosen():
    assert numbered().parse("2") == numbered().parse("K2") == 1
    assert numbered(by_author=True).parse("102") == numbered(by_author=True).parse("k102") == 1
    assert numbered(by_author=True).parse("#2") == 1
    assert numbered(-3, by_author=True).parse_list("-3, M-3 -2--1") == (0, 1, 2)
    assert numbered(-3, by_author=True).parse("−2") == 1
    assert INSERTED.parse_list("12A, K12A, 12, T-3, #4") == (1, 0, 2, 3)


@pytest.mark.parametrize(
    ("text", "residues"),
    [
        ("M1, 5 7", (0, 4, 6)),
        ("8-12", (7, 8, 9, 10, 11)),
        ("12-8", (11, 10, 9, 8, 7)),
        ("2 - 4", (1, 2, 3)),
        ("5–8", (4, 5, 6, 7)),
        ("5—8;2", (4, 5, 6, 7, 1)),
        ("5..8", (4, 5, 6, 7)),
        ("M1, 12-8", (0, 11, 10, 9, 8, 7)),
        ("K2-A4", (1, 2, 3)),
        ("3,3 3-4", (2, 3)),
        ("7‑9", (6, 7, 8)),
        ("", ()),
        (" , ", ()),
    ],
)
def test_lists_as_people_type_them(text, residues):
    assert BY_POSITION.parse_list(text) == residues


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1, x", "'x' is not a residue: write residues as M1, 5, 8-12"),
        ("5 -3", "'-3' is not a residue"),
        ("12- 8", "'12- 8' is not a residue"),
        ("5-", "'5-' is not a residue"),
        ("2-4-6", "'2-4-6' is not a residue"),
        ("1 to 5", "'to 5' is not a residue"),
        ("1-99", "there is no residue 99"),
        ("K1", "residue 1 is M, not K"),
        ("0", "there is no residue 0"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(text, message):
    with pytest.raises(InputError, match=message):
        BY_POSITION.parse_list(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2", "the structure has no residue 2: its numbers go from 101 to 120"),
        ("M102", "residue 102 of the structure is K, not M"),
        ("x", "'x' is not a residue: write residues as"),
    ],
)
def test_numbers_that_the_structure_has_not(text, message):
    with pytest.raises(InputError, match=message):
        numbered(by_author=True).parse_list(text)


def test_an_insertion_code_asks_for_the_structures_numbers():
    with pytest.raises(InputError, match="'12A' is no position: choose the structure's numbers"):
        replace(INSERTED, by_author=False).parse("12A")


@given(st.lists(st.integers(0, 19), unique=True), st.booleans())
def test_what_is_written_is_read_back(residues, by_author):
    numbering = numbered(98, by_author, missing=(4, 5))
    assert numbering.parse_list(numbering.written(residues)) == tuple(residues)


def test_an_aligned_structure_keeps_its_numbers():
    structure = read_structure(as_pdb(entry(chain("A", SEQUENCE, first=101))))
    aligned = align_structure("GG" + SEQUENCE, structure)
    assert aligned.residues[2] == AuthorResidue("A", 101, "")
    assert Numbering.of(Protein("tagged", "GG" + SEQUENCE, structure=aligned), True).parse("101") == 2
