"""A random model in which every part moves the prediction: masks, positions and components all matter. Its fixtures."""

import esm
import pytest
import torch

from core.alphabet import AMINO_ACIDS, tokenize
from core.metrics import Target
from core.model import Model
from core.run import run

SEQUENCE = "MKTAYIAKQRQISFVK"


@pytest.fixture(scope="session")
def lively() -> Model:
    """3 layers x 4 heads x 32 in float64, its LayerNorms near 1, its matrices and embeddings large."""
    generator = torch.Generator().manual_seed(5)
    module = esm.ESM2(num_layers=3, embed_dim=32, attention_heads=4).double().eval()
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
            is_gain = "layer_norm" in name and name.endswith("weight")
            parameter.copy_(1 + 0.1 * noise if is_gain else 0.4 * noise)
    return Model.from_fair_esm(module, name="lively")


@pytest.fixture(scope="session")
def clean() -> torch.Tensor:
    """The protein with its first residue masked."""
    return tokenize(SEQUENCE, masked=[0])


@pytest.fixture(scope="session")
def internal() -> torch.Tensor:
    """The same protein with residue 11 masked instead."""
    return tokenize(SEQUENCE, masked=[10])


def ranks_first(model: Model, tokens: torch.Tensor) -> str:
    """The amino acid that ranks first at the first residue."""
    return AMINO_ACIDS[int(run(model, tokens).logits[0, 1, 4:24].argmax())]


@pytest.fixture(scope="session")
def first(lively: Model, clean: torch.Tensor) -> Target:
    """The amino acid that ranks first at the masked first residue."""
    return Target(ranks_first(lively, clean))
