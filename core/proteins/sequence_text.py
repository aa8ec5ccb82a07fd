"""Sequences in text as people have it: FASTA and its relatives, alignments, GenPept, UniProt, three-letter codes.

Everything here ends in records: a name, one-letter text, and notes on what was left out on the way. Texts that are
something else are refused by what they are.
"""

import re
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import PurePosixPath
from typing import Final

from Bio import AlignIO

from core.errors import InputError
from core.proteins.residue_codes import is_standard, is_tabulated, one_letter, parent_name
from core.proteins.uploads import one_line


@dataclass(frozen=True, slots=True)
class Record:
    """One sequence of a text, as it stands there but for what `notes` say."""

    name: str
    text: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record that cannot be read, and why."""

    name: str
    reason: str


STOCKHOLM: Final = re.compile(r"#\s*STOCKHOLM\b", re.IGNORECASE)
ALIGNMENT_ENDINGS: Final = (".a3m", ".a2m", ".afa")
_NO_ROW: Final = re.compile(r"(ss_pred|ss_conf|ss_dssp|sa_dssp|sa_pred|consensus)\b|\S*_consensus\b", re.IGNORECASE)
"""Rows that HH-suite writes beside the sequences."""

_OTHER_FORMATS: Final = (
    (r"\s*(<!doctype html|<html)", "a web page (HTML)"),
    (r"\s*<", "XML"),
    (r"\s*[{\[]\s*[\"{\[]", "JSON"),
    (r"\s*\{\\rtf", "a word processor's document (RTF)"),
    (r"@[^\n]*\n[^\n]+\n\+", "FASTQ: reads of DNA or RNA"),
    (r"(CLUSTAL|MUSCLE|PROBCONS)\b", "a CLUSTAL alignment"),
    (r"#NEXUS", "a NEXUS file"),
    (r"(!!AA_MULTIPLE|PileUp\b)", "an MSF alignment"),
    (r"[ \t]*\d+[ \t]+\d+[ \t]*\n", "a PHYLIP alignment"),
    (r"(HEADER|ATOM  |HETATM|CRYST1|REMARK) ", "a structure in PDB format: upload it as a file"),
    (r"data_\S*\s*\n(.*\n)*?_", "a structure in mmCIF: upload it as a file"),
)
_TITLES: Final = ("id", "name", "entry", "accession", "protein", "header", "sequence", "seq", "#id", "query")
_NAME: Final = re.compile(
    r"[OPQ][0-9][A-Z0-9]{3}[0-9]|[A-NR-Z][0-9]([A-Z][A-Z0-9]{2}[0-9]){1,2}|[A-Za-z0-9.]+[_|][\w|.]+|[A-Za-z]{3,}[0-9]{2,}"
)
"""Accessions, names with an underscore or a bar, and words with a number at their end."""

WANTED: Final = "give one-letter sequences as FASTA or plain text"


def refuse_other_formats(text: str, name: str) -> None:
    """Raise `InputError` for a text that holds no sequences of the kinds that are read, saying what it is."""
    for pattern, kind in _OTHER_FORMATS:
        if re.match(pattern, text, re.IGNORECASE):
            advice = "" if ":" in kind and "upload" in kind else f": {WANTED}"
            raise InputError(f"{name} is {kind}{advice}")
    lines = [line.strip() for line in text.splitlines() if line.strip()][:20]
    for mark, kind in ((",", "CSV"), (";", "CSV"), ("\t", "TSV")):
        if len(lines) > 1 and all(mark in line for line in lines) and (mark != "\t" or _has_names(lines)):
            raise InputError(f"{name} is a table ({kind}): {WANTED}")


def _has_names(lines: Sequence[str]) -> bool:
    """Whether lines with tabs are a table's, not a sequence's laid out in columns: their first cells are names."""
    first = [line.split("\t")[0] for line in lines]
    return first[0].lower() in _TITLES or all(_NAME.fullmatch(cell) for cell in first[1:])


def records_of(text: str, name: str, row: int | None = None) -> list[Record | BadRecord]:
    """The records of a text, in its order; of an alignment the query alone, or its row number `row`, from 1.

    Raises `InputError` for a text that is something else, and for a row that is not there.
    """
    text = text.lstrip("\ufeff" + string.whitespace)
    if not text:
        raise InputError(f"{name} is empty: give a sequence")
    rows = alignment_rows(text, name)
    if rows:
        return [_row(rows, name, row)]
    if row not in (None, 1):
        raise InputError(f"{name} is no alignment: it has no row {row}")
    text = _without_comments(text)
    if text.startswith(">"):
        return [_fasta_record(*record) for record in _fasta(text)]
    if re.search(r"^ORIGIN\b", text, re.MULTILINE):
        return list(_flat_records(text, name, "ORIGIN"))
    if re.search(r"^SQ   ", text, re.MULTILINE):
        return list(_flat_records(text, name, "SQ"))
    if text.startswith("SEQRES"):
        return [Record(*each) for each in _seqres(text, name)]
    refuse_other_formats(text, name)
    return [_plain_record(name, text)]


def alignment_rows(text: str, name: str = "") -> list[tuple[str, str]]:
    """The rows of an alignment (A3M, aligned FASTA, Stockholm) by name, gaps and inserts in them; [] for other texts.

    FASTA is an alignment when it has gaps and all rows have as many columns, or when its file is called one.
    """
    text = text.lstrip("\ufeff" + string.whitespace)
    if STOCKHOLM.match(text):
        return _stockholm(text, name)
    text = _without_comments(text)
    if not text.startswith(">"):
        return []
    rows = [(header, "".join(lines)) for header, lines in _fasta(text) if not _NO_ROW.match(header)]
    is_called = PurePosixPath(name.lower().removesuffix(".gz")).suffix in ALIGNMENT_ENDINGS
    has_gaps = len(rows) > 1 and any("-" in row or "." in row for _, row in rows)
    if not rows or not (is_called or has_gaps):
        return []
    if len({len(row) for _, row in rows}) == 1 and len({_n_columns(row) for _, row in rows}) > 1:
        return [(header, row.upper()) for header, row in rows]  # aligned FASTA: lower case is no insert
    if len({_n_columns(row) for _, row in rows}) == 1 and _n_columns(rows[0][1]):
        return rows
    if is_called:
        raise InputError(f"{name} is no alignment: its rows have different numbers of columns")
    return []


def _n_columns(row: str) -> int:
    return sum(letter.isupper() or letter == "-" for letter in row)


def _stockholm(text: str, name: str) -> list[tuple[str, str]]:
    try:
        first = next(iter(AlignIO.parse(StringIO(text), "stockholm")), None)
    except Exception as error:  # a parser of others, on any text
        raise InputError(f"{name} cannot be read as a Stockholm alignment: its rows don't fit together") from error
    if first is None or not len(first):
        raise InputError(f"{name} is a Stockholm alignment without rows")
    rows = [(one_line(each.id), str(each.seq)) for each in first]
    return [(header, row.replace("~", "-")) for header, row in rows]


def _row(rows: Sequence[tuple[str, str]], name: str, number: int | None) -> Record | BadRecord:
    """One row of an alignment without its gaps and inserts; `InputError` for a row that is not there."""
    if number is not None and not 1 <= number <= len(rows):
        raise InputError(f"{name} has no row {number}: the alignment has rows 1 to {len(rows)}")
    header, row = rows[(number or 1) - 1]
    n_gaps = sum(letter in "-." for letter in row)
    n_inserts = sum(letter.islower() for letter in row)
    which = "the query" if number in (None, 1) else f"row {number}"
    notes = [f"{which} of an alignment of {len(rows)} rows is read"]
    if n_gaps or n_inserts:
        notes.append(f"gaps ({n_gaps}) and inserted residues ({n_inserts}) of the alignment are taken out")
    letters = "".join(letter for letter in row if letter not in "-." and not letter.islower())
    return Record(one_line(header) or f"row {number or 1}", letters, tuple(notes))


def _without_comments(text: str) -> str:
    """The text without the comment lines before its first header, as ColabFold and old FASTA have them."""
    comments = re.match(r"(?:[#;][^\n]*(?:\n|$)\s*)+(?=>)", text)
    return text[comments.end() :] if comments else text


def _fasta(text: str) -> Iterator[tuple[str, list[str]]]:
    """Headers and their lines; comments that begin with ; are left out."""
    header: str | None = None
    lines: list[str] = []
    for line in StringIO(text, newline=None):
        if line.startswith(">"):
            if header is not None:
                yield header, lines
            header, lines = line[1:].strip(), []
        elif not line.startswith(";"):
            lines.append(line.strip())
    if header is not None:
        yield header, lines


def _fasta_record(header: str, lines: list[str]) -> Record | BadRecord:
    name = one_line(header)
    pir = re.match(r"(P1|F1);\s*(\S+)$", header)
    notes: tuple[str, ...] = ()
    if pir and lines:
        name, lines, notes = one_line(f"{pir[2]} {lines[0]}"), lines[1:], ("read as PIR: the line after the name",)
    held = [line for line in lines if line]
    suspect = unmarked_header(held)
    short = next((b for a, b, c in zip(held, held[1:], held[2:], strict=False) if len(b) < min(len(a), len(c))), None)
    if suspect is None and short is not None:
        suspect = f"the line {one_line(short)!r} is shorter than those around it: join them, or begin it with >"
    if suspect:
        return BadRecord(name, f"{name or 'a record'}: {suspect}")
    if len({len(line) for line in held[:-1]}) > 1 and not notes:
        notes = ("lines of different lengths were joined",)
    record = _plain_record(name, "".join(held) if not _is_three_letter(" ".join(held)) else " ".join(held))
    return record if isinstance(record, BadRecord) else Record(name, record.text, (*notes, *record.notes))


def unmarked_header(lines: Sequence[str]) -> str | None:
    """What is said of a line among those of a sequence that looks like the header of another; None where none does.

    Such a line stands before a longer run of capitals and is unlike the sequence's lines: not as wide as they are, and
    with lower case, a number at its end, or rare letters where they have none.
    """
    widths = [sum(letter.isalpha() for letter in line) for line in lines]
    sequences = [line for line in lines if not any(letter.islower() for letter in line)]
    n_capitals = sum(len(line) for line in sequences)
    for index, line in enumerate(lines[:-1]):
        following = lines[index + 1]
        others = [other for other in sequences if other is not line]
        is_before_sequence = widths[index + 1] >= 10 and not any(letter.islower() for letter in following)
        is_full_line = widths[index] == max(map(len, others), default=0)
        if widths[index] < 3 or not is_before_sequence or is_full_line:
            continue
        is_lower = any(letter.islower() for letter in line) and n_capitals > 2 * sum(map(len, lines)) / 3
        is_numbered = re.fullmatch(r"[A-Za-z][\w.|/-]*\d", line) and not any(re.search(r"\d", each) for each in others)
        is_rare = widths[index] < widths[index + 1] and set(line) & set("BJOUXZ_|=")
        is_rare = is_rare and not any(set(other) & set("BJOUXZ_|=") for other in others)
        if is_lower or is_numbered or is_rare:
            return f"the line {one_line(line)!r} looks like a header without >: begin it with >, or take it out"
    return None


def _plain_record(name: str, text: str) -> Record | BadRecord:
    """The record of a text without headers: one-letter, or three-letter codes read as one-letter ones."""
    if _is_three_letter(text):
        return _from_three_letters(name, text)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    suspect = unmarked_header(lines)
    if suspect:
        return BadRecord(name, f"{name}: {suspect}")
    first, *parts = text.split(maxsplit=1) or [""]
    rest = "".join(parts)
    if _NAME.fullmatch(first) and sum(letter.isalpha() for letter in rest) >= 10:
        return BadRecord(name, f"{name} begins with a name, {one_line(first)!r}: put it on a line of its own after a >")
    letters = "".join(letter for letter in text if letter.isalpha()).upper()
    triples = [letters[start : start + 3] for start in range(0, len(letters), 3)]
    if len(triples) >= 5 and all(_is_amino_acid(each) for each in triples):
        return BadRecord(name, f"{name} looks like three-letter codes in one word: write them apart (Met Lys Thr)")
    return Record(name, text)


# Three-letter codes

_ENDS: Final = ("H", "OH", "NH2", "AC", "ACE", "NME", "NMA", "TER", "***")
_BETWEEN: Final = re.compile(r"[\s,;.\-–·_/0-9]+")


def _codes(text: str) -> list[str]:
    if re.fullmatch(r"\s*([A-Z][a-z]{2}){2,}\s*", text):
        return re.findall(r"[A-Z][a-z]{2}", text)
    return [token for token in _BETWEEN.split(text.strip()) if token]


def _is_amino_acid(code: str) -> bool:
    return len(code) == 3 and (code == "XAA" or (is_tabulated(parent_name(code)) and one_letter(code) != "X"))


def _is_three_letter(text: str) -> bool:
    """Whether a text is made of three-letter codes, two of the twenty at least, but for what ends a peptide."""
    codes = [code.upper() for code in _codes(text[:100_000])]
    while codes and codes[0] in _ENDS:
        codes = codes[1:]
    while codes and codes[-1] in _ENDS:
        codes = codes[:-1]
    n_standard = sum(is_standard(parent_name(code)) for code in codes if len(code) == 3)
    return n_standard > 1 and all(_is_amino_acid(code) or code == "UNK" for code in codes)


def _from_three_letters(name: str, text: str) -> Record:
    codes = [code.upper() for code in _codes(text)]
    residues = [code for index, code in enumerate(codes) if code not in _ENDS or 0 < index < len(codes) - 1]
    odd = dict.fromkeys(code for code in residues if not is_standard(code) and code not in ("XAA", "UNK"))
    notes = ["three-letter codes were read as one-letter ones"]
    if len(residues) < len(codes):
        notes.append(f"what ends the peptide was left out: {', '.join(c for c in codes if c not in residues)}")
    if odd:
        notes.append(f"read as their parents: {', '.join(f'{code} as {one_letter(code)}' for code in odd)}")
    return Record(name, "".join(map(one_letter, residues)), tuple(notes))


def _seqres(text: str, name: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """The chains that SEQRES records spell."""
    chains: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("SEQRES"):
            chains.setdefault(line[11:12].strip(), []).append(line[19:])
    for chain, lines in chains.items():
        record = _from_three_letters(f"{name} chain {chain}", " ".join(lines))
        yield record.name, record.text, record.notes


# GenPept, UniProt, EMBL


def _flat_records(text: str, name: str, start: str) -> Iterator[Record | BadRecord]:
    """The sequences after ORIGIN or SQ lines, each counted against the length that its record states."""
    for number, entry in enumerate(filter(str.strip, re.split(r"^//.*$", text, flags=re.MULTILINE)), start=1):
        parts = re.split(rf"^{start}\b.*$", entry, maxsplit=1, flags=re.MULTILINE)
        called = _flat_name(entry) or (name if number == 1 else f"entry {number}")
        if len(parts) < 2:
            yield BadRecord(called, f"{called} has no sequence: it has no {start} line")
            continue
        letters = "".join(letter for letter in parts[1] if not letter.isspace() and letter not in string.digits)
        stated = re.search(r"^(?:LOCUS|SQ|ID)\b.*?\b(\d+) (?:aa|AA|bp|BP)\b", entry, re.MULTILINE)
        if stated and int(stated[1]) != len(letters):
            yield BadRecord(called, f"{called} states {stated[1]} letters, and its sequence has {len(letters)}")
            continue
        yield Record(called, letters.upper(), (f"the sequence after {start} is read",))


def _flat_name(entry: str) -> str:
    """The accession and the name or definition that a record gives, "" where it gives none."""
    tags = (r"^VERSION\s+([\w.]+)", r"^(?:ACCESSION|AC)\s+([\w.]+)")
    accession = next(filter(None, (re.search(tag, entry, re.MULTILINE) for tag in tags)), None)
    label = re.search(r"^(?:DEFINITION|ID)\s+(.+)$", entry, re.MULTILINE) or re.search(r"^LOCUS\s+(\S+)", entry)
    words = [accession[1] if accession else "", re.split(r"\s{2,}|;", label[1])[0] if label else ""]
    return one_line(" ".join(filter(None, words)))
