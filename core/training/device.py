"""The device that trains, and how it is set up so that equal seeds give equal losses on it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.utils.deterministic
from torch._inductor import config as inductor_config


def training_device() -> torch.device:
    """The GPU when there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def prepared(device: torch.device) -> Iterator[None]:
    """On a GPU: operations that give the same bits each time, and float32 products in its matrix units' own mode."""
    if device.type != "cuda":
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)  # not `warn_only`, under which attention stays as it is
    # It finds mistakes, and costs time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue]
    inductor_config.deterministic = True  # compiled kernels are chosen without timing them
    torch.set_float32_matmul_precision("high")
    torch.backends.cuda.enable_cudnn_sdp(False)  # 3.5 ms of the host's time a call, with lengths that change, not 0.1
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)
        inductor_config.deterministic = False
        torch.set_float32_matmul_precision("highest")
        torch.backends.cuda.enable_cudnn_sdp(True)
