"""Proteins from what a person gives: pasted text, FASTA, PDB or mmCIF; and how people number residues."""

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Final

from core.alphabet import AMINO_ACIDS, RESIDUE_LETTERS
from core.errors import InputError
from core.proteins.nucleic import is_nucleic, offered_translation, translation
from core.proteins.sequence_text import BadRecord, Record, records_of
from core.proteins.structure import Structure, read_all_chains
from core.proteins.uploads import one_line, upload_name, upload_text

MAX_LENGTH: Final = 1022
"""ESM-2 was trained on at most 1024 tokens: BOS, 1022 residues, EOS."""

RARE_LETTERS: Final = {
    "B": "aspartate or asparagine",
    "Z": "glutamate or glutamine",
    "X": "any amino acid",
    "U": "selenocysteine",
    "O": "pyrrolysine",
}
_CAPITALS: Final = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)
_ATOMS: Final = re.compile(r"^((ATOM  |HETATM)[ 0-9A-Z*]{5} |data_[^\s,;]*\s*$)", re.MULTILINE | re.IGNORECASE)
LONGEST_ALLOWED: Final = 4000
"""The most residues that a person may allow: time and memory grow with their square."""

MOST_REASONS: Final = 3
STRUCTURE_ENDINGS: Final = (".pdb", ".ent", ".cif", ".mmcif")


@dataclass(frozen=True, slots=True)
class Protein:
    """A sequence in ESM-2's alphabet with its name, what reading it changed or warns of, and its structure if known.

    Raises `InputError` for an empty sequence, a letter outside the alphabet, or a structure of another sequence.
    """

    name: str
    sequence: str
    notes: tuple[str, ...] = ()
    structure: Structure | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not self.sequence:
            raise InputError(f"{self.name}: the sequence is empty")
        for index, letter in enumerate(self.sequence):
            if letter not in RESIDUE_LETTERS:
                allowed = f"{''.join(sorted(AMINO_ACIDS))}, and {', '.join(RARE_LETTERS)} with a warning"
                raise InputError(f"{self.name}: residue {index + 1} is {letter!r}; residues are {allowed}")
        if self.structure is not None and self.structure.sequence != self.sequence:
            raise InputError(f"{self.name}: align the structure to the sequence before joining them")


def residue_name(sequence: str, index: int) -> str:
    """What people call the residue at a 0-based index: `M1` is the first one, a methionine."""
    if not 0 <= index < len(sequence):
        raise InputError(f"there is no residue {index + 1}: the sequence has residues 1 to {len(sequence)}")
    return f"{sequence[index]}{index + 1}"


def parse_residue(text: str, sequence: str) -> int:
    """The 0-based index of `M1` or `1`: the inverse of `residue_name`.

    Raises `InputError` for anything else, a number outside the sequence, and a letter that does not stand there.
    """
    match = re.fullmatch(r"([A-Za-z]?)([0-9]{1,9})", text.strip())
    if match is None:
        raise InputError(f"{one_line(text)!r} is not a residue: write its number, with or without its letter (M1)")
    index = int(match[2]) - 1
    name = residue_name(sequence, index)
    if match[1] and match[1].upper() != name[0]:
        raise InputError(f"residue {index + 1} is {name[0]}, not {match[1].upper()}")
    return index


@dataclass(frozen=True, slots=True)
class Reading:
    """The proteins of a text or file, and why each of its other records is left out, by name."""

    proteins: tuple[Protein, ...]
    left_out: Mapping[str, str]

    @property
    def notes(self) -> tuple[str, ...]:
        """One line on what is left out, none when nothing is."""
        if not self.left_out:
            return ()
        n_all, reasons = len(self.proteins) + len(self.left_out), list(self.left_out.values())
        more = f"; and {len(reasons) - MOST_REASONS} more" if len(reasons) > MOST_REASONS else ""
        return (f"{len(reasons)} of {n_all} records left out: {'; '.join(reasons[:MOST_REASONS])}{more}",)


def protein_from_text(text: str, *, name: str = "pasted protein", max_length: int = MAX_LENGTH) -> Protein:
    """The one protein in `text`; raises `InputError` as `proteins_from_text` does, and when there are several."""
    proteins = proteins_from_text(text, name=name, max_length=max_length)
    if len(proteins) != 1:
        raise InputError(f"the text holds {len(proteins)} sequences, and one is wanted")
    return proteins[0]


def proteins_from_text(text: str, *, name: str = "pasted protein", max_length: int = MAX_LENGTH) -> tuple[Protein, ...]:
    """Every protein in a text, as `read_text`; raises `InputError` when one of its records cannot be used."""
    reading = read_text(text, name=name, max_length=max_length)
    if reading.left_out:
        raise InputError(next(iter(reading.left_out.values())))
    return reading.proteins


