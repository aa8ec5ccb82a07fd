"""Arrays that take minutes to compute, kept on this machine: the same question is answered once.

A file is named by everything that its array depends on, the engine's own source included, and is checked when read.
"""

import contextlib
import hashlib
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np
from platformdirs import user_cache_path

from core.source_digest import source_digest
from core.whole_file import whole_file

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
    parts = (name, sorted(key.items()), source_digest())
    path = folder / f"{name}-{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}.npz"
    # A zip file carries a CRC of its content: half a file, or a flipped bit, does not pass.
    with contextlib.suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zipfile.LargeZipFile):
        with np.load(path, allow_pickle=False) as held:
            array = held["array"]
        path.touch()
        return array
    array = compute()
    with contextlib.suppress(OSError):
        with whole_file(path) as part:
            np.savez_compressed(part, array=array)
        _forget_oldest(folder)
    return array


def cache_folder() -> Path:
    """Where arrays are kept."""
    return Path(os.environ.get("PLMSCOPE_CACHE") or user_cache_path("plmscope"))


def _forget_oldest(folder: Path) -> None:
    files = sorted(((file.stat(), file) for file in folder.glob("*.npz")), key=lambda each: -each[0].st_mtime)
    held = 0
    for stat, file in files:
        held += stat.st_size
        if held > LARGEST:
            file.unlink(missing_ok=True)
