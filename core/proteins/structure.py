"""Protein structures, read by gemmi: one chain's residues with coordinates, and clean text for the 3D view."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from string import ascii_uppercase
from typing import Final, Literal, NamedTuple

import gemmi
import numpy as np
from Bio.Align import PairwiseAligner
from jaxtyping import Bool, Float
from scipy.spatial.distance import cdist

from core.alphabet import RESIDUE_LETTERS
from core.errors import InputError
from core.proteins.uploads import one_line, upload_name, upload_text

ContactAtom = Literal["cb", "ca"]
CONTACT_ATOMS: Final[dict[ContactAtom, str]] = {"cb": "Cβ (Cα for glycine)", "ca": "Cα"}

CONTACT_CUTOFF: Final = 8.0
MIN_IDENTITY: Final = 0.7
"""Of the shorter of sequence and structure, the share of residues that must be the same for the two to match."""

CHAIN_BREAK: Final = 4.5
"""Å between the Cα of two residues in a row above which something is missing between them (3.8 is the rule)."""


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


def read_structure(data: str | bytes, chain: str | None = None, *, source: str = "structure") -> Structure:
    """The protein chain called `chain` (the first one when None) of a PDB or mmCIF file, packed with gzip or not.

    `source` says where the file comes from. Raises `InputError`: empty file, web page, broken file, no protein chain,
    no such chain, coordinates that are not numbers.
    """
    entry = _read_entry(data, source)
    names = ", ".join(entry.peptides)
    if chain is None:
        chain = next(iter(entry.peptides))
        if len(entry.peptides) > 1:
            first = f"chain {chain} is the first of {len(entry.peptides)} protein chains: {names}"
            entry = replace(entry, notes=(*entry.notes, first))
    elif chain not in entry.peptides:
        raise InputError(f"{entry.source} has no protein chain '{chain}': its protein chains are {names}")
    return _read_chain(entry, chain)


def read_all_chains(data: str | bytes, *, source: str = "structure") -> tuple[Structure, ...]:
    """Every protein chain of a PDB or mmCIF file; raises `InputError` as `read_structure` does."""
    entry = _read_entry(data, source)
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


def align_best_chain(sequence: str, data: str | bytes, *, source: str = "structure") -> Structure:
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
    return cdist(coordinates, coordinates)


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
    """A cleaned file: its protein chains by name, and the text that shows all of it (None when that is too much)."""

    model: gemmi.Structure
    source: str
    peptides: dict[str, gemmi.ResidueSpan]
    text: str | None
    notes: tuple[str, ...]


def _read_entry(data: str | bytes, source: str) -> _Entry:
    """The polymers of the first model in their first conformation, and what was left out."""
    source = one_line(source)
    model = _parse(upload_text(source, data if isinstance(data, bytes) else data.encode()), source)
    notes = (f"model 1 of {len(model)} is read",) if len(model) > 1 else ()
    del model[1:]
    _name_blank_chain(model)
    model.setup_entities()
    model.assign_label_seq_id()  # what PDB files lack: each residue's place in SEQRES
    model.remove_hydrogens()
    model.remove_alternative_conformations()
    model.remove_ligands_and_waters()
    model.remove_empty_chains()
    peptides = {chain.name: chain.get_polymer() for chain in model[0] if _is_peptide(chain.get_polymer())}
    if not peptides:
        raise InputError(f"{source} has no protein chain")
    for site in model[0].all():
        if not all(map(math.isfinite, site.atom.pos.tolist())):
            raise InputError(f"{source} has an atom whose coordinates are not numbers: {site}")
        if site.residue.seqid.num is None:
            raise InputError(f"{source} has a residue without a number: {site}")
    text = _text(model) if model[0].count_atom_sites() <= MAX_DISPLAYED_ATOMS else None
    return _Entry(model, source, peptides, text, notes)


def _parse(text: str, source: str) -> gemmi.Structure:
    # gemmi reads a web page as a PDB file without atoms, and says nothing.
    if text.lstrip().startswith("<"):
        raise InputError(f"{source} is a web page or XML, not a PDB or mmCIF file")
    is_mmcif = re.search(r"^data_", text, re.MULTILINE) is not None
    file_format = gemmi.CoorFormat.Mmcif if is_mmcif else gemmi.CoorFormat.Pdb
    try:
        # Both formats are ASCII, and PDB counts columns: any other letter becomes one "?".
        model = gemmi.read_structure_string(text.encode("ascii", "replace"), format=file_format)
    except (RuntimeError, ValueError, LookupError) as error:
        reason = one_line(str(error))
        raise InputError(f"{source} cannot be read as {'mmCIF' if is_mmcif else 'PDB'}: {reason}") from error
    if not model or not model[0].count_atom_sites():
        raise InputError(f"{source} holds no atoms: it must be a PDB or mmCIF file")
    return model


def _name_blank_chain(model: gemmi.Structure) -> None:
    """Give a chain without a name one, as links and the 3D view need."""
    taken = {chain.name for chain in model[0]}
    if "" in taken:
        model.rename_chain("", next(letter for letter in ascii_uppercase if letter not in taken))


def _is_peptide(polymer: gemmi.ResidueSpan) -> bool:
    is_protein = polymer.check_polymer_type() in (gemmi.PolymerType.PeptideL, gemmi.PolymerType.PeptideD)
    return is_protein and any(_has_place(residue) for residue in polymer)


def _read_chain(entry: _Entry, chain: str) -> Structure:
    """One chain, with the residues that its full sequence has and its coordinates lack."""
    places, notes = _places(entry.model, entry.peptides[chain])
    sequence = "".join(_letter(name) for name, _ in places)
    ca = np.array([_position(residue, "CA") for _, residue in places])
    cb = np.array([_position(residue, "CB") for _, residue in places])
    cb = np.where(np.isnan(cb), ca, cb)
    about = dict(entry.model.info)
    text = entry.text or _text(_alone(entry.model[0][chain]))
    if entry.text is None:
        notes += (f"shown alone: the whole structure has more than {MAX_DISPLAYED_ATOMS:,} atoms",)
    return Structure(
        name=one_line(about.get("_entry.id", "")) or upload_name(entry.source),
        title=one_line(about.get("_struct.title", "")),
        source=entry.source,
        resolution=entry.model.resolution or None,
        chain=chain,
        chains=tuple(entry.peptides),
        sequence=sequence,
        residues=tuple(_author_residue(chain, residue) for _, residue in places),
        ca=ca,
        cb=cb,
        text=text,
        format="mmcif" if text.startswith("data_") else "pdb",
        notes=entry.notes + notes,
        n_matched=len(sequence),
    )


def _places(
    model: gemmi.Structure, polymer: gemmi.ResidueSpan
) -> tuple[list[tuple[str, gemmi.Residue | None]], tuple[str, ...]]:
    """Each residue of the chain's sequence by its three-letter name, with its coordinates or None, and notes."""
    observed = list(polymer)
    entity = model.get_entity_of(polymer)
    full = [gemmi.Entity.first_mon(names) for names in entity.full_sequence] if entity else []
    by_place = {residue.label_seq: residue for residue in observed}
    notes: list[str] = []
    if full and all(place is not None and 1 <= place <= len(full) for place in by_place):
        places = [
            (by_place[place].name, by_place[place]) if place in by_place else (name, None)
            for place, name in enumerate(full, start=1)
        ]
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
    modified = Counter(name for name, _ in places if not gemmi.find_tabulated_residue(name).is_standard())
    if modified:
        read = ", ".join(f"{name} as {_letter(name)} ({count})" for name, count in modified.items())
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
    known = gemmi.find_tabulated_residue(name)
    if known.is_amino_acid():
        return True
    return _has_place(residue) if residue is not None else not known.found()


def _has_place(residue: gemmi.Residue | None) -> bool:
    return any(not math.isnan(_position(residue, name)[0]) for name in ("CA", "CB"))


def _author_residue(chain: str, residue: gemmi.Residue | None) -> AuthorResidue | None:
    if residue is None:
        return None
    number = residue.seqid.num
    assert number is not None  # checked when the file was read
    return AuthorResidue(chain, number, residue.seqid.icode.strip())


def _letter(name: str) -> str:
    """The one-letter code of a residue or of the amino acid it derives from, X where there is none."""
    known = gemmi.find_tabulated_residue(name)
    letter = known.one_letter_code.upper()  # gemmi writes modified residues in lower case
    return letter if known.is_amino_acid() and letter in RESIDUE_LETTERS else "X"


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
