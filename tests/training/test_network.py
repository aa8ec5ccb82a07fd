"""The network that is trained is fair-esm's ESM2, with the same state dict, token dropout included."""

from pathlib import Path

import esm
import pytest
import torch

from core.alphabet import AMINO_ACID_IDS, MASK
from core.errors import InputError
from core.model import load_model
from core.run import run
from core.training.network import Network
from core.training.weights import load_weights, save_model


def test_equals_fair_esm_in_float64(fair_esm: esm.ESM2, monkeypatch: pytest.MonkeyPatch) -> None:
    # fair-esm takes its softmax in float32 whatever the model's precision, which alone costs 5e-8.
    monkeypatch.setattr(esm.multihead_attention, "utils_softmax", lambda x, dim, onnx_trace=False: x.softmax(dim))
    network = Network(n_layers=3, d_model=32, n_heads=4).double()
    state = {name: tensor for name, tensor in fair_esm.state_dict().items() if not name.startswith("contact_head")}
    network.load_state_dict(state)
    tokens = torch.randint(AMINO_ACID_IDS[0], AMINO_ACID_IDS[-1], (4, 23), generator=torch.Generator().manual_seed(0))
    tokens[0, :5] = MASK  # rows with five masks, one and none: token dropout scales each by its own
    tokens[1, 7] = MASK
    ours, theirs = network(tokens), fair_esm(tokens)["logits"]
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)


def test_asking_about_some_positions_gives_their_logits() -> None:
    network = Network(n_layers=2, d_model=32, n_heads=2)
    tokens = torch.randint(4, 24, (3, 11))
    asked = torch.rand(3, 11) < 0.3
    asked[0, 0] = True
    torch.testing.assert_close(network(tokens, asked), network(tokens)[asked])


def test_shipped_weights_load_like_any_esm2(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Network(n_layers=2, d_model=32, n_heads=2)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    save_model(network, tmp_path, {"minutes": 1})
    loaded = load_model(tmp_path)
    tokens = torch.tensor([0, 5, 6, MASK, 8, 2])
    half = Network(n_layers=2, d_model=32, n_heads=2)
    load_weights(half, tmp_path)
    torch.testing.assert_close(run(loaded, tokens).logits[0], half(tokens[None])[0], rtol=0, atol=1e-5)
    torch.testing.assert_close(half(tokens[None]), network(tokens[None]), rtol=0, atol=0.05)  # half precision


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    save_model(Network(n_layers=2, d_model=32, n_heads=2), tmp_path, {})
    with pytest.raises(InputError, match="cannot start from"):
        load_weights(Network(n_layers=2, d_model=64, n_heads=4), tmp_path)
    with pytest.raises(InputError, match="cannot start from"):
        load_weights(Network(n_layers=2, d_model=32, n_heads=2), tmp_path / "nowhere")
