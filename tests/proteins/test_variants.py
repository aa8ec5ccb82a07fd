"""Variants in lists and tables: what is read, and the one line for what isn't."""

import gemmi
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.alphabet import AMINO_ACIDS
from core.errors import InputError
from core.proteins.numbering import Numbering
from core.proteins.protein import Protein, protein_from_structure
from core.proteins.residue_codes import STANDARD
from core.proteins.structure import read_structure
from core.proteins.variants import (
    WILD_TYPES,
    Substitution,
    Variant,
    on_wild_types_structure,
    parse_variant,
    read_variants,
)
from tests.made_structures import as_pdb, chain, entry

SEQUENCE = "MKTAYIAKQRQISFVKSHFS"
PLAIN = Numbering(SEQUENCE)
BY_AUTHOR = Numbering("MKTA", ("12", "12A", "-3", None), by_author=True)
K2R, T3V = Substitution(1, "R"), Substitution(2, "V")
CODES = {gemmi.find_tabulated_residue(code).one_letter_code: code.capitalize() for code in STANDARD}


@st.composite
def variants(draw) -> tuple[Substitution, ...]:
    residues = draw(st.sets(st.integers(0, len(SEQUENCE) - 1), min_size=1, max_size=3))
    others = {residue: [each for each in AMINO_ACIDS if each != SEQUENCE[residue]] for residue in residues}
    return tuple(Substitution(residue, draw(st.sampled_from(others[residue]))) for residue in sorted(residues))


def written(parts: tuple[Substitution, ...], joint: str = ":", codes: bool = False, upper: bool = False) -> str:
    def one(part: Substitution) -> str:
        own, letter = SEQUENCE[part.residue], part.letter
        own, letter = (CODES[own], CODES[letter]) if codes else (own, letter)
        return f"{own}{part.residue + 1}{letter}"

    text = joint.join(map(one, parts))
    return text.upper() if upper else text


@given(variants(), st.sampled_from(":/+_"), st.booleans(), st.booleans())
def test_what_is_written_is_read_back(parts, joint, codes, upper):
    found = parse_variant(written(parts, joint, codes, upper), PLAIN, 0.5)
    assert found == Variant(written(parts), parts, 0.5)
    assert parse_variant(found.name, PLAIN, 0.5) == found


@given(st.lists(variants(), unique=True, max_size=6), st.sampled_from([", ", ";", " ", "\n", "\t", " | ", ",\n"]))
def test_lists_hold_variants_between_any_common_separators(listed, separator):
    found = read_variants(separator.join(map(written, listed)), PLAIN)
    assert [each.substitutions for each in found.variants] == listed
    assert not found.left_out


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_a_list(text):
    try:
        found = read_variants(text, PLAIN)
    except InputError:  # lines without a column of variants
        return
    for line in found.left_out:
        assert line.startswith("row ")
        assert "\n" not in line


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("k2r", (K2R,)),
        ("p.Lys2Arg", (K2R,)),
        ("p.(Lys2Arg)", (K2R,)),
        ("LYS2ARG", (K2R,)),
        ("NP_000001.1:p.Lys2Arg", (K2R,)),
        ("p.[Lys2Arg;Thr3Val]", (K2R, T3V)),
        ("T3V:K2R", (K2R, T3V)),
        ("T3V/p.Lys2Arg", (K2R, T3V)),
    ],
)
def test_common_ways_of_writing(text, parts):
    assert parse_variant(text, PLAIN).substitutions == parts
    assert [each.substitutions for each in read_variants(text, PLAIN).variants] == [parts]


def test_numbers_mean_what_the_numbering_says():
    assert parse_variant("K12AR", BY_AUTHOR) == Variant("K2R", (K2R,))
    assert parse_variant("M12V:T-3V", BY_AUTHOR).name == "M1V:T3V"
    assert parse_variant("A#4G", BY_AUTHOR) == parse_variant("A4G", Numbering("MKTA"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("A2V", "residue 2 is K, not A"),
        ("p.Ala2Val", "residue 2 is K, not A"),
        ("K2B", "'B' is none of the twenty amino acids"),
        ("Lys2Xyz", "'Xyz' is none of the twenty amino acids"),
        ("K99R", "there is no residue 99: the sequence has residues 1 to 20"),
        ("K0R", "there is no residue 0"),
        ("K2K", "residue 2 is K already"),
        ("p.Lys2=", "'Lys2=' is not a substitution"),
        ("p.Lys2del", "'Del' is none of"),
        ("p.Lys2fs", "'Lys2fs' is not a substitution"),
        ("p.Lys2*", "'Lys2*' is not a substitution"),
        ("K2R:K2V", "residue K2 is substituted twice"),
        ("K2R:", "'' is not a substitution"),
        ("WT", "'WT' is not a substitution: write it as A23V or p.Ala23Val"),
    ],
)
def test_a_bad_row_gets_one_line_and_the_others_are_kept(text, reason):
    for listed in (f"T3V\n{text}\nY5F", f"variant,fitness\nT3V,1\n{text},2\nY5F,3"):
        found = read_variants(listed, PLAIN)
        assert [each.name for each in found.variants] == ["T3V", "Y5F"]
        [line] = found.left_out
        row = 3 if "fitness" in listed else 2
        assert line.startswith(f"row {row}, {text.removesuffix(':')}")
        assert reason.lower() in line.lower()


