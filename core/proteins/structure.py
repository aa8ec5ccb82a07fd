"""Protein structures, read by gemmi: one chain's residues with coordinates, and clean text for the 3D view."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple

import gemmi
import numpy as np
import scipy
from Bio.Align import PairwiseAligner
from jaxtyping import Bool, Float

from core.errors import InputError
from core.proteins.atom_sites import CHAIN_BREAK
from core.proteins.full_sequence import first_of, places_in
from core.proteins.residue_codes import is_standard, is_tabulated, one_letter, residue_kind
from core.proteins.structure_file import StructureFile, read_structure_file
from core.proteins.uploads import one_line, upload_name, upload_text

ContactAtom = Literal["cb", "ca"]
CONTACT_ATOMS: Final[dict[ContactAtom, str]] = {"cb": "Cβ (Cα for glycine)", "ca": "Cα"}

CONTACT_CUTOFF: Final = 8.0
MIN_IDENTITY: Final = 0.7
"""Of the shorter of sequence and structure, the share of residues that must be the same for the two to match."""

DEFAULT_SOURCE: Final = "structure"
MAX_DISPLAYED_ATOMS: Final = 60_000
"""Above this the 3D view gets the chosen chain alone."""


class ContactRule(NamedTuple):
    """What counts as a contact: a distance in Å between two atoms, and who is closer."""

    atom: ContactAtom = "cb"
    cutoff: float = CONTACT_CUTOFF

    def __str__(self) -> str:
        return f"{CONTACT_ATOMS[self.atom]} closer than {self.cutoff:g} Å"


class AuthorResidue(NamedTuple):
    """A residue as the authors of the structure number it, and so as the 3D view knows it."""

    chain: str
    number: int
    insertion: str

    def __str__(self) -> str:
        return f"{self.chain}:{self.number}{self.insertion}"


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """One protein chain, residue by residue, and the whole entry as text for display.

    `residues`, `ca` and `cb` follow `sequence`; what the structure leaves unresolved is None and NaN. Coordinates are
    in Å. `cb` is Cβ, or Cα for glycine and where Cβ is missing. `text` holds the first model's polymers, all chains,
    without waters, ligands, hydrogens and alternative conformations. `n_matched` residues of `sequence` have a
    residue of the same name in the structure; `identity` is their share of the aligned pairs.
    """

    name: str
    title: str
    source: str
    resolution: float | None
    chain: str
    chains: tuple[str, ...]
    sequence: str
    residues: tuple[AuthorResidue | None, ...]
    ca: Float[np.ndarray, "residue 3"]
    cb: Float[np.ndarray, "residue 3"]
    text: str
    format: Literal["pdb", "mmcif"]
    notes: tuple[str, ...]
    n_matched: int
    identity: float = 1.0

    @property
    def n_resolved(self) -> int:
        """How many residues have coordinates."""
        return sum(residue is not None for residue in self.residues)

    @property
    def n_without_cb(self) -> int:
        """In how many residues other than glycine Cα stands in, because Cβ is missing."""
        return _n_without_cb(self.sequence, self.ca, self.cb)

    def contact_definition(self, rule: ContactRule) -> str:
        """What counts as a contact in this structure, for people: what stands in for a missing Cβ is said."""
        n_missing = self.n_without_cb if rule.atom == "cb" else 0
        if not n_missing:
            return str(rule)
        if np.array_equal(self.ca, self.cb, equal_nan=True):
            return f"{ContactRule('ca', rule.cutoff)} (no Cβ in the file)"
        return f"Cβ (Cα for glycine and where Cβ is missing) closer than {rule.cutoff:g} Å"


def read_structure(
    data: str | bytes, chain: str | None = None, *, source: str | None = None, name: str | None = None
) -> Structure:
    """The protein chain called `chain` (the first one when None) of a PDB or mmCIF file, packed with gzip or not.

    `source` says where the file comes from, and is its name unless `name` is given; with neither, the entry's own
    identifier is. Raises `InputError`: empty file, web page, broken file, no protein chain, no such chain, coordinates
    that are not numbers, several residues of one number.
    """
    entry = _read_entry(data, source, name)
    names = ", ".join(entry.peptides)
    if chain is None:
        chain = entry.peptides[0]
        if len(entry.peptides) > 1:
            first = f"chain {chain} is the first of {len(entry.peptides)} protein chains: {names}"
            entry = replace(entry, notes=(*entry.notes, first))
    elif chain not in entry.peptides:
        raise InputError(f"{entry.source} has no protein chain '{chain}': its protein chains are {names}")
    return _read_chain(entry, chain)


def read_all_chains(data: str | bytes, *, source: str | None = None, name: str | None = None) -> tuple[Structure, ...]:
    """Every protein chain of a PDB or mmCIF file; raises `InputError` as `read_structure` does."""
    entry = _read_entry(data, source, name)
    return tuple(_read_chain(entry, chain) for chain in entry.peptides)


def align_structure(sequence: str, structure: Structure) -> Structure:
    """`structure` on the numbering of `sequence`: residues that it lacks are unresolved, `notes` says what matched.

    Global alignment with free ends (BLOSUM62, gaps 12 + 1). Raises `InputError` when fewer than 70% of the residues of
    the shorter of the two are the same.
    """
    if sequence == structure.sequence:
        return structure
    aligner = PairwiseAligner(scoring="blastp")
    aligner.end_gap_score = 0
    pairs = aligner.align(sequence, structure.sequence)[0].indices
    places, others = pairs[:, (pairs >= 0).all(axis=0)]
    n_matched = sum(sequence[place] == structure.sequence[other] for place, other in zip(places, others, strict=True))
    n_needed = math.ceil(MIN_IDENTITY * min(len(sequence), len(structure.sequence)))
    if n_matched < n_needed:
        raise InputError(
            f"{structure.name} chain {structure.chain} is not a structure of this sequence: {n_matched} residues match,"
            f" {n_needed} must ({MIN_IDENTITY:.0%} of the shorter of the two)"
        )
    ca, cb = np.full((2, len(sequence), 3), np.nan)
    ca[places], cb[places] = structure.ca[others], structure.cb[others]
    residues: list[AuthorResidue | None] = [None] * len(sequence)
    for place, other in zip(places, others, strict=True):
        residues[place] = structure.residues[other]
    note = (
        f"{n_matched} of {len(sequence)} residues match {structure.name} chain {structure.chain}"
        f" ({n_matched / len(places):.0%} of the {len(places)} aligned)"
    )
    return replace(
        structure,
        sequence=sequence,
        residues=tuple(residues),
        ca=ca,
        cb=cb,
        notes=(*structure.notes, note),
        n_matched=n_matched,
        identity=n_matched / len(places),
    )


def align_best_chain(sequence: str, data: str | bytes, *, source: str | None = None) -> Structure:
    """The chain of a PDB or mmCIF file that most residues of `sequence` match, on the sequence's numbering.

    Raises `InputError` as `read_structure` does, and as `align_structure` does when no chain matches.
    """
    aligned: list[Structure] = []
    refused: list[InputError] = []
    for structure in read_all_chains(data, source=source):
        try:
            aligned.append(align_structure(sequence, structure))
        except InputError as error:
            refused.append(error)
    if not aligned:
        raise refused[0]
    return max(aligned, key=lambda structure: structure.n_matched)


def residue_distances(structure: Structure, atom: ContactAtom = "cb") -> Float[np.ndarray, "residue residue"]:
    """Distances in Å between the Cβ (Cα for glycine), or the Cα, of all residues; NaN where one is unresolved."""
    coordinates = structure.cb if atom == "cb" else structure.ca
    return scipy.spatial.distance.cdist(coordinates, coordinates)


def contact_truth(
    structure: Structure, atom: ContactAtom = "cb", cutoff: float = CONTACT_CUTOFF
) -> tuple[Bool[np.ndarray, "residue residue"], Bool[np.ndarray, "residue residue"]]:
    """Which residues are closer than `cutoff` Å, and for which pairs that is known (both are resolved).

    No residue is in contact with itself. Raises `InputError` for a cut-off that is not above zero.
    """
    if not cutoff > 0:
        raise InputError(f"the contact cut-off is {cutoff} Å: it must be above zero")
    distances = residue_distances(structure, atom)
    contacts = distances < cutoff
    np.fill_diagonal(contacts, False)
    return contacts, ~np.isnan(distances)


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    """A file's protein chains, and the text that shows all of it (None when that is too much)."""

    name: str
    source: str
    file: StructureFile
    peptides: tuple[str, ...]
    text: str | None
    notes: tuple[str, ...]


