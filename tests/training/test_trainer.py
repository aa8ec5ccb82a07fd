"""Runs: killed ones go on to the same curve, equal seeds agree, the rate follows its schedule, bad input is named."""

import csv
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from core.errors import InputError
from core.training import trainer
from core.training.__main__ import app
from core.training.families import Collection
from core.training.network import Network
from core.training.optimiser import make_optimisers, rate
from core.training.run_state import RunState
from core.training.trainer import Settings, train

TINY = Settings(
    n_layers=2,
    n_heads=2,
    steps=8,
    tokens_per_micro_batch=128,
    log_every=1,
    checkpoint_every=3,
    evaluate_every=4,
    n_held_out=4,
    n_members=2,
)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return [{name: value for name, value in row.items() if name != "minutes"} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def finished(collection: Collection, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of eight steps that nothing interrupted."""
    out = tmp_path_factory.mktemp("finished")
    train(collection, out, TINY, say=lambda _: None)
    return out


def test_two_runs_with_one_seed_agree(collection: Collection, finished: Path, tmp_path: Path) -> None:
    train(collection, tmp_path, TINY, say=lambda _: None)
    assert rows(tmp_path / "log.csv") == rows(finished / "log.csv")
    train(collection, tmp_path / "other", replace(TINY, seed=1), say=lambda _: None)
    assert rows(tmp_path / "other" / "log.csv") != rows(finished / "log.csv")


def test_a_killed_run_goes_on_to_the_same_curve(
    collection: Collection, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed_at_fifth_step(step: int, progress: float) -> float:
        if step == 5:
            raise Killed
        return rate(step, progress)

    monkeypatch.setattr(trainer, "rate", killed_at_fifth_step)
    with pytest.raises(Killed):
        train(collection, tmp_path, TINY, say=lambda _: None)
    monkeypatch.undo()
    said: list[str] = []
    train(collection, tmp_path, TINY, say=said.append)
    assert said[0].startswith("going on from step 3")
    assert rows(tmp_path / "log.csv") == rows(finished / "log.csv")
    assert rows(tmp_path / "held_out.csv") == rows(finished / "held_out.csv")
    ours, theirs = load_file(tmp_path / "model.safetensors"), load_file(finished / "model.safetensors")
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_kill_while_saving_leaves_the_checkpoint_before(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (finished / "checkpoint.pt").read_bytes()

    def half_a_file(_: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", half_a_file)
    network = Network(2, 32, 2)
    with pytest.raises(KeyboardInterrupt):
        RunState(network, make_optimisers(network)).save(finished / "checkpoint.pt")
    assert (finished / "checkpoint.pt").read_bytes() == before


def test_the_weights_before_the_decay_are_kept(finished: Path) -> None:
    training = json.loads((finished / "before_decay" / "config.json").read_text())["training"]
    assert training["step"] == 4
    before, after = (load_file(folder / "model.safetensors") for folder in (finished / "before_decay", finished))
    assert not all(torch.equal(before[name], after[name]) for name in after)


@pytest.mark.skipif(shutil.which("g++") is None, reason="compiling for a CPU needs g++")
def test_compiled_layers_compute_what_plain_ones_do(data_folder: Path, tmp_path: Path) -> None:
    losses = []
    for how in (
        "--compiled",
        "--plain",
    ):  # in processes of their own: shapes are checked in this one, even while compiling
        command = [sys.executable, "-m", "core.training", "--layers", "2", "--heads", "2", "--steps", "1", how]
        arguments = ["--data", str(data_folder), "--out", str(tmp_path / how), "--tokens", "512"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        subprocess.run(command + arguments, check=True, capture_output=True, env=environment, timeout=300)
        losses.append(float(rows(tmp_path / how / "log.csv")[0]["loss at large"]))  # without dropout
    assert losses[0] == pytest.approx(losses[1], abs=0.01)  # bfloat16


def test_training_lowers_the_loss(collection: Collection, tmp_path: Path) -> None:
    train(collection, tmp_path, replace(TINY, steps=60, evaluate_every=60, checkpoint_every=60), say=lambda _: None)
    losses = [float(row["loss"]) for row in rows(tmp_path / "log.csv")]
    assert sum(losses[-10:]) / 10 < losses[0] - 0.2


def test_held_out_perplexity_is_logged_for_each_family(collection: Collection, finished: Path) -> None:
    curve = rows(finished / "held_out.csv")
    assert [int(row["step"]) for row in curve] == [4, 8]
    assert set(curve[0]) == {"step", "tokens", "at large", *(split.family.name for split in collection.families)}


def test_a_corrupt_checkpoint_is_named(collection: Collection, finished: Path, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes((finished / "checkpoint.pt").read_bytes()[:2000])
    with pytest.raises(InputError, match=r"cannot go on from .*checkpoint\.pt"):
        train(collection, tmp_path, TINY, say=lambda _: None)


def test_a_checkpoint_of_another_shape_is_named(collection: Collection, finished: Path) -> None:
    with pytest.raises(InputError, match=r"cannot go on from .*checkpoint\.pt"):
        train(collection, finished, replace(TINY, n_heads=4), say=lambda _: None)


def test_started_from_weights(collection: Collection, finished: Path, tmp_path: Path) -> None:
    train(collection, tmp_path, replace(TINY, steps=1), start=finished, say=lambda _: None)
    assert rows(tmp_path / "log.csv")[0]["loss"] != rows(finished / "log.csv")[0]["loss"]


def test_a_run_goes_on_counting_where_its_weights_stopped(
    collection: Collection, finished: Path, tmp_path: Path
) -> None:
    train(collection, tmp_path, replace(TINY, steps=4), start=finished, say=lambda _: None)
    before, after = (json.loads((folder / "config.json").read_text())["training"] for folder in (finished, tmp_path))
    assert after["minutes"] >= before["minutes"]
    n_tokens = int(rows(tmp_path / "held_out.csv")[-1]["tokens"])
    assert sum(after["tokens"].values()) == n_tokens > 1.3 * sum(before["tokens"].values())
    train(collection, tmp_path, replace(TINY, steps=8), start=finished, say=lambda _: None)
    resumed = json.loads((tmp_path / "config.json").read_text())["training"]["tokens"]
    assert sum(resumed.values()) == pytest.approx(2 * sum(before["tokens"].values()), rel=0.05)


def test_the_rate_warms_up_holds_and_decays() -> None:
    assert rate(0, 0.0) == pytest.approx(1 / 150)
    assert rate(149, 0.1) == rate(5000, 0.5) == 1
    assert rate(5000, 0.75) == pytest.approx(0.5)
    assert rate(5000, 1.0) == 0


def test_progress_follows_whichever_limit_comes_first() -> None:
    assert Settings(minutes=2.0, steps=1000).progress(step=100, seconds=60.0) == 0.5
    assert Settings(steps=1000).progress(step=100, seconds=1e6) == 0.1


def test_the_command_names_a_folder_that_it_cannot_read(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["--data", str(tmp_path), "--out", str(tmp_path / "out"), "--steps", "1"])
    assert result.exit_code == 1
    assert result.output.startswith("error: cannot read the sequences in")
    assert result.output.count("\n") == 1


def test_the_command_asks_how_long(data_folder: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["--data", str(data_folder), "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert "--minutes" in result.output


def test_two_workers_train_one_network(data_folder: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "core.training", "--layers", "1", "--heads", "2", "--steps", "2", "--tokens", "256"]
    arguments = ["--data", str(data_folder), "--out", str(tmp_path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command + arguments, check=False, capture_output=True, text=True, env=environment, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert [row["step"] for row in rows(tmp_path / "log.csv")] == ["2"]
