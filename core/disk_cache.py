"""Arrays that take minutes to compute, kept on this machine: the same question is answered once.

A file is named by everything that its array depends on, the engine's own source included, and is checked when read.
"""

import contextlib
import hashlib
import os
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import torch
from platformdirs import user_cache_path

PACKAGE: Final = Path(__file__).parent
LARGEST: Final = 512 * 2**20
"""Bytes that the folder may hold; what was used longest ago goes first."""


def remembered(
    name: str, key: Mapping[str, object], compute: Callable[[], np.ndarray], folder: Path | None = None
) -> np.ndarray:
    """The array that `compute` gives for `key` (plain values), from disk where it was kept before.

    A damaged file is computed again, and a folder that cannot be written costs nothing but the time. `folder` is this
    person's cache folder, or the one in `PLMSCOPE_CACHE`.
    """
    folder = folder or cache_folder()
    parts = (name, sorted(key.items()), torch.__version__, _source_digest())
    path = folder / f"{name}-{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}.npz"
    # A zip file carries a CRC of its content: half a file, or a flipped bit, does not pass.
    with contextlib.suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zipfile.LargeZipFile):
        with np.load(path, allow_pickle=False) as held:
            array = held["array"]
        path.touch()
        return array
    array = compute()
    with contextlib.suppress(OSError):
        _write(path, array)
        _forget_oldest(folder)
    return array


def cache_folder() -> Path:
    """Where arrays are kept."""
    return Path(os.environ.get("PLMSCOPE_CACHE") or user_cache_path("plmscope"))


@cache
def _source_digest() -> str:
    """A hash of the engine and the analyses: what older code computed is not taken for the newer one's."""
    digest = hashlib.sha256()
    for path in [*sorted(PACKAGE.glob("*.py")), *sorted(PACKAGE.glob("analyses/*.py"))]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _write(path: Path, array: np.ndarray) -> None:
    """Whole or not at all, whoever else writes the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as beside:
        part = Path(beside) / path.name
        np.savez_compressed(part, array=array)
        part.replace(path)


def _forget_oldest(folder: Path) -> None:
    files = sorted(((file.stat(), file) for file in folder.glob("*.npz")), key=lambda each: -each[0].st_mtime)
    held = 0
    for stat, file in files:
        held += stat.st_size
        if held > LARGEST:
            file.unlink(missing_ok=True)
