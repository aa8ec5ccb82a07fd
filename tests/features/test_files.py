"""Dictionaries in the formats of Biohub, InterPLM and InterProt: read as their own code computes, or refused."""

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from core.errors import InputError
from core.features.dictionary import Dictionary
from core.features.files import (
    read_biohub,
    read_dictionaries,
    read_interplm,
    read_interprot,
    save_dictionary,
    with_dictionaries,
    with_kept_dictionaries,
)
from core.model import Model

D_MODEL, N_FEATURES, K = 6, 24, 4


def draw(*size: int, seed: int = 3) -> torch.Tensor:
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed + sum(size)))


@pytest.fixture
def resid() -> torch.Tensor:
    return 5 * draw(7, D_MODEL) + 2


def test_a_saved_dictionary_reads_back(tmp_path: Path) -> None:
    encoder, decoder, bias = draw(D_MODEL, N_FEATURES), draw(N_FEATURES, D_MODEL), draw(D_MODEL)
    idf, largest = draw(N_FEATURES).abs(), draw(N_FEATURES, seed=4).abs()
    made = Dictionary(2, encoder, torch.zeros(N_FEATURES), decoder, bias, K, True, "abc", idf, largest)
    save_dictionary(made, tmp_path, {"model": "made"})
    (read,) = read_biohub(tmp_path)
    assert (read.layer, read.k, read.parent) == (2, K, "abc")
    for name in ("encoder", "encoder_bias", "decoder", "bias", "idf", "largest"):
        torch.testing.assert_close(getattr(read, name), getattr(made, name), atol=2e-3, rtol=2e-3)
    config = json.loads((tmp_path / "config.json").read_text())
    assert (config["model"], config["available_layers"]) == ("made", [3])
    assert (tmp_path / "layer_3.safetensors").is_file()


def biohub(folder: Path, layers: tuple[int, ...] = (1, 3), **settings: object) -> dict[str, torch.Tensor]:
    """A folder as Biohub publishes them, without the file of its last layer."""
    folder.mkdir(exist_ok=True)
    config = {"d_model": D_MODEL, "codebook_dim": N_FEATURES, "k": K, "available_layers": [*layers, 9]}
    (folder / "config.json").write_text(json.dumps(config | settings))
    tensors = {
        "W_enc": draw(D_MODEL, N_FEATURES),
        "W_dec": draw(N_FEATURES, D_MODEL),
        "b_dec": draw(D_MODEL),
        "idf": draw(N_FEATURES).abs(),
        "max": draw(N_FEATURES).abs(),
    }
    for layer in layers:
        save_file({name: tensor + layer for name, tensor in tensors.items()}, folder / f"layer_{layer}.safetensors")
    return tensors


def test_biohubs_layers_are_read_from_one_folder(tmp_path: Path, resid: torch.Tensor) -> None:
    tensors = biohub(tmp_path)
    first, third = read_dictionaries(tmp_path, 12)
    assert (first.layer, third.layer) == (0, 2)
    w_enc, w_dec, b_dec = (tensors[name] + 3 for name in ("W_enc", "W_dec", "b_dec"))
    x = (resid - resid.mean(-1, keepdim=True)) / (resid.std(-1, keepdim=True) + 1e-5)
    values, indices = torch.topk(F.relu((x - b_dec) @ w_enc), K)
    features = torch.zeros(len(resid), N_FEATURES).scatter_(-1, indices, values)
    code = third.encode(resid)
    torch.testing.assert_close(code.features, features, atol=1e-6, rtol=0)
    said = third.decode(code)
    expected = (features @ w_dec + b_dec) * (resid.std(-1, keepdim=True) + 1e-5) + resid.mean(-1, keepdim=True)
    torch.testing.assert_close(said, expected, atol=1e-6, rtol=1e-6)
    assert third.idf is not None
    torch.testing.assert_close(third.idf, tensors["idf"] + 3)


def interplm(path: Path, **more: torch.Tensor) -> dict[str, torch.Tensor]:
    path.parent.mkdir(parents=True)
    state = {
        "bias": draw(D_MODEL),
        "encoder.weight": draw(N_FEATURES, D_MODEL),
        "encoder.bias": draw(N_FEATURES),
        "decoder.weight": draw(D_MODEL, N_FEATURES),
    }
    torch.save(state | more, path)
    return state


