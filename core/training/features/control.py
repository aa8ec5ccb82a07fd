"""The control of every claim about features: the same model with its weights shuffled, which has learnt nothing."""

from pathlib import Path

import torch

from core.checkpoints import read_checkpoint
from core.model import Model, ModelShape


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
    shape = ModelShape(checkpoint.n_layers, checkpoint.n_heads, checkpoint.d_model)
    settings = {
        "architecture": checkpoint.architecture,
        "token_dropout": checkpoint.token_dropout,
        "layer_norm_eps": checkpoint.layer_norm_eps,
        "is_tied": checkpoint.is_tied,
        "d_mlp": checkpoint.d_mlp,
    }
    return Model.from_state_dict(tensors, shape, name=f"{checkpoint.name}, weights shuffled", **settings).to(
        dtype=torch.float32
    )
