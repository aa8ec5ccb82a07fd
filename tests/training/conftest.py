"""A training folder of made-up proteins, small enough to train on in a second."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from core.training.families import FAMILIES, Collection, load_collection
from tests.training.made_sequences import mutated, random_protein

BPTI = "RPDFCLEPPYTGPCKARIIRYFYNAKAGLCQTFVYGGCRAKRNNFKSAEDCMRTCGGA"


def write_fasta(path: Path, records: list[tuple[str, str]]) -> None:
    with gzip.open(path, "wt") as file:
        file.writelines(f">{name}\n{sequence}\n" for name, sequence in records)


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Families whose members are 20 to 60% away from one ancestor; one trained protein contains a held-out member."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    families = []
    for family in FAMILIES:
        ancestor = BPTI if family.name == "Kunitz" else random_protein(rng, int(rng.integers(40, 60)))
        families += [(f"{family.prefix}_{index}", mutated(rng, ancestor, rng.uniform(0.1, 0.5))) for index in range(40)]
    write_fasta(folder / "families.fasta.gz", families)
    proteins = [(f"protein {index}", "M" + random_protein(rng, int(rng.integers(30, 90)))) for index in range(60)]
    write_fasta(folder / "valid.fasta.gz", proteins[:10])
    containing = [(f"M{name}", "M" + random_protein(rng, 20) + member) for name, member in families[:40]]
    write_fasta(folder / "train.fasta.gz", proteins[10:] + containing)
    return folder


@pytest.fixture(scope="session")
def collection(data_folder: Path) -> Collection:
    return load_collection(data_folder)
