"""Tensors as numpy arrays."""

import numpy as np
import torch
from torch import Tensor


def as_array(x: Tensor) -> np.ndarray:
    """`x` on the CPU as numpy holds it: half precisions as float32, since numpy has no bfloat16."""
    return (x.float() if x.dtype in (torch.bfloat16, torch.float16) else x).numpy(force=True)
