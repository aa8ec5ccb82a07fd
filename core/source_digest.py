"""What numbers depend on besides their inputs: this package's source and PyTorch's version."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Final

import torch

PACKAGE: Final = Path(__file__).parent
NO_NUMBERS: Final = ("figures", "training")
"""Rooms that only draw, or whose numbers nothing keeps."""


@cache
def source_digest(package: Path = PACKAGE) -> str:
    """A hash of PyTorch's version and of every file below `package` that computes: what older code computed is not
    taken for the newer one's."""
    digest = hashlib.sha256(torch.__version__.encode())
    for path in sorted(package.rglob("*.py")):
        if path.relative_to(package).parts[0] not in NO_NUMBERS:
            digest.update(str(path.relative_to(package)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