def _read_entry(data: str | bytes, source: str | None, name: str | None) -> _Entry:
    """The polymers of the first model in their first conformation, and what was left out."""
    shown = one_line(source or DEFAULT_SOURCE)
    file = read_structure_file(upload_text(shown, data if isinstance(data, bytes) else data.encode()), shown)
    model = file.model[0]
    peptides = tuple(chain.name for chain in model if any(_is_placed_amino_acid(residue) for residue in chain))
    if not peptides:
        raise InputError(f"{shown} has no protein chain")
    called = name or (upload_name(shown) if source is not None else file.entry or shown)
    text = _text(file.model) if model.count_atom_sites() <= MAX_DISPLAYED_ATOMS else None
    return _Entry(called, shown, file, peptides, text, file.notes)


def _is_placed_amino_acid(residue: gemmi.Residue) -> bool:
    return residue_kind(residue.name) != "nucleotide" and _has_place(residue)


def _read_chain(entry: _Entry, chain: str) -> Structure:
    """One chain, with the residues that its full sequence has and its coordinates lack."""
    model = entry.file.model
    observed = [residue for residue in model[0][chain] if residue_kind(residue.name) != "nucleotide"]
    places, notes = _places(observed, entry.file.full.get(chain, []))
    sequence = "".join(one_letter(name) for name, _ in places)
    ca = np.array([_position(residue, "CA") for _, residue in places])
    cb = np.array([_position(residue, "CB") for _, residue in places])
    cb = np.where(np.isnan(cb), ca, cb)
    n_missing = _n_without_cb(sequence, ca, cb)
    if n_missing:
        notes += (f"Cβ is missing in {n_missing} of {len(sequence)} residues, glycines aside: Cα stands in",)
    text = entry.text or _text(_alone(model[0][chain]))
    if entry.text is None:
        notes += (f"shown alone: the whole structure has more than {MAX_DISPLAYED_ATOMS:,} atoms",)
    return Structure(
        name=entry.name,
        title=entry.file.title,
        source=entry.source,
        resolution=model.resolution or None,
        chain=chain,
        chains=entry.peptides,
        sequence=sequence,
        residues=tuple(_author_residue(chain, residue) for _, residue in places),
        ca=ca,
        cb=cb,
        text=text,
        format="mmcif" if text.startswith("data_") else "pdb",
        notes=entry.notes + notes,
        n_matched=len(sequence),
    )


