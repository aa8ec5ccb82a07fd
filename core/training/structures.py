"""The structures that the contact head is fitted on and judged by, and which of them have their family in training."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from core.errors import InputError
from core.proteins.examples import examples, load_example
from core.proteins.labelled import LabelledProtein
from core.proteins.listed import ListedStructure, sequence_digest
from core.proteins.relatives import relatives
from core.proteins.structure import read_structure
from core.training.families import FamilySplit

LONGEST: Final = 450


def read_structures(folder: Path) -> dict[str, LabelledProtein]:
    """The first chain of every `*.pdb` file in a folder, and plmscope's example proteins, by name.

    Contacts are Cβ (Cα for glycine) closer than 8 Å. Raises `InputError` for a folder without structures or a file that
    can't be read.
    """
    files = sorted(folder.glob("*.pdb"))
    if not files:
        raise InputError(f"{folder} holds no .pdb file")
    structures = {path.stem: read_structure(path.read_bytes(), source=path.name) for path in files}
    for example in examples():
        structure = load_example(example.id).structure
        assert structure is not None
        structures[example.id] = structure
    return {
        name: LabelledProtein.of(structure, name=name)
        for name, structure in structures.items()
        if len(structure.sequence) <= LONGEST
    }


def judging(
    proteins: Mapping[str, LabelledProtein], fitted: Sequence[str]
) -> tuple[dict[str, LabelledProtein], dict[str, str]]:
    """Those that judge, and why others do not: the product's own rule for long-range precision.

    None that the contact head was fitted on judges, and one protein of each sequence: some examples are structures of
    the other list too.
    """
    judged: dict[str, LabelledProtein] = {}
    left_out: dict[str, str] = {}
    for name, protein in proteins.items():
        if name in fitted or protein.sequence in {each.sequence for each in judged.values()}:
            continue
        if protein.long_range_problem is None:
            judged[name] = protein
        else:
            left_out[name] = protein.long_range_problem
    return judged, left_out


def families_of(
    proteins: Mapping[str, LabelledProtein], splits: Sequence[FamilySplit], seed: int = 0
) -> dict[str, str]:
    """The trained family that each protein belongs to, for those that belong to one."""
    sequences = {name: protein.sequence for name, protein in proteins.items()}
    return relatives(sequences, {split.family.name: split.trained for split in splits}, seed)


def as_listed(proteins: Mapping[str, LabelledProtein], families: Mapping[str, str]) -> list[ListedStructure]:
    """The structures of trained families (`families_of`) as the model's own list keeps them."""
    return [
        ListedStructure(name, sequence_digest(proteins[name].sequence), family) for name, family in families.items()
    ]


def fitted_on_notes(proteins: Mapping[str, LabelledProtein], fitted: Sequence[str]) -> dict[str, object]:
    """What `config.json` says of the structures that the contact head was fitted on: names, and digests by name."""
    digests = {name: sequence_digest(proteins[name].sequence) for name in fitted}
    return {"fitted_on": list(fitted), "fitted_on_digests": digests}
