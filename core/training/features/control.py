"""The control of every claim about features: the same model with its weights shuffled, which has learnt nothing."""

from dataclasses import replace
from pathlib import Path

import torch

from core.checkpoints import read_checkpoint
from core.model import Model


def shuffled_model(name_or_path: str | Path, seed: int = 0) -> Model:
    """A model whose every tensor holds its own numbers in random order; RoPE's frequencies stay."""
    checkpoint = read_checkpoint(name_or_path)
    generator = torch.Generator().manual_seed(seed)
    tensors = {
        name: tensor
        if name.endswith("inv_freq")
        else tensor.flatten()[torch.randperm(tensor.numel(), generator=generator)].view(tensor.shape)
        for name, tensor in checkpoint.tensors.items()
    }
    control = replace(checkpoint, name=f"{checkpoint.name}, weights shuffled", tensors=tensors)
    return Model.from_checkpoint(control).to(dtype=torch.float32)
