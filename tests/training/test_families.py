"""The split: nothing trained is close to what was held out, and bad data folders are named in one line."""

import shutil
from pathlib import Path

import edlib
import numpy as np
import pytest

from core.errors import InputError
from core.training.families import FAMILIES, MAX_IDENTITY, Collection, load_collection, read_fasta
from core.training.identity import closest_identity, containing_relatives
from tests.training.made_sequences import mutated, random_protein


def identity_by_alignment(one: str, other: str) -> float:
    """Identical pairs of one optimal global alignment (unit costs) over the shorter length."""
    alignment = edlib.align(one, other, task="path")
    shown = edlib.getNiceAlignment(alignment, one, other)
    return shown["matched_aligned"].count("|") / min(len(one), len(other))


def test_no_trained_member_is_close_to_a_held_out_one(collection: Collection) -> None:
    for split in collection.families:
        assert split.held_out
        assert split.trained
        closest = max(identity_by_alignment(a, b) for a in split.trained for b in split.held_out)
        assert closest <= MAX_IDENTITY


def test_the_split_drops_close_members(collection: Collection) -> None:
    assert sum(len(split.trained) + len(split.held_out) for split in collection.families) < 40 * len(FAMILIES)


def test_the_same_seed_gives_the_same_split(data_folder: Path, collection: Collection) -> None:
    assert load_collection(data_folder, seed=0) == collection
    assert load_collection(data_folder, seed=1).families != collection.families


def test_proteins_at_large_that_contain_a_held_out_member_are_dropped(collection: Collection) -> None:
    kunitz = collection.families[0]
    assert not any(member in protein for protein in collection.trained for member in kunitz.held_out)
    assert any(member in protein for protein in collection.trained for member in kunitz.trained)


def test_identity_counts_what_two_sequences_have_in_common() -> None:
    assert closest_identity(["ACDEFGHIKL"], ["ACDEFGHIKL"]) == 1
    assert closest_identity(["ACDEFGHIKL"], ["WWWWW", "ACDEFWWWWW"]) == 0.5
    assert closest_identity(["ACDEF"], ["WWACDEFWW"]) == 1  # a fragment of a held-out member


def test_a_relative_inside_a_long_protein_is_found() -> None:
    rng = np.random.default_rng(1)
    member = random_protein(rng, 100)
    proteins = [
        random_protein(rng, 300),
        random_protein(rng, 150) + mutated(rng, member, 0.1) + random_protein(rng, 90),
        random_protein(rng, 150) + mutated(rng, member, 0.5) + random_protein(rng, 90),
    ]
    assert containing_relatives(proteins, ["ACDEFGHIKLMNPQ", member], 0.8) == {1}


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read the sequences in .*families\.fasta\.gz"):
        load_collection(tmp_path)


def test_a_truncated_file_is_named(data_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(data_folder, tmp_path, dirs_exist_ok=True)
    damaged = tmp_path / "train.fasta.gz"
    damaged.write_bytes(damaged.read_bytes()[:-50])
    with pytest.raises(InputError, match=r"cannot read the sequences in .*train\.fasta\.gz"):
        load_collection(tmp_path)


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "some.fasta").write_text("")
    with pytest.raises(InputError, match="holds no FASTA record"):
        list(read_fasta(tmp_path / "some.fasta"))
