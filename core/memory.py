"""How much memory a model's weights take, and whether it is there."""

from pathlib import Path
from typing import Final

import psutil
import torch

from core.errors import InputError

BESIDE_WEIGHTS: Final = 400_000_000
"""Bytes that are left for what is computed: a layer's attention of all heads at a thousand residues, and the rest."""
_CONTAINER: Final = Path("/sys/fs/cgroup")


def require_memory(weights: int, name: str, device: torch.device) -> None:
    """Raises `InputError` when `weights` bytes, and some to compute with, are not free where the model is to be."""
    free, needed = free_memory(device), weights + BESIDE_WEIGHTS
    if needed > free:
        raise InputError(
            f"{name} needs {in_words(needed)} of memory in this precision, and {in_words(free)} are free on "
            f"{device.type}: choose bfloat16 weights or a smaller model"
        )


def free_memory(device: torch.device) -> int:
    """Bytes that may still be taken on a device; on the CPU within the limit of a container too."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    free = psutil.virtual_memory().available
    try:
        limit, used = (int((_CONTAINER / f"memory.{part}").read_text()) for part in ("max", "current"))
        cached = dict(line.split() for line in (_CONTAINER / "memory.stat").read_text().splitlines())["inactive_file"]
    except (OSError, ValueError, KeyError):  # no container, or one without a limit
        return free
    return min(free, limit - used + int(cached))


def in_words(n_bytes: int) -> str:
    """1.3 GB, 133 MB."""
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.0f} MB"