def test_interplms_files_compute_what_its_code_does(tmp_path: Path, resid: torch.Tensor) -> None:
    path = tmp_path / "layer_4" / "ae_normalized.pt"
    state = interplm(path, activation_rescale_factor=draw(N_FEATURES).abs(), normalize_to_sqrt_d=torch.tensor(False))
    encoder, decoder = torch.nn.Linear(D_MODEL, N_FEATURES), torch.nn.Linear(N_FEATURES, D_MODEL, bias=False)
    encoder.load_state_dict({"weight": state["encoder.weight"], "bias": state["encoder.bias"]})
    decoder.load_state_dict({"weight": state["decoder.weight"]})
    (read,) = read_dictionaries(tmp_path, 6)
    assert (read.layer, read.k) == (3, None)
    code = read.encode(resid)
    features = F.relu(encoder(resid - state["bias"]))
    torch.testing.assert_close(code.features, features, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(read.decode(code), decoder(features) + state["bias"], atol=1e-5, rtol=1e-6)


def interprot(path: Path) -> dict[str, torch.Tensor]:
    tensors = {
        "w_enc": draw(D_MODEL, N_FEATURES),
        "w_dec": draw(N_FEATURES, D_MODEL),
        "b_enc": draw(N_FEATURES),
        "b_pre": draw(D_MODEL),
    }
    save_file(tensors, path)
    return tensors


def test_interprots_files_compute_what_its_code_does(tmp_path: Path, resid: torch.Tensor) -> None:
    path = tmp_path / "esm2_plm6_l2_sae24.safetensors"
    tensors = interprot(path)
    with pytest.raises(InputError, match="does not say how many features may be active"):
        read_dictionaries(tmp_path, 3)
    (tmp_path / "config.json").write_text(json.dumps({"k": K}))
    (read,) = read_dictionaries(tmp_path, 3)
    assert read.layer == 1
    mean = resid.mean(-1, keepdim=True)
    std = (resid - mean).std(-1, keepdim=True)
    before = ((resid - mean) / (std + 1e-5) - tensors["b_pre"]) @ tensors["w_enc"] + tensors["b_enc"]
    values, indices = torch.topk(before, K)
    features = torch.zeros_like(before).scatter_(-1, indices, F.relu(values))
    code = read.encode(resid)
    torch.testing.assert_close(code.features, features, atol=1e-6, rtol=0)
    # their decoder scales back by std without the 1e-5 that they divided by
    said = (features @ tensors["w_dec"] + tensors["b_pre"]) * std + mean
    torch.testing.assert_close(read.decode(code), said, atol=1e-4, rtol=1e-4)


def test_what_is_damaged_or_does_not_fit_is_refused_by_name(tmp_path: Path, model: Model) -> None:
    with pytest.raises(InputError, match="holds no dictionary: neither"):
        read_dictionaries(tmp_path, 3)
    biohub(tmp_path, use_residual_update_instead_of_states=True)
    with pytest.raises(InputError, match="use_residual_update_instead_of_states"):
        read_biohub(tmp_path)
    biohub(tmp_path, layers=(0,))
    with pytest.raises(InputError, match="layer 0, the embedding"):
        read_biohub(tmp_path)
    biohub(tmp_path, codebook_dim=99)
    with pytest.raises(InputError, match=r"'W_enc' is \(6, 24\), where \(6, 99\) is due"):
        read_biohub(tmp_path)
    biohub(tmp_path)
    with pytest.raises(InputError, match="the dictionary is 6 wide, tiny is 32"):
        with_dictionaries(model, tmp_path)
    (tmp_path / "layer_1.safetensors").write_bytes(b"short")
    with pytest.raises(InputError, match=r"cannot read the dictionary .*layer_1\.safetensors"):
        read_biohub(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(InputError, match=r"cannot read .*config\.json"):
        read_biohub(tmp_path)


def test_interplms_other_kinds_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "layer_6" / "ae_unnormalized.pt"
    interplm(path, normalize_to_sqrt_d=torch.tensor(True))
    with pytest.raises(InputError, match="after the final LayerNorm"):
        read_interplm(path, 6)
    with pytest.raises(InputError, match="normalize_to_sqrt_d"):
        read_interplm(path, 12)
    torch.save({"encoder.weight": draw(N_FEATURES, D_MODEL)}, path)
    with pytest.raises(InputError, match="it has no tensor 'bias'"):
        read_interplm(path, 12)
    torch.save({"encoder": torch.nn.Linear(2, 2)}, path)
    with pytest.raises(InputError, match="it holds code or objects"):
        read_interplm(path, 12)
    with pytest.raises(InputError, match="does not say its layer"):
        read_interprot(tmp_path / "sae.safetensors")


def test_a_model_takes_what_lies_beside_its_weights(
    tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLMSCOPE_MODELS", str(tmp_path))
    assert with_kept_dictionaries(model) is model
    (tmp_path / "tiny.pt").touch()
    assert with_kept_dictionaries(model) is model
    made = Dictionary(1, draw(32, 8), torch.zeros(8), draw(8, 32), draw(32), 2, True, model.trunk_fingerprint)
    save_dictionary(made, tmp_path / "tiny-features" / "layer_2", {})
    assert [held.layer for held in with_kept_dictionaries(model).dictionaries] == [1]
