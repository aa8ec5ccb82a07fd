"""Proteins from what a person gives: pasted text, FASTA, PDB or mmCIF; and how people number residues."""

import re
import string
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import PurePosixPath
from typing import Final

from Bio.SeqIO.FastaIO import SimpleFastaParser

from core.alphabet import AMINO_ACIDS, RESIDUE_LETTERS
from core.errors import InputError
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


def residue_names(sequence: str) -> tuple[str, ...]:
    """What people call every residue, in order."""
    return tuple(f"{letter}{number}" for number, letter in enumerate(sequence, start=1))


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


def protein_from_text(text: str, *, name: str = "pasted protein", max_length: int = MAX_LENGTH) -> Protein:
    """The one protein in `text`; raises `InputError` as `proteins_from_text` does, and when there are several."""
    proteins = proteins_from_text(text, name=name, max_length=max_length)
    if len(proteins) != 1:
        raise InputError(f"the text holds {len(proteins)} sequences, and one is wanted")
    return proteins[0]


def proteins_from_text(text: str, *, name: str = "pasted protein", max_length: int = MAX_LENGTH) -> tuple[Protein, ...]:
    """Every protein in a FASTA text, or the one that the text is.

    Lower case, white space, digits and a `*` at the end are cleaned, and `notes` says so; B, Z, X, U and O pass, and
    `notes` warns of them. Raises `InputError` for an empty text or entry, any other letter (with its position), and
    more than `max_length` residues.
    """
    name = one_line(name)
    text = text.lstrip("\ufeff" + string.whitespace)
    if not text:
        raise InputError(f"{name} is empty: give a sequence")
    if not text.startswith(">"):
        return (_clean_protein(name, text, max_length),)
    entries = SimpleFastaParser(StringIO(text, newline=None))
    return tuple(
        _clean_protein(one_line(header) or f"entry {number}", sequence, max_length)
        for number, (header, sequence) in enumerate(entries, start=1)
    )


def proteins_from_file(name: str, data: bytes, *, max_length: int = MAX_LENGTH) -> tuple[Protein, ...]:
    """Every protein in a FASTA or text file, or every protein chain of a PDB or mmCIF file; any of them may be .gz.

    What the file holds decides before its name does. Chains longer than `max_length` are left out, and `notes` says so.
    Raises `InputError` as `proteins_from_text` and `read_structure` do, or when all chains are too long.
    """
    text = upload_text(name, data)
    shown = upload_name(name)
    if not _is_structure(shown, text):
        return proteins_from_text(text, name=shown, max_length=max_length)
    structures = read_all_chains(text, source=shown)
    fitting = [structure for structure in structures if len(structure.sequence) <= max_length]
    if not fitting:
        refuse_too_long(f"{shown} chain {structures[0].chain}", len(structures[0].sequence), max_length)
    n_left_out = len(structures) - len(fitting)
    notes = (f"{n_left_out} chains of more than {max_length:,} residues are left out",) if n_left_out else ()
    proteins = [protein_from_structure(structure, max_length=max_length) for structure in fitting]
    return tuple(replace(protein, notes=protein.notes + notes) for protein in proteins)


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
    has_atoms = re.search(r"^((ATOM  |HETATM)[ 0-9]{5} |data_)", text, re.MULTILINE) is not None
    return has_atoms or PurePosixPath(name.lower().removesuffix(".gz")).suffix in STRUCTURE_ENDINGS


def _clean_protein(name: str, text: str, max_length: int) -> Protein:
    """The protein that a text without header spells, with notes on what was cleaned."""
    notes: list[str] = []
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
