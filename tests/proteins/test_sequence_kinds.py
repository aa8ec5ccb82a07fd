"""Sequences as people have them: what is read, what is taken out and said, and what is refused by what it is."""

import gzip
from io import StringIO

import pytest
from Bio import AlignIO, SeqIO
from Bio.Align import MultipleSeqAlignment
from Bio.Seq import Seq
from Bio.SeqRecord import SeqRecord
from hypothesis import given, settings
from hypothesis import strategies as st

from core.alphabet import AMINO_ACIDS
from core.errors import InputError
from core.proteins.protein import Reading, proteins_from_file, proteins_from_text, read_file, read_text
from core.proteins.sequence_text import alignment_rows
from tests.made_structures import THREE_LETTERS

FIRST, SECOND = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDG", "GSHMLEDPVDAFKWQNRTYLVACG"
GENE = "ATGAAAACCGCGTATATTGCGAAACAGCGTCAGATTAGCTTTGTG"
PROTEIN = "MKTAYIAKQRQISFV"


def read(text: str, name: str = "made.txt", **options) -> Reading:
    return read_file(name, text.encode(), **options)


def found(text: str, name: str = "made.txt", **options) -> list[tuple[str, str]]:
    return [(protein.name, protein.sequence) for protein in read(text, name, **options).proteins]


def refusal(text: str, name: str = "made.txt", **options) -> str:
    with pytest.raises(InputError) as caught:
        read(text, name, **options)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


# Headers without >


@pytest.mark.parametrize("header", ["second", "Second", "seq2", "SEQ2", "SECOND", "chain_b", "my protein", "2nd one"])
@pytest.mark.parametrize("width", [60, 20])
def test_a_header_without_its_sign_is_never_read_as_residues(header, width):
    lines = [FIRST[start : start + width] for start in range(0, len(FIRST), width)]
    text = "\n".join([">first", *lines, header, SECOND, ""])
    assert f"the line '{header}' looks like a header without >" in refusal(text)
    assert found(text + f">third\n{SECOND}\n") == [("third", SECOND)]
    assert list(read(text + f">third\n{SECOND}\n").left_out) == ["first"]


@pytest.mark.parametrize("header", ["first", "first protein", "seq1"])
def test_a_text_whose_first_line_is_a_name_is_refused(header):
    assert "looks like a header without >" in refusal(f"{header}\n{FIRST}\n")
    assert "looks like a header without >" in refusal(f"{header}\n{FIRST}\nother\n{SECOND}\n")


def test_a_name_before_a_sequence_is_not_read_as_residues():
    for name in ("P69905", "HBA_HUMAN", "sp|P69905|HBA_HUMAN", "seq01"):
        for between in (" ", "\t", "   "):
            assert f"begins with a name, '{name}'" in refusal(f"{name}{between}{FIRST}")


def test_sequences_with_lines_of_lower_case_are_still_read():
    masked = FIRST[:20] + "\n" + FIRST[20:40].lower() + "\n" + FIRST[40:]
    assert found(f">masked\n{masked}\n") == [("masked", FIRST)]
    assert found(f">low\n{FIRST.lower()}\n") == [("low", FIRST)]


def test_lines_of_different_lengths_are_joined_and_said():
    (protein,) = read(f">odd\n{FIRST[:5]}\n{FIRST[5:30]}\n{FIRST[30:]}\n").proteins
    assert (protein.sequence, protein.notes) == (FIRST, ("lines of different lengths were joined",))


def test_a_short_line_between_longer_ones_is_not_joined():
    text = f">a\n{FIRST}\nMYKINASE\n{SECOND}\n"
    assert refusal(text) == "a: the line 'MYKINASE' is shorter than those around it: join them, or begin it with >"


# One bad record


BAD = {
    "stop": ("MKT*AYI", "stop: residue 4 is '*'"),
    "empty": ("", "empty: the sequence is empty"),
    "digit": ("MK²T", "digit: residue 3 is '²'"),
    "gap": ("MKT-AYI", "gap: residue 4 is '-'"),
    "long": ("M" * 1023, "long has 1,023 residues, and at most 1,022 are taken"),
    "gene": (GENE, "gene is DNA or RNA, not protein"),
}


