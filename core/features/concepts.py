"""What may be said of a position of a protein: the concepts that features are compared with.

Positions count BOS, so that residue i stands at i + 1.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log2
from typing import Final

import gemmi
import numpy as np
import pydssp
from Bio.Align import PairwiseAligner, substitution_matrices

from core.alphabet import AMINO_ACIDS
from core.proteins.structure import Structure, residue_distances

CLASSES: Final = {
    "positive": "KR",
    "negative": "DE",
    "aromatic": "FWY",
    "aliphatic": "ILV",
    "hydroxyl": "ST",
    "amide": "NQ",
    "small": "AGS",
}
ENDS: Final = 10
"""Residues counted from either end."""
COMPLEXITY_WINDOW, LOW_COMPLEXITY = 12, 2.2
"""A window's entropy in bits below which it is of low complexity, as in SEG (Wootton & Federhen 1993)."""
REPEAT: Final = 5
CONTACT, NEIGHBOUR = 8.0, 10.0
"""Å between Cβ."""
BURIED, EXPOSED = 21, 12
"""Neighbours of a residue: at least so many, or at most; about the quartiles of the example proteins."""
SECONDARY: Final = {"H": "helix", "E": "strand", "-": "loop"}

Positions = Sequence[int]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A protein and the positions of which each concept is true."""

    name: str
    sequence: str
    concepts: Mapping[str, Positions]


def sequence_concepts(sequence: str) -> dict[str, Positions]:
    """Amino acids and their classes, distances from both ends, low complexity, repeats, BOS and EOS."""
    n = len(sequence)
    found: dict[str, Positions] = {"BOS": [0], "EOS": [n + 1]}
    for letter in AMINO_ACIDS:
        found[f"amino acid {letter}"] = _where(sequence, letter)
    for name, letters in CLASSES.items():
        found[f"{name} ({', '.join(letters)})"] = _where(sequence, letters)
    for i in range(min(ENDS, n)):
        found[f"residue {i + 1}"] = [i + 1]
        found[f"residue {i + 1} from the end"] = [n - i]
    windows = range(n - COMPLEXITY_WINDOW + 1)
    low = [i for i in windows if _entropy(sequence[i : i + COMPLEXITY_WINDOW]) < LOW_COMPLEXITY]
    found["low complexity"] = sorted({at + 1 for i in low for at in range(i, i + COMPLEXITY_WINDOW)})
    words = Counter(sequence[i : i + REPEAT] for i in range(n - REPEAT + 1))
    twice = [i for i in range(n - REPEAT + 1) if words[sequence[i : i + REPEAT]] > 1]
    found[f"repeat of {REPEAT} or more"] = sorted({at + 1 for i in twice for at in range(i, i + REPEAT)})
    return found


def structure_concepts(structure: Structure) -> dict[str, Positions]:
    """Secondary structure (DSSP, Kabsch & Sander 1983), burial and number of contacts of resolved residues."""
    distances = residue_distances(structure)
    np.fill_diagonal(distances, np.nan)
    resolved = ~np.isnan(structure.cb).any(1)
    neighbours = (distances < NEIGHBOUR).sum(1)
    apart = np.abs(np.subtract.outer(np.arange(len(distances)), np.arange(len(distances)))) >= 6
    contacts = ((distances < CONTACT) & apart).sum(1)
    flags = {
        "buried": resolved & (neighbours >= BURIED),
        "exposed": resolved & (neighbours <= EXPOSED),
        "no contact": resolved & (contacts == 0),
        "5 or more contacts": resolved & (contacts >= 5),
        "8 or more contacts": resolved & (contacts >= 8),
    }
    secondary = _secondary(structure)
    flags |= {name: secondary == letter for letter, name in SECONDARY.items()}
    return {name: (np.flatnonzero(flag) + 1).tolist() for name, flag in flags.items()}


def family_concepts(family: str, members: Sequence[str]) -> list[dict[str, list[int]]]:
    """For each member: being of the family, and its column where each residue aligns with the median-length member.

    Columns are named by their place in that member and the letter that most members have there.
    """
    reference = sorted(members, key=lambda member: (len(member), member))[len(members) // 2]
    aligner = PairwiseAligner(
        substitution_matrix=substitution_matrices.load("BLOSUM62"), open_gap_score=-11, extend_gap_score=-1
    )
    aligner.end_gap_score = 0
    column_of: list[dict[int, int]] = []
    for member in members:
        aligned = aligner.align(_standard(reference), _standard(member))[0].aligned
        pairs = zip(*aligned, strict=True)
        column_of.append({at: to for (a, b), (c, d) in pairs for to, at in zip(range(a, b), range(c, d), strict=True)})
    letters = [Counter() for _ in reference]
    for member, columns in zip(members, column_of, strict=True):
        for at, column in columns.items():
            letters[column][member[at]] += 1
    names = [
        f"{family} column {column + 1} ({count.most_common(1)[0][0]})" if count else ""
        for column, count in enumerate(letters)
    ]
    return [
        {f"family {family}": list(range(1, len(member) + 1))}
        | {names[column]: [at + 1] for at, column in columns.items()}
        for member, columns in zip(members, column_of, strict=True)
    ]


def _where(sequence: str, letters: str) -> list[int]:
    return [i + 1 for i, letter in enumerate(sequence) if letter in letters]


def _entropy(window: str) -> float:
    return -sum(count / len(window) * log2(count / len(window)) for count in Counter(window).values())


def _standard(sequence: str) -> str:
    return "".join(letter if letter in AMINO_ACIDS else "X" for letter in sequence)


def _secondary(structure: Structure) -> np.ndarray:
    """DSSP's H, E or - for each residue; "" where its backbone isn't whole."""
    entry = gemmi.read_structure_string(
        structure.text, format=gemmi.CoorFormat.Pdb if structure.format == "pdb" else gemmi.CoorFormat.Mmcif
    )
    at = {
        (chain.name, residue.seqid.num, residue.seqid.icode.strip()): residue for chain in entry[0] for residue in chain
    }
    backbones, placed = [], []
    for index, author in enumerate(structure.residues):
        residue = at.get((author.chain, author.number, author.insertion.strip())) if author else None
        atoms = [residue.find_atom(name, "*") for name in ("N", "CA", "C", "O")] if residue else [None]
        if all(atoms):
            backbones.append([atom.pos.tolist() for atom in atoms if atom])
            placed.append(index)
    found = np.full(len(structure.sequence), "", dtype="<U1")
    if len(placed) > 5:
        found[placed] = pydssp.assign(np.array(backbones), out_type="c3")
    return found