def read_text(
    text: str,
    *,
    name: str = "pasted protein",
    max_length: int = MAX_LENGTH,
    row: int | None = None,
    translate: bool = False,
) -> Reading:
    """The proteins in a text: FASTA, GenPept, UniProt's text, three-letter codes, or the one sequence that it is.

    Of an alignment the query is read, or its row number `row`, counted from 1. DNA and RNA are left out, or translated.
    Lower case, white space, digits and a `*` at the end are cleaned, and `notes` says so; B, Z, X, U and O pass, and
    `notes` warns of them. Left out, with the reason, are empty records, ones with any other letter (and its position),
    and ones of more than `max_length` residues. Raises `InputError` for a text that is something else, and when nothing
    is left.
    """
    name = one_line(name)
    proteins: list[Protein] = []
    left_out: dict[str, str] = {}
    for number, record in enumerate(records_of(text, name, row), start=1):
        called = record.name or f"entry {number}"
        try:
            if isinstance(record, BadRecord):
                raise InputError(record.reason)
            proteins.append(_clean_protein(replace(record, name=called), max_length, translate))
        except InputError as error:
            again = f"{called} (record {number})" if called in left_out else called
            left_out[again] = str(error)
    if not proteins:
        n_more = len(left_out) - 1
        raise InputError(next(iter(left_out.values())) + (f" (and {n_more} more records like it)" if n_more else ""))
    return Reading(tuple(proteins), left_out)


def proteins_from_file(
    name: str, data: bytes, *, max_length: int = MAX_LENGTH, row: int | None = None, translate: bool = False
) -> tuple[Protein, ...]:
    """The proteins of `read_file`; what is left out of the file stands in the notes of each."""
    reading = read_file(name, data, max_length=max_length, row=row, translate=translate)
    return tuple(replace(protein, notes=protein.notes + reading.notes) for protein in reading.proteins)


def read_file(
    name: str, data: bytes, *, max_length: int = MAX_LENGTH, row: int | None = None, translate: bool = False
) -> Reading:
    """The proteins in a file of sequences, as `read_text`, or all protein chains of a PDB or mmCIF file; also .gz.

    What the file holds decides before its name does. Chains longer than `max_length` are left out. Raises `InputError`
    as `read_text` and `read_structure` do, and when all chains are too long.
    """
    text = upload_text(name, data)
    shown = upload_name(name)
    if not _is_structure(shown, text):
        return read_text(text, name=shown, max_length=max_length, row=row, translate=translate)
    structures = read_all_chains(text, source=shown)
    fitting = [structure for structure in structures if len(structure.sequence) <= max_length]
    if not fitting:
        refuse_too_long(f"{shown} chain {structures[0].chain}", len(structures[0].sequence), max_length)
    n_left_out = len(structures) - len(fitting)
    notes = (f"{n_left_out} chains of more than {max_length:,} residues are left out",) if n_left_out else ()
    proteins = [protein_from_structure(structure, max_length=max_length) for structure in fitting]
    return Reading(tuple(replace(protein, notes=protein.notes + notes) for protein in proteins), {})


def protein_from_structure(structure: Structure, *, max_length: int = MAX_LENGTH) -> Protein:
    """The protein whose structure this is, named after entry and chain; `InputError` when it is too long."""
    name = f"{structure.name} chain {structure.chain}"
    refuse_too_long(name, len(structure.sequence), max_length)
    notes = structure.notes + _rare_letters(structure.sequence)
    return Protein(name, structure.sequence, notes, structure)


def refuse_too_long(name: str, n_residues: int, max_length: int) -> None:
    """Raise `InputError` when there are more than `max_length` residues."""
    if n_residues > max_length:
        raise InputError(
            f"{name} has {n_residues:,} residues, and at most {max_length:,} are taken:"
            " give a part of it, or allow longer sequences"
        )


def _is_structure(name: str, text: str) -> bool:
    if text.lstrip().startswith(">"):
        return False
    has_atoms = _ATOMS.search(text) is not None
    return has_atoms or PurePosixPath(name.lower().removesuffix(".gz")).suffix in STRUCTURE_ENDINGS


def _clean_protein(record: Record, max_length: int, translate: bool) -> Protein:
    """The protein that a record spells, with notes on what was cleaned."""
    name, text, notes = record.name, record.text, list(record.notes)
    if any(letter.isspace() for letter in text.strip()):
        notes.append("spaces and line breaks were left out")
    if any(letter in string.digits for letter in text):
        notes.append("digits were left out")
    letters = "".join(letter for letter in text if not letter.isspace() and letter not in string.digits)
    if letters.endswith("*"):
        notes.append("the * at the end was left out")
    # Capitals of ASCII letters only: those of others can be several letters.
    sequence = letters.rstrip("*").translate(_CAPITALS)
    if sequence != letters.rstrip("*"):
        notes.append("lower-case letters were read as capitals")
    if is_nucleic(sequence):
        if not translate:
            raise InputError(f"{name} is DNA or RNA, not protein: {offered_translation(sequence)}")
        sequence, said = translation(sequence)
        notes.append(said)
    refuse_too_long(name, len(sequence), max_length)
    return Protein(name, sequence, (*notes, *_rare_letters(sequence)))


def _rare_letters(sequence: str) -> tuple[str, ...]:
    """A warning for each letter that passes but is no amino acid that the model knows well."""
    return tuple(
        f"{letter} ({meaning}) stands at {sequence.count(letter)} of {len(sequence)} residues:"
        " the model has seen few of them"
        for letter, meaning in RARE_LETTERS.items()
        if letter in sequence
    )