@pytest.mark.parametrize("bad", BAD)
def test_one_bad_record_is_left_out_and_said(bad):
    sequence, reason = BAD[bad]
    reading = read(f">good1\n{FIRST}\n>{bad}\n{sequence}\n>good2\n{SECOND}\n")
    assert [(each.name, each.sequence) for each in reading.proteins] == [("good1", FIRST), ("good2", SECOND)]
    assert list(reading.left_out) == [bad]
    assert reading.left_out[bad].startswith(reason)
    assert reading.notes[0].startswith(f"1 of 3 records left out: {reason}")
    proteins = proteins_from_file("x.fasta", f">good1\n{FIRST}\n>{bad}\n{sequence}\n".encode())
    assert proteins[0].notes[-1].startswith(f"1 of 2 records left out: {reason}")


def test_many_bad_records_are_one_line():
    text = f">good\n{FIRST}\n" + "".join(f">bad{n}\nMK*T\n" for n in range(9)) + ">bad0\nMK*T\n"
    reading = read(text)
    assert len(reading.left_out) == 10
    (note,) = reading.notes
    assert note.startswith("10 of 11 records left out: bad0: residue 3")
    assert note.endswith("; and 7 more")


def test_a_text_in_a_program_is_refused_for_one_bad_record():
    with pytest.raises(InputError, match=r"stop: residue 4 is '\*'"):
        proteins_from_text(f">good\n{FIRST}\n>stop\nMKT*AYI\n")


def test_when_no_record_is_good_the_first_reason_is_given():
    assert refusal(">a\nMK*T\n>b\nMK*T\n>c\n").endswith("(and 2 more records like it)")


# Three-letter codes


@pytest.mark.parametrize("join", [" ", "-", ", ", "\n", "  ", " - "])
@pytest.mark.parametrize("case", [str.upper, str.title, str.lower])
def test_three_letter_codes(join, case):
    text = join.join(case(THREE_LETTERS[letter]) for letter in FIRST)
    (protein,) = read(text).proteins
    assert protein.sequence == FIRST
    assert protein.notes == ("three-letter codes were read as one-letter ones",)
    assert found(f">named\n{text}\n") == [("named", FIRST)]


@given(st.text(AMINO_ACIDS, min_size=2, max_size=30))
def test_three_letter_codes_in_one_word_of_many_capitals(sequence):
    assert found("".join(THREE_LETTERS[letter].title() for letter in sequence)) == [("made.txt", sequence)]


def test_three_letter_codes_with_ends_modified_and_force_field_names():
    (protein,) = read("H-Met-Hsd-MSE-Xaa-Cyx-Sep-OH").proteins
    assert protein.sequence == "MHMXCS"
    assert "what ends the peptide was left out: H, OH" in protein.notes
    assert "read as their parents: HSD as H, MSE as M, CYX as C, SEP as S" in protein.notes


def test_three_letter_codes_in_one_word_of_capitals_are_refused():
    assert "three-letter codes in one word" in refusal("METLYSTHRALATYRILE")


def test_short_words_of_one_letter_codes_stay_what_they_are():
    assert found("ALA") == [("made.txt", "ALA")]
    assert found("MKT AYI AKQ") == [("made.txt", "MKTAYIAKQ")]


def test_seqres_records():
    text = "SEQRES   1 A    4  MET LYS THR ALA\nSEQRES   1 B    3  GLY HIS MSE\n"
    assert found(text) == [("made.txt chain A", "MKTA"), ("made.txt chain B", "GHM")]


# GenPept, UniProt


ORIGIN = "ORIGIN      \n        1 mktayiakqr qisfvkshfs rqleerlgli\n       31 evqapilsrvgdg\n"


@pytest.mark.parametrize("end", ["", "//", "//\n\n"])
def test_genpept_from_origin(end):
    (protein,) = read(ORIGIN + end).proteins
    assert (protein.sequence, protein.notes) == (FIRST, ("the sequence after ORIGIN is read",))


def test_genpept_as_biopython_writes_it():
    records = [
        SeqRecord(Seq(FIRST), id="AB1.1", name="AB1", description="a kinase", annotations={"molecule_type": "protein"}),
        SeqRecord(Seq(SECOND), id="CD2.1", name="CD2", description="other", annotations={"molecule_type": "protein"}),
    ]
    text = StringIO()
    SeqIO.write(records, text, "genbank")
    names = found(text.getvalue())
    assert [sequence for _, sequence in names] == [FIRST, SECOND]
    assert names[0][0] == "AB1.1 a kinase."
    cut = text.getvalue().replace("43 aa", "44 aa")
    assert list(read(cut).left_out.values()) == ["AB1.1 a kinase. states 44 letters, and its sequence has 43"]


