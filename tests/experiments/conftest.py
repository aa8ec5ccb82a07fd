import json
from collections.abc import Iterator
from pathlib import Path

import esm.model.esm2
import pytest
import torch
from safetensors.torch import save_file

from core.experiments.survey import StoredSurvey
from core.experiments.workers import Processes
from core.model import Model, load_model


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random ESM-2 of 2 layers x 2 heads x 8 on disk, for workers to load."""
    torch.manual_seed(0)
    module = esm.model.esm2.ESM2(num_layers=2, embed_dim=8, attention_heads=2)
    folder = tmp_path_factory.mktemp("tiny")
    tied = {"lm_head.weight"}
    save_file({k: v for k, v in module.state_dict().items() if k not in tied}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"n_layers": 2, "n_heads": 2, "d_model": 8, "token_dropout": True}))
    return folder


@pytest.fixture(scope="session")
def tiny(model_folder: Path) -> Model:
    return load_model(model_folder)


@pytest.fixture(scope="session")
def processes() -> Iterator[Processes]:
    """Two worker processes, started once for all tests."""
    with Processes(2) as workers:
        yield workers


@pytest.fixture
def survey(tiny: Model, model_folder: Path, processes: Processes, tmp_path: Path) -> StoredSurvey:
    return StoredSurvey(tiny, str(model_folder), tmp_path, processes)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Computes as workers do: sums split over threads round differently, on some processors in the sixth digit."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
