"""What residues are called in structure files, and the amino acid that each name stands for."""

import re
from collections.abc import Iterable
from typing import Final, Literal

import gemmi

from core.alphabet import RESIDUE_LETTERS

Kind = Literal["amino acid", "nucleotide", "water", "other"]

_FORCE_FIELD_NAMES: Final = {
    "HIS": "HSD HSE HSP HID HIE HIP HIN HISA HISB HISH HISD HISE HISP HIS1 HIS2 H1D H1E H2D H2E",
    "CYS": "CYX CYM CYS1 CYS2 CYSH CYSX CYSM CYSS CYXX CYD",
    "ASP": "ASH ASPH ASPP AS4 AP1",
    "GLU": "GLH GLUH GLUP GL4 GP1",
    "LYS": "LYN LYSH LYSN LYP LSN",
    "ARG": "ARN ARGN",
    "TYR": "TYM TYRM TYRN Y1P Y2P",
    "SER": "S1P S2P SP1 SP2 SERD",
    "THR": "T1P T2P THP1 THP2",
}
"""Names that AMBER, CHARMM, GROMOS and OPLS give to protonation states and bridges, by the residue that they are."""

PARENTS: Final = {name: parent for parent, names in _FORCE_FIELD_NAMES.items() for name in names.split()}
STANDARD: Final = tuple(gemmi.expand_one_letter_sequence("ACDEFGHIKLMNPQRSTVWY", gemmi.ResidueKind.AA))
_TERMINAL: Final = re.compile(r"[NC]([A-Z]{3})")
BACKBONE: Final = frozenset({"N", "CA", "C"})


def parent_name(name: str, atoms: Iterable[str] = BACKBONE) -> str:
    """The standard residue that a force field's name stands for (HSD is HIS, NALA is ALA); any other name as it is.

    `atoms` are those of the residue: without a Cα it is no amino acid, whatever its name, and HSE with an Oδ is
    homoserine, not CHARMM's histidine.
    """
    held = set(atoms)
    if "CA" not in held or (name == "HSE" and "OD" in held):
        return name
    if name in PARENTS:
        return PARENTS[name]
    terminal = _TERMINAL.fullmatch(name)
    if terminal:
        inner = PARENTS.get(terminal[1], terminal[1])
        return inner if inner in STANDARD else name
    return name


def residue_kind(name: str, atoms: Iterable[str] = ()) -> Kind:
    """What a residue is by its name, or where no table knows it by its atoms: N, Cα and C make an amino acid."""
    known = gemmi.find_tabulated_residue(name)
    if known.is_water():
        return "water"
    if known.is_amino_acid():
        return "amino acid"
    if known.is_nucleic_acid():
        return "nucleotide"
    return "amino acid" if set(atoms) >= BACKBONE else "other"


def one_letter(name: str) -> str:
    """The one-letter code of a residue or of the amino acid it derives from, X where there is none."""
    known = gemmi.find_tabulated_residue(parent_name(name))
    letter = known.one_letter_code.upper()  # gemmi writes modified residues in lower case
    return letter if known.is_amino_acid() and letter in RESIDUE_LETTERS else "X"


def is_tabulated(name: str) -> bool:
    """Whether gemmi's table knows a residue of this name."""
    return gemmi.find_tabulated_residue(name).found()


def is_standard(name: str) -> bool:
    """Whether a name is one of an unmodified amino acid, of ASX and GLX or of UNK."""
    return gemmi.find_tabulated_residue(name).is_standard()
