"""The card of features: its files from a tiny run, its numbers from the same measures, beside its control."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from core.features.descriptions import read_descriptions
from core.features.dictionary import Dictionary
from core.features.files import read_dictionaries, with_dictionaries
from core.features.reconstruction import reconstruct_masked
from core.model import load_model
from core.proteins.examples import load_example
from core.training.families import Collection
from core.training.features import card as card_module
from core.training.features.card import app
from core.training.features.control import shuffled_model
from core.training.features.trainer import Settings, train_dictionaries

TINY = Settings(layers=(2,), n_features=64, k=4, steps=3, tokens_per_batch=256)


def test_the_card_ships_a_dictionary_that_reads_back(
    collection: Collection, data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(card_module, "load_collection", lambda *_: collection)
    data = tmp_path / "data"
    shutil.copytree(data_folder, data)
    structures = data / "psicov_pdb"
    structures.mkdir()
    structure = load_example("ubiquitin").structure
    assert structure is not None
    (structures / "ubiquitin.pdb").write_text(structure.text)
    for name, model in (("run", load_model("embedded")), ("control", shuffled_model("embedded"))):
        train_dictionaries(model, collection, tmp_path / name, TINY, {"model": name, "seed": 0}, say=lambda _: None)
    options = ["--data", data, "--run", tmp_path / "run", "--control", tmp_path / "control"]
    options += ["--out", tmp_path / "out", "--at-large", "4", "--of-each-family", "4"]
    told = CliRunner().invoke(app, [str(option) for option in options], catch_exceptions=False)
    assert told.exit_code == 0, told.output
    folder = tmp_path / "out" / "layer_3"
    text = (folder / "CARD.md").read_text()
    assert "| | this dictionary | control: weights shuffled, 768 tokens |" in text
    assert "cross-entropy recovered" in text
    model = with_dictionaries(load_model("embedded"), tmp_path / "out")
    described = read_descriptions(folder / "names.json", model)
    assert len(described.features) == 64
    assert described.n_proteins == 4 + 31 * 4 + 1
    (shipped,) = read_dictionaries(tmp_path / "out", 6)
    assert shipped.largest is not None
    assert shipped.largest.tolist() == pytest.approx([each.largest for each in described.features], rel=1e-3)


def test_a_perfect_dictionary_recovers_everything(collection: Collection) -> None:
    """Each direction and its opposite say every stream; a few of them say less."""
    model = load_model("embedded")
    eye = torch.eye(model.shape.d_model)
    both = torch.cat((eye, -eye))
    perfect = Dictionary(2, both.T, torch.zeros(len(both)), both, torch.zeros(len(eye)), None, True)
    sequences = collection.held_out[:2]
    judged = reconstruct_masked(model.with_dictionary(perfect), 2, sequences)
    assert judged.variance_unexplained == pytest.approx(0, abs=1e-6)
    assert judged.reconstructed == pytest.approx(judged.clean, abs=1e-4)
    coarse = reconstruct_masked(model.with_dictionary(replace(perfect, k=20)), 2, sequences)
    assert coarse.clean == pytest.approx(judged.clean)
    assert coarse.variance_unexplained > 0.05
