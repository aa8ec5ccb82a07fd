"""The structures that the contact head is fitted on and judged by, and which of them have their family in training."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from Bio.Align import PairwiseAligner, substitution_matrices

from core.alphabet import TOKENS
from core.errors import InputError
from core.examples import examples, load_example
from core.structure import read_structure
from core.training.contact_head import LabelledProtein
from core.training.families import FamilySplit

RELATED: Final = 80.0
"""Mean local-alignment score (BLOSUM62, gaps 11 and 1) with a family's members above which a protein belongs to it.

Members reach 100 to 470; the best unrelated structure reaches 52."""
N_MEMBERS: Final = 20
"""Members of each family that a protein is aligned with."""
LONGEST: Final = 450


def read_structures(folder: Path) -> dict[str, LabelledProtein]:
    """The first chain of every `*.pdb` file in a folder, and plmscope's example proteins, by name.

    Raises `InputError` for a folder without structures or a file that can't be read.
    """
    files = sorted(folder.glob("*.pdb"))
    if not files:
        raise InputError(f"{folder} holds no .pdb file")
    proteins = {
        path.stem: LabelledProtein.of(path.stem, read_structure(path.read_bytes(), source=path.name)) for path in files
    }
    for example in examples():
        structure = load_example(example.id).structure
        assert structure is not None
        proteins[example.id] = LabelledProtein.of(example.id, structure)
    return {name: protein for name, protein in proteins.items() if len(protein.tokens) - 2 <= LONGEST}


def families_of(
    proteins: Mapping[str, LabelledProtein], splits: Sequence[FamilySplit], seed: int = 0
) -> dict[str, str]:
    """The trained family that each protein belongs to, for those that belong to one."""
    aligner = PairwiseAligner(mode="local", open_gap_score=-12.0, extend_gap_score=-1.0)
    aligner.substitution_matrix = substitution_matrices.load("BLOSUM62")
    rng = np.random.default_rng(seed)
    found: dict[str, str] = {}
    members = {
        split.family.name: [split.trained[index] for index in rng.choice(len(split.trained), N_MEMBERS)]
        for split in splits
    }
    for name, protein in proteins.items():
        sequence = "".join(TOKENS[token] for token in protein.tokens[1:-1])
        for family, sequences in members.items():
            if np.mean([aligner.score(sequence, member) for member in sequences]) > RELATED:
                found[name] = family
    return found
