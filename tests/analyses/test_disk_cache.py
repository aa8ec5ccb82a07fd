"""Kept arrays come back equal; whatever they depend on, damage or a full disk lead to the right answer all the same."""

from pathlib import Path

import numpy as np
import pytest

from core.analyses import disk_cache
from core.analyses.disk_cache import remembered

MAP = np.arange(12, dtype=np.float32).reshape(3, 4)


class Computation:
    def __init__(self, array: np.ndarray = MAP) -> None:
        self.array, self.times = array, 0

    def __call__(self) -> np.ndarray:
        self.times += 1
        return self.array


def test_the_same_question_is_answered_once(tmp_path: Path):
    compute = Computation()
    for _ in range(3):
        found = remembered("map", {"model": "ab", "layer": 1}, compute, tmp_path)
        np.testing.assert_array_equal(found, MAP)
        assert found.dtype == np.float32
    assert compute.times == 1


def test_another_key_name_or_source_is_another_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    compute = Computation()
    remembered("map", {"model": "ab"}, compute, tmp_path)
    remembered("map", {"model": "cd"}, compute, tmp_path)
    remembered("map", {"model": "ab", "layer": 1}, compute, tmp_path)
    remembered("other", {"model": "ab"}, compute, tmp_path)
    monkeypatch.setattr(disk_cache, "source_digest", lambda: "newer code")
    remembered("map", {"model": "ab"}, compute, tmp_path)
    assert compute.times == 5


@pytest.mark.parametrize("damage", ["empty", "half", "flipped", "another format"])
def test_a_damaged_file_is_computed_again_and_replaced(tmp_path: Path, damage: str):
    compute = Computation(np.random.default_rng(0).random((40, 40)))
    remembered("map", {}, compute, tmp_path)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    middle = len(whole) // 2
    file.write_bytes(
        {
            "empty": b"",
            "half": whole[:middle],
            "flipped": whole[:middle] + bytes([whole[middle] ^ 0xFF]) + whole[middle + 1 :],
            "another format": b"<html>",
        }[damage]
    )
    np.testing.assert_array_equal(remembered("map", {}, compute, tmp_path), compute.array)
    np.testing.assert_array_equal(remembered("map", {}, compute, tmp_path), compute.array)
    assert compute.times == 2
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_cannot_be_written_costs_only_time(tmp_path: Path):
    blocked = tmp_path / "a file, not a folder"
    blocked.touch()
    np.testing.assert_array_equal(remembered("map", {}, Computation(), blocked), MAP)


def test_what_was_used_longest_ago_is_forgotten_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    noise = np.random.default_rng(0).random(1000)
    monkeypatch.setattr(disk_cache, "LARGEST", 20_000)  # room for two arrays of about 8 kB
    computations = {name: Computation(noise) for name in "abc"}
    for name in ("a", "b", "a", "c"):
        remembered("map", {"name": name}, computations[name], tmp_path)
    for name in ("a", "c"):
        remembered("map", {"name": name}, computations[name], tmp_path)
    assert [computations[name].times for name in "abc"] == [1, 1, 1]
    remembered("map", {"name": "b"}, computations["b"], tmp_path)
    assert computations["b"].times == 2


def test_the_folder_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PLMSCOPE_CACHE", str(tmp_path / "mine"))
    remembered("map", {}, Computation())
    assert len(list((tmp_path / "mine").iterdir())) == 1
