"""DNA and RNA where a protein is wanted: told by its letters, and its translation."""

import re
from typing import Final

from Bio.Seq import translate

from core.errors import InputError
from core.proteins.uploads import one_line

SHORTEST: Final = 12
"""Fewer letters than this may be a peptide of alanine, cysteine, glycine and threonine."""

_BASES: Final = frozenset("ACGTUN")
_IUPAC: Final = frozenset("ACGTURYSWKMBDHVN")


def is_nucleic(sequence: str) -> bool:
    """Whether capitals are DNA or RNA: A, C, G and T (or U) all occur, and hardly anything else does."""
    letters = set(sequence)
    has_all = letters >= set("ACG") and bool(letters & set("TU"))
    n_bases = sum(letter in _BASES for letter in sequence)
    return len(sequence) >= SHORTEST and has_all and n_bases >= 0.95 * len(sequence)


def holds_nucleic(text: str) -> bool:
    """Whether a record of a FASTA text, or the sequence that a text is, looks like DNA or RNA."""
    bodies = re.split(r"^>.*$", text, flags=re.MULTILINE)
    return any(is_nucleic("".join(letter for letter in body if letter.isalpha()).upper()) for body in bodies)


def translation(sequence: str) -> tuple[str, str]:
    """The protein of the first reading frame in the standard code up to a stop at its end, and a note that says so.

    Raises `InputError` for a letter that is no base, and a stop inside.
    """
    foreign = next((letter for letter in sequence if letter not in _IUPAC), None)
    if foreign is not None:
        raise InputError(f"it cannot be translated: {foreign!r} is no base")
    whole = sequence[: len(sequence) // 3 * 3]
    protein = str(translate(whole))
    if "*" in protein[:-1]:
        raise InputError(f"its first reading frame has a stop inside, at codon {protein.index('*') + 1}")
    n_over = len(sequence) - len(whole)
    said = f"translated from {len(sequence)} letters of DNA or RNA: first reading frame, standard code"
    return protein.rstrip("*"), said + (f", {n_over} letters left over" if n_over else "")


def offered_translation(sequence: str) -> str:
    """The translation in one line, for a person to take, or why there is none."""
    try:
        protein, _ = translation(sequence)
    except InputError as error:
        return str(error)
    return f"translate it first; its first reading frame reads {one_line(protein)}"
