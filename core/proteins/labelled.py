"""Proteins whose contacts are known: what selects heads, fits probes, and judges every method."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from zipfile import BadZipFile

import numpy as np
from Bio.SeqIO.FastaIO import SimpleFastaParser
from jaxtyping import Bool, Int
from torch import Tensor

from core.alphabet import tokenize
from core.errors import InputError
from core.proteins.contact_scores import SEPARATIONS, pairs_in_range
from core.proteins.examples import examples, load_example
from core.proteins.protein import Protein, refuse_too_long
from core.proteins.structure import CONTACT_CUTOFF, ContactAtom, ContactRule, Structure, contact_truth, read_structure

STRUCTURE_FILES: Final = (".pdb", ".ent", ".cif", ".mmcif", ".pdb.gz", ".ent.gz", ".cif.gz", ".mmcif.gz")
STORED_TRUTH: Final = "contacts as stored beside the sequences"


@dataclass(frozen=True, slots=True)
class LabelledProtein:
    """A sequence with its contacts, as plain values: hashable, and the same after a journey to another process."""

    name: str
    sequence: str
    contacts: tuple[tuple[int, int], ...]
    """Residues i < j in contact, 0-based, at every separation."""
    unresolved: tuple[int, ...]
    """Residues of which no pair is known."""
    definition: str
    """What counts as a contact."""
    notes: tuple[str, ...] = field(default=(), compare=False)
    """What reading its structure left out, renamed or guessed."""

    @classmethod
    def of(
        cls, structure: Structure, atom: ContactAtom = "cb", cutoff: float = CONTACT_CUTOFF, name: str | None = None
    ) -> "LabelledProtein":
        """A structure's chain on its own numbering (`core.proteins.structure.align_structure` changes it)."""
        contacts, known = contact_truth(structure, atom, cutoff)
        definition = structure.contact_definition(ContactRule(atom, cutoff))
        name = name or structure.name
        labelled = cls.from_arrays(name, structure.sequence, contacts, known.diagonal(), definition)
        return replace(labelled, notes=structure.notes)

    @classmethod
    def from_arrays(
        cls,
        name: str,
        sequence: str,
        contacts: Bool[np.ndarray, "residue residue"],
        resolved: Bool[np.ndarray, " residue"],
        definition: str,
    ) -> "LabelledProtein":
        """From a contact matrix and a flag for each residue; `InputError` when their lengths differ."""
        if not len(contacts) == len(resolved) == len(sequence):
            raise InputError(f"{name}: {len(sequence)} residues in the sequence, {len(contacts)} in its contacts")
        pairs = np.argwhere(np.triu(contacts, 1)).tolist()
        return cls(
            name, sequence, tuple((i, j) for i, j in pairs), tuple(np.flatnonzero(~resolved).tolist()), definition
        )

    @property
    def tokens(self) -> Int[Tensor, " pos"]:
        return tokenize(self.sequence)

    def truth(self) -> tuple[Bool[np.ndarray, "residue residue"], Bool[np.ndarray, "residue residue"]]:
        """(contacts, known): which pairs are in contact, symmetric, and of which pairs that is known."""
        length = len(self.sequence)
        contacts = np.zeros((length, length), dtype=bool)
        if self.contacts:
            i, j = np.array(self.contacts).T
            contacts[i, j] = contacts[j, i] = True
        resolved = np.ones(length, dtype=bool)
        resolved[list(self.unresolved)] = False
        return contacts, np.outer(resolved, resolved)

    @property
    def long_range_problem(self) -> str | None:
        """Why long-range precision says nothing about this protein, None when it does.

        It needs as many known pairs at 24 residues or more as P@L ranks, L, and a contact among them.
        """
        contacts, known = self.truth()
        pairs = pairs_in_range(len(self.sequence), "long") & known
        low, _ = SEPARATIONS["long"]
        if pairs.sum() < len(self.sequence):
            return (
                f"{self.name} is too short for long-range contacts: {pairs.sum()} known pairs are {low} or more "
                f"residues apart, and P@L ranks as many as it has residues, {len(self.sequence)}"
            )
        if not contacts[pairs].any():
            return f"{self.name} has no contact between residues {low} or more apart"
        return None

    def require_long_range(self) -> None:
        """Raises `InputError` for a protein that long-range precision says nothing about."""
        if self.long_range_problem is not None:
            raise InputError(self.long_range_problem)


def labelled_examples(
    names: Sequence[str] | None = None, atom: ContactAtom = "cb", cutoff: float = CONTACT_CUTOFF
) -> dict[str, LabelledProtein]:
    """The example proteins that come with plmscope and have a structure, or those called `names`, by name."""
    structures = {name: load_example(name).structure for name in names or [each.id for each in examples()]}
    return {name: LabelledProtein.of(found, atom, cutoff, name) for name, found in structures.items() if found}