def test_uniprot_text():
    text = (
        "ID   HBA_MADE               Reviewed;          43 AA.\nAC   P12345; Q12345;\nDE   RecName: Full=Made up;\n"
        "SQ   SEQUENCE   43 AA;  4902 MW;  0123456789ABCDEF CRC64;\n"
        f"     {FIRST[:10]} {FIRST[10:20]} {FIRST[20:30]}\n     {FIRST[30:]}\n//\n"
    )
    assert found(text) == [("P12345 HBA_MADE", FIRST)]
    assert "states 43 letters, and its sequence has 33" in refusal(text.replace(FIRST[:10], ""))


def test_pir_and_comments():
    assert found(f">P1;CRAB\nalpha crystallin\n{FIRST}*\n") == [("CRAB alpha crystallin", FIRST)]
    assert found(f"; a comment\n>one\n; another\n{FIRST}\n") == [("one", FIRST)]


# DNA and RNA


@pytest.mark.parametrize(
    "gene", [GENE, GENE.lower(), GENE.replace("T", "U"), GENE + "TAA", GENE[:21] + "\n" + GENE[21:]]
)
def test_dna_is_said_and_its_translation_offered(gene):
    for text in (gene, f">gene\n{gene}\n"):
        assert (
            "is DNA or RNA, not protein: translate it first; its first reading frame reads MKTAYIAKQRQISFV"
            in refusal(text)
        )
        (protein,) = read(text, translate=True).proteins
        assert protein.sequence == PROTEIN
        assert [
            note for note in protein.notes if note.startswith(f"translated from {len(gene.split()[0])}")
        ] or "\n" in gene


def test_dna_that_is_no_gene():
    assert "a stop inside, at codon 2" in refusal("ATGTAAACCGCGTATATTGCGAAA")
    assert "a stop inside, at codon 2" in refusal("ATGTAAACCGCGTATATTGCGAAA", translate=True)
    assert "it cannot be translated: 'E' is no base" in refusal(GENE + "E")
    assert read(GENE + "NRY", translate=True).proteins[0].sequence == PROTEIN + "X"
    (protein,) = read(GENE + "AC", translate=True).proteins
    assert protein.sequence == PROTEIN
    assert "2 letters left over" in protein.notes[-1]


@pytest.mark.parametrize(
    "peptide", ["AAAAAAAAAAAAAAAA", "GAGAGAGAGAGAGAGA", "ACGT", "TTTTGGGGAAAAGGGG", "NNNNNNNNNNNNNNNN"]
)
def test_repeats_and_short_peptides_are_no_dna(peptide):
    assert found(peptide) == [("made.txt", peptide)]


# Alignments


def aligned(hit: str) -> str:
    return f">query\n{FIRST}\n>hit\n{hit}\n"


def test_of_an_a3m_the_query_is_read():
    hit = f"{FIRST[:6]}aa{FIRST[6:15]}---{FIRST[18:]}"
    text = aligned(hit)
    (protein,) = read(text, "made.a3m").proteins
    assert (protein.name, protein.sequence) == ("query", FIRST)
    assert protein.notes == ("the query of an alignment of 2 rows is read",)
    (protein,) = read(text, "made.a3m", row=2).proteins
    assert (protein.name, protein.sequence) == ("hit", FIRST[:15] + FIRST[18:])
    assert protein.notes == (
        "row 2 of an alignment of 2 rows is read",
        "gaps (3) and inserted residues (2) of the alignment are taken out",
    )
    assert "made.a3m has no row 3: the alignment has rows 1 to 2" in refusal(text, "made.a3m", row=3)
    assert [name for name, _ in alignment_rows(text)] == ["query", "hit"]


def test_rows_that_hh_suite_and_colabfold_add_are_no_sequences():
    rows = f">ss_pred\n{'C' * 43}\n>ss_conf\n{'9' * 43}\n>Consensus\n{FIRST.lower()}\n"
    text = f"#43\t1\n{rows}{aligned(FIRST[:40] + '---')}"
    assert found(text, "made.a3m") == [("query", FIRST)]


@pytest.mark.parametrize("gap", ["-", "."])
def test_aligned_fasta(gap):
    text = f">one\n{gap * 3}{FIRST}\n>two\n{SECOND}{gap * (len(FIRST) + 3 - len(SECOND))}\n"
    if gap == "-":
        assert found(text) == [("one", FIRST)]
        assert found(text, row=2) == [("two", SECOND)]
    else:
        assert found(text.replace(".", "-")) == [("one", FIRST)]