def test_a_letter_that_is_none_of_the_twenty_has_no_ratio():
    assert read_variants("X2A", Numbering("MXT")).left_out == (
        "row 1, X2A: residue 2 is X, none of the twenty amino acids: it has no ratio",
    )


def test_a_repeated_variant_counts_once():
    found = read_variants("K2R T3V p.Lys2Arg", PLAIN)
    assert [each.name for each in found.variants] == ["K2R", "T3V"]
    assert found.left_out == ("row 1, p.Lys2Arg: it stands above already",)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_is_read_by_the_names_of_its_columns(delimiter):
    rows = ["id mutant DMS_score bin", "1 K2R -1.5 0", '2 "T3V:Y5F" 2e-1 1', "3 A4G n/a 1"]
    found = read_variants("\n".join(rows).replace(" ", delimiter), PLAIN)
    assert [(each.name, each.score) for each in found.variants] == [("K2R", -1.5), ("T3V:Y5F", 0.2), ("A4G", None)]
    assert found.notes == (
        "variants are those of the column mutant",
        "measured scores are those of the column DMS_score",
        "1 rows have no number as score and are kept without: 4",
    )
    assert found.score_columns == ("id", "DMS_score", "bin")
    again = read_variants("\n".join(rows).replace(" ", delimiter), PLAIN, score_column="bin")
    assert [each.score for each in again.variants] == [0, 1, 1]


def test_columns_without_known_names_are_found_by_what_they_hold():
    found = read_variants("change,kcal\nK2R,1\nT3V,2", PLAIN)
    assert [each.score for each in found.variants] == [1, 2]
    assert found.score_column == "kcal"
    headless = read_variants("K2R,0.5\nT3V,-1", PLAIN)
    assert [each.score for each in headless.variants] == [0.5, -1]
    several = read_variants("change,kcal,sd\nK2R,1,2\nT3V,2,3", PLAIN)
    assert several.score_column is None
    assert several.notes[-1] == "several columns hold numbers (kcal, sd): choose the measured score"


def test_a_table_without_variants_is_refused_in_one_line():
    with pytest.raises(InputError) as error:
        read_variants("residue,score\n2,0.5\n3,0.7", PLAIN)
    assert str(error.value) == (
        "no column of variants (variant, mutant, mutation, hgvs_pro) among the columns residue, score"
    )


def test_comments_and_empty_lines_are_no_rows():
    assert [each.name for each in read_variants("# from a screen\n\nK2R\n\n# end\nT3V", PLAIN).variants] == [
        "K2R",
        "T3V",
    ]
    assert read_variants("", PLAIN).variants == ()


@given(st.integers(-9, 500).filter(bool), st.booleans())
def test_shifted_numbers_are_told_and_not_corrected(shift, as_table):
    listed = [f"{letter}{place + shift}W" for place, letter in enumerate(SEQUENCE, start=1) if place + shift > 0]
    found = read_variants(
        "\n".join(["variant,score"] * as_table + [f"{each}{',1' * as_table}" for each in listed]), PLAIN
    )
    assert len(found.variants) + len(found.left_out) == len(listed)
    direction = "lower" if shift > 0 else "higher"
    assert (
        found.notes[-1]
        == f"{len(listed)} of {len(listed)} residues would fit if positions were {abs(shift)} {direction}"
    )


def test_nothing_is_said_of_shifts_where_most_rows_fit_or_few_are_there():
    assert not read_variants("K2R T3V Y5F I6V K99R", PLAIN).notes
    assert not read_variants("K3R T4V A5G", PLAIN).notes
    assert not read_variants("A2R W3V C5F C6V W7R", PLAIN).notes


def test_a_variant_is_shown_on_its_wild_types_structure():
    structure = read_structure(as_pdb(entry(chain("A", SEQUENCE, first=101))))
    wild_type = protein_from_structure(structure)
    variant = on_wild_types_structure(Protein("K2R", "MR" + SEQUENCE[2:]), wild_type)
    assert variant.notes == (WILD_TYPES,)
    assert variant.structure is not None
    assert variant.structure.n_matched == len(SEQUENCE) - 1
    assert np.array_equal(variant.structure.ca, structure.ca)
    assert Numbering.of(variant).name(1) == "R2 (102)"
    for other in (Protein("longer", SEQUENCE + "A"), Protein("another", "MRRRR" + SEQUENCE[5:])):
        assert on_wild_types_structure(other, wild_type) is other
    assert on_wild_types_structure(wild_type, wild_type) is wild_type
