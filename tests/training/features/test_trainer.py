"""Dictionaries in training: killed runs go on to the same end, planted directions are found, bad input is named."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from typer.testing import CliRunner

from core.errors import InputError
from core.features.dictionary import standardised
from core.features.files import read_biohub
from core.model import Model, load_model
from core.training.families import Collection
from core.training.features import trainer
from core.training.features.__main__ import app
from core.training.features.autoencoder import Autoencoder
from core.training.features.control import shuffled_model
from core.training.features.trainer import Settings, train_dictionaries

TINY = Settings(layers=(0, 2), n_features=40, k=4, steps=6, tokens_per_batch=256, checkpoint_every=2, log_every=1)


@pytest.fixture(scope="module")
def single(lively: Model) -> Model:
    return lively.to(torch.float32)


def losses(folder: Path) -> list[dict[str, str]]:
    with (folder / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def train(model: Model, collection: Collection, out: Path, settings: Settings = TINY) -> None:
    train_dictionaries(model, collection, out, settings, {"model": model.name}, say=lambda _: None)


def test_a_killed_run_goes_on_to_the_same_dictionaries(
    single: Model, collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(single, collection, tmp_path / "straight")
    streams = trainer.residual_streams

    def killed(model: Model, mix: object, tokens: torch.Tensor, step: int, layers: object) -> object:
        if step == 3:
            raise KeyboardInterrupt
        return streams(model, mix, tokens, step, layers)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(trainer, "residual_streams", killed)
    with pytest.raises(KeyboardInterrupt):
        train(single, collection, tmp_path / "killed")
    monkeypatch.setattr(trainer, "residual_streams", streams)
    train(single, collection, tmp_path / "killed")
    assert losses(tmp_path / "killed") == losses(tmp_path / "straight")
    assert [row["step"] for row in losses(tmp_path / "killed")] == list("123456")
    for layer in TINY.layers:
        straight, resumed = (read_biohub(tmp_path / run / f"layer_{layer + 1}")[0] for run in ("straight", "killed"))
        assert torch.equal(straight.decoder, resumed.decoder)
        assert straight.layer == layer
        assert straight.parent == single.trunk_fingerprint
    with pytest.raises(InputError, match=r"cannot go on from .*checkpoint\.pt"):
        train(single, collection, tmp_path / "killed", replace(TINY, n_features=12, steps=9))


def test_planted_directions_are_found() -> None:
    """Streams made of 3 of 24 directions: the decoder comes to hold them, with rows of length 1."""
    torch.manual_seed(0)
    planted = F.normalize(torch.randn(24, 16), dim=-1)

    def draw() -> torch.Tensor:
        chosen = torch.rand(512, 24).argsort(-1)[:, :3]
        return (torch.rand(512, 3, 1) + 0.5).mul(planted[chosen]).sum(1)

    encoder = Autoencoder(0, standardised(draw())[0].mean(0), 48, 3)
    optimiser = torch.optim.Adam(encoder.parameters(), lr=5e-3)
    first = last = 0.0
    for step in range(400):
        loss = encoder(draw(), dead_after=20_000)
        loss.backward()
        encoder.keep_unit_rows()
        assert encoder.decoder.grad is not None
        assert encoder.decoder.grad.grad_fn is None  # else it is never freed
        along = (encoder.decoder.grad * encoder.decoder).sum(-1)
        torch.testing.assert_close(along, torch.zeros_like(along), atol=1e-5, rtol=0)
        optimiser.step()
        optimiser.zero_grad()
        encoder.renormalise()
        first, last = (loss.item(), last) if step == 0 else (first, loss.item())
    assert last < first / 3
    centred = F.normalize(planted - planted.mean(-1, keepdim=True), dim=-1)
    closest = (centred @ encoder.decoder.T).amax(1)
    assert (closest > 0.9).float().mean() > 0.7
    torch.testing.assert_close(encoder.decoder.norm(dim=-1), torch.ones(48))


def test_the_control_holds_the_same_numbers_in_another_order() -> None:
    control = shuffled_model("embedded", seed=1)
    again = shuffled_model("embedded", seed=1)
    assert control.fingerprint == again.fingerprint != shuffled_model("embedded", seed=2).fingerprint
    model = load_model("embedded")
    assert torch.equal(control.embedding.flatten().sort().values, model.embedding.flatten().sort().values)
    assert torch.equal(control.layers[0].inv_freq, model.layers[0].inv_freq)


def test_a_layer_that_the_model_lacks_is_one_line(tmp_path: Path, data_folder: Path) -> None:
    told = CliRunner().invoke(app, ["--data", str(data_folder), "--out", str(tmp_path), "--layer", "7"])
    assert told.exit_code == 1
    assert "error: layer 7 does not exist: embedded has layers 1 to 6" in told.output