@pytest.mark.parametrize("ending", ["sto", "txt", "stk.gz"])
def test_stockholm_as_biopython_writes_it(ending):
    rows = [SeqRecord(Seq(FIRST + "--"), id="one/1-43"), SeqRecord(Seq(SECOND + "-" * 21), id="two")]
    text = StringIO()
    AlignIO.write(MultipleSeqAlignment(rows), text, "stockholm")
    data = text.getvalue().encode()
    (protein,) = proteins_from_file(f"x.{ending}", gzip.compress(data) if ending.endswith("gz") else data)
    assert (protein.name, protein.sequence) == ("one/1-43", FIRST)
    assert "gaps (2) and inserted residues (0) of the alignment are taken out" in protein.notes
    assert found(text.getvalue(), row=2)[0][1] == SECOND
    assert "cannot be read as a Stockholm alignment" in refusal("# STOCKHOLM 1.0\none MKT\none/\n//\n two")


def test_other_fasta_has_no_rows():
    assert alignment_rows(f">a\n{FIRST}\n>b\n{SECOND}\n") == []
    assert "is no alignment: it has no row 2" in refusal(f">a\n{FIRST}\n>b\n{SECOND}\n", row=2)


# What is something else


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("<!DOCTYPE html>\n<html></html>", "is a web page (HTML)"),
        ("<html lang='en'>", "is a web page (HTML)"),
        ("<?xml version='1.0'?>\n<uniprot/>", "is XML"),
        ('{"sequence": "MKT"}', "is JSON"),
        ('[{"sequence": "MKT"}]', "is JSON"),
        ("name,sequence\nP1,MKT\n", "is a table (CSV)"),
        ("name;sequence\nP1;MKT\n", "is a table (CSV)"),
        ("name\tsequence\nP12345\tMKT\n", "is a table (TSV)"),
        ("P12345\tMKT\nP12346\tMKT\n", "is a table (TSV)"),
        ("@read1\nACGT\n+\nIIII\n", "is FASTQ"),
        ("CLUSTAL W (1.83)\n\none MKT\n", "is a CLUSTAL alignment"),
        ("#NEXUS\nbegin data;\n", "is a NEXUS file"),
        (" 2 10\none MKTAYIAKQR\n", "is a PHYLIP alignment"),
        ("{\\rtf1 MKT}", "is a word processor's document"),
    ],
)
@pytest.mark.parametrize("name", ["made.txt", "made.fasta", "made"])
def test_what_is_something_else_is_refused_by_what_it_is(text, kind, name):
    assert f"{name} {kind}" in refusal(text, name)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"PK\x03\x04 a word document", "is a zip archive or an office document"),
        (b"%PDF-1.7\n", "is a PDF"),
        (b"BZh91AY", "is packed with bzip2"),
        (b"\xfd7zXZ\x00", "is packed with xz"),
    ],
)
def test_bytes_that_are_no_text_are_refused_by_what_they_are(data, kind):
    with pytest.raises(InputError, match=f"made.fasta {kind}"):
        read_file("made.fasta", data)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-16-be"])
def test_texts_in_other_encodings(encoding):
    text = f">one\n{FIRST}\n"
    data = ("\ufeff" if encoding == "utf-16-be" else "").encode(encoding) + text.encode(encoding)
    assert read_file("one.fasta", data).proteins[0].sequence == FIRST


def test_a_pasted_structure_is_said_to_be_one():
    with pytest.raises(InputError, match="pasted protein is a structure in PDB format: upload it as a file"):
        read_text("ATOM      1  N   MET A   1      -2.700  -0.600  -1.200  1.00 20.00           N")
    with pytest.raises(InputError, match="pasted protein is a structure in mmCIF: upload it as a file"):
        read_text("data_1UBQ\n_entry.id 1UBQ\n")


@given(st.text(">;#ACDEFGHIKLMNPQRSTVWYacgt-.* \n\t0123456789,|_/", max_size=300), st.integers(0, 3))
@settings(max_examples=1500, deadline=None)
def test_any_text_is_read_or_refused_in_one_line(text, kind):
    start = ["", ">a\n", "# STOCKHOLM 1.0\n", "ORIGIN\n"][kind]
    said = ""
    try:
        reading = read_text(start + text, name="x")
        said = " ".join(reading.notes)
        assert reading.proteins
    except InputError as error:
        said = str(error)
    assert len(said.splitlines()) <= 1