def _n_without_cb(sequence: str, ca: Float[np.ndarray, "residue 3"], cb: Float[np.ndarray, "residue 3"]) -> int:
    not_glycine = np.array([letter != "G" for letter in sequence], dtype=bool)
    return int(((ca == cb).all(1) & not_glycine).sum())


def _places(
    observed: list[gemmi.Residue], full: list[str]
) -> tuple[list[tuple[str, gemmi.Residue | None]], tuple[str, ...]]:
    """Each residue of the chain's sequence by its three-letter name, with its coordinates or None, and notes."""
    notes: list[str] = []
    found, how = places_in(full, observed) if full else (None, "")
    if found is not None:
        by_place = dict(zip(found, observed, strict=True))
        names = [by_place[place].name if place in by_place else first_of(each) for place, each in enumerate(full)]
        places = [(name, by_place.get(place)) for place, name in enumerate(names)]
        notes += [how] if how else []
    else:
        places = [(residue.name, residue) for residue in observed]
        if full:
            notes.append("the file's full sequence does not fit its coordinates and is ignored")
        notes += _breaks(observed)
    places = [(name, residue) for name, residue in places if _is_residue(name, residue)]
    # A residue of which neither Cα nor Cβ is there has no place in a contact map.
    places = [(name, residue if _has_place(residue) else None) for name, residue in places]
    n_unresolved = sum(residue is None for _, residue in places)
    if n_unresolved:
        notes.append(f"{n_unresolved} of {len(places)} residues are not resolved")
    modified = Counter(name for name, _ in places if not is_standard(name))
    if modified:
        read = ", ".join(f"{name} as {one_letter(name)} ({count})" for name, count in modified.items())
        notes.append(f"modified residues are read as their parents: {read}")
    return places, tuple(notes)


def _breaks(observed: Sequence[gemmi.Residue]) -> list[str]:
    """A note on where a chain whose full sequence is unknown has gaps, which no numbering can be trusted to show."""
    ca = np.array([_position(residue, "CA") for residue in observed])
    gaps = np.flatnonzero(np.linalg.norm(np.diff(ca, axis=0), axis=1) > CHAIN_BREAK)
    if not len(gaps):
        return []
    where = ", ".join(str(observed[gap].seqid) for gap in gaps[:5]) + (", …" if len(gaps) > 5 else "")
    return [f"residues are missing after {where}: the file does not say which, so they are not in the sequence"]


def _is_residue(name: str, residue: gemmi.Residue | None) -> bool:
    """Whether a member of the polymer is an amino acid, not a cap such as ACE or NH2."""
    if residue_kind(name) == "amino acid":
        return True
    return _has_place(residue) if residue is not None else not is_tabulated(name)


def _has_place(residue: gemmi.Residue | None) -> bool:
    return any(not math.isnan(_position(residue, name)[0]) for name in ("CA", "CB"))


def _author_residue(chain: str, residue: gemmi.Residue | None) -> AuthorResidue | None:
    if residue is None:
        return None
    number = residue.seqid.num
    assert number is not None  # checked when the file was read
    return AuthorResidue(chain, number, residue.seqid.icode.strip())


def _position(residue: gemmi.Residue | None, atom_name: str) -> list[float]:
    # Found by name alone: in files whose columns are shifted gemmi takes Cα for calcium.
    atom = residue.find_atom(atom_name, "*") if residue is not None else None
    return atom.pos.tolist() if atom is not None else [math.nan] * 3


def _alone(chain: gemmi.Chain) -> gemmi.Structure:
    model = gemmi.Structure()
    model.add_model(gemmi.Model(1))
    model[0].add_chain(chain)
    model.setup_entities()
    return model


def _text(model: gemmi.Structure) -> str:
    """The atoms as PDB, or as mmCIF where chain names, residue names or numbers do not fit into PDB's columns."""
    fits = model[0].count_atom_sites() < 99_999 and all(
        len(chain.name) == 1 and len(residue.name) <= 3 and -999 <= (residue.seqid.num or 0) <= 9999
        for chain in model[0]
        for residue in chain
    )
    if fits:
        return model.make_pdb_string(gemmi.PdbWriteOptions(minimal=True))
    return model.make_mmcif_document(gemmi.MmcifOutputGroups(False, atoms=True)).as_string()
