"""The proteins that features are described on: held out at large, of families, and those of known structure."""

from pathlib import Path

import numpy as np

from core.features.concepts import Labelled, family_concepts, sequence_concepts, structure_concepts
from core.proteins.structure import read_structure
from core.training.families import Collection

LONGEST = 400
"""Residues of the longest protein that is read."""


def labelled_proteins(
    collection: Collection, structures: Path, at_large: int, of_each_family: int, seed: int = 0
) -> list[list[Labelled]]:
    """Three groups of proteins, each with its own concepts; none was trained on but those of known structure may be.

    `structures` is a folder of PDB files. Raises `InputError` for one that can't be read.
    """
    short = np.array([each for each in collection.held_out if len(each) <= LONGEST], dtype=object)
    chosen = np.random.default_rng(seed).permutation(short)[:at_large]
    proteins = [Labelled(f"held out {i + 1}", each, sequence_concepts(each)) for i, each in enumerate(chosen)]
    families = []
    for split in collection.families:
        members = [each for each in split.held_out if len(each) <= LONGEST][:of_each_family]
        named = family_concepts(split.family.name, members)
        families += [
            Labelled(f"{split.family.name} {i + 1}", member, concepts)
            for i, (member, concepts) in enumerate(zip(members, named, strict=True))
        ]
    read = [read_structure(path.read_bytes(), source=path.name) for path in sorted(structures.glob("*.pdb"))]
    known = [Labelled(each.name, each.sequence, structure_concepts(each)) for each in read]
    return [proteins, families, [each for each in known if len(each.sequence) <= LONGEST]]
