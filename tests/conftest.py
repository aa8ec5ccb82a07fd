"""Shapes in `core`'s annotations are checked in every test; tiny random models that many tests share."""

import pytest
from jaxtyping import install_import_hook

install_import_hook("core", "beartype.beartype")

import core  # noqa: E402, F401, I001 - before torch, whose threads it tells how to wait
import esm  # noqa: E402
import torch  # noqa: E402

from core.model import Model  # noqa: E402

torch.set_num_threads(2)


def random_fair_esm(n_layers: int, n_heads: int, d_model: int, seed: int = 0) -> esm.ESM2:
    """fair-esm's own ESM2 in float64, with weights large enough that every part of it matters."""
    generator = torch.Generator().manual_seed(seed)
    module = esm.ESM2(num_layers=n_layers, embed_dim=d_model, attention_heads=n_heads).double().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype) * 0.3)
    return module.requires_grad_(False)


@pytest.fixture(scope="session")
def fair_esm() -> esm.ESM2:
    return random_fair_esm(n_layers=3, n_heads=4, d_model=32)


@pytest.fixture(scope="session")
def model(fair_esm: esm.ESM2) -> Model:
    return Model.from_fair_esm(fair_esm, name="tiny")