def read_labelled(
    folder: Path,
    atom: ContactAtom = "cb",
    cutoff: float = CONTACT_CUTOFF,
    stored_truth: str = STORED_TRUTH,
    chains: Mapping[str, str] | None = None,
    max_length: int | None = None,
) -> tuple[dict[str, LabelledProtein], dict[str, str]]:
    """The labelled proteins in a folder by name, and why others were left out, in alphabetical order.

    Either structures (PDB or mmCIF, packed or not), or `sequences.fasta` with `contacts/NAME.npz` beside it (arrays
    `contacts` and `valid_residues`), whose own definition of a contact stands: `stored_truth` says in words what it is.
    A structure has its file's name without the ending; the chain that `chains` names is read, or the first protein
    chain. Left out are files that cannot be read, all but the first protein of one name, proteins without long-range
    contacts, and ones of more than `max_length` residues. Raises `InputError` when nothing is left, or when a structure
    in `chains` cannot be used.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder")
    chains = chains or {}
    is_stored = (folder / "sequences.fasta").is_file()
    readers, namesakes = _stored(folder, stored_truth) if is_stored else _structures(folder, atom, cutoff, chains)
    for name, chain in chains.items():
        if is_stored:
            raise InputError(f"chain {chain} of '{name}' is chosen, and the sequences in {folder} have no chains")
        if name not in readers:
            raise InputError(f"chain {chain} of '{name}' is chosen, and {folder} holds only {_some(sorted(readers))}")
    proteins: dict[str, LabelledProtein] = {}
    left_out: dict[str, str] = {}
    for name, read in sorted(readers.items()):
        try:
            protein = read()
            protein.require_long_range()
            if max_length is not None:
                refuse_too_long(name, len(protein.sequence), max_length)
            proteins[name] = protein
        except InputError as error:
            if name in chains:  # asked for by name: not to be left out in passing
                raise InputError(f"chain {chains[name]} of '{name}' is chosen: {error}") from error
            left_out[name] = str(error)
    if not proteins:
        name, reason = next(iter(left_out.items()))
        raise InputError(f"none of the {len(left_out)} proteins in {folder} can be used: {reason}")
    return proteins, dict(sorted({**left_out, **namesakes}.items()))


def _some(names: Sequence[str], at_most: int = 10) -> str:
    """The names for people to read, the first few where there are many."""
    rest = f" and {len(names) - at_most} more" if len(names) > at_most else ""
    return ", ".join(names[:at_most]) + rest


Readers = Mapping[str, Callable[[], LabelledProtein]]


def _structures(
    folder: Path, atom: ContactAtom, cutoff: float, chains: Mapping[str, str]
) -> tuple[Readers, dict[str, str]]:
    """What reads each structure, and why other files of the same name, such as a.pdb beside a.cif, are not read."""

    def reader(path: Path, name: str) -> Callable[[], LabelledProtein]:
        chain = chains.get(name)
        return lambda: LabelledProtein.of(
            read_structure(path.read_bytes(), chain, source=path.name), atom, cutoff, name
        )

    names = {
        path: path.name[: -len(ending)]
        for path in sorted(folder.iterdir())
        for ending in STRUCTURE_FILES
        if path.name.lower().endswith(ending)
    }
    if not names:
        raise InputError(f"{folder} holds no structure ({', '.join(STRUCTURE_FILES[:4])}) and no sequences.fasta")
    first: dict[str, Path] = {}
    for path, name in names.items():
        first.setdefault(name, path)
    namesakes = {
        path.name: f"a name stands for one file only, and {first[name].name} is the '{name}' that is read"
        for path, name in names.items()
        if path != first[name]
    }
    return {name: reader(path, name) for name, path in first.items()}, namesakes


def _stored(folder: Path, definition: str) -> tuple[Readers, dict[str, str]]:
    """What reads each sequence's contacts, and why records without a name or with an earlier one's are not read."""

    def reader(name: str, sequence: str) -> Callable[[], LabelledProtein]:
        def read() -> LabelledProtein:
            if name != Path(name).name:
                raise InputError(f"'{name}' cannot be the name of a protein: it holds a path")
            path = folder / "contacts" / f"{name}.npz"
            try:
                with np.load(path, allow_pickle=False) as held:
                    contacts, resolved = held["contacts"].astype(bool), held["valid_residues"].astype(bool)
            except (OSError, ValueError, KeyError, BadZipFile) as error:
                raise InputError(f"{path.name} does not hold contacts and valid_residues: {error}") from error
            known = Protein(name, sequence)  # which refuses letters that no model reads
            return LabelledProtein.from_arrays(name, known.sequence, contacts, resolved, definition)

        return read

    with (folder / "sequences.fasta").open() as file:
        records = list(SimpleFastaParser(file))
    readers: dict[str, Callable[[], LabelledProtein]] = {}
    namesakes: dict[str, str] = {}
    for number, (title, sequence) in enumerate(records, 1):
        name = next(iter(title.split()), "")
        if not name:
            namesakes[f"record {number}"] = "it has no name, and its contacts are looked for by name"
        elif name in readers:
            namesakes[f"{name} (record {number})"] = f"a name stands for one protein only, and '{name}' came before"
        else:
            readers[name] = reader(name, sequence)
    if not readers:
        raise InputError(f"{folder / 'sequences.fasta'} names no protein")
    return readers, namesakes
