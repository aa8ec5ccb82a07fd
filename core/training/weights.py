"""Weights on disk: half-precision safetensors under fair-esm's names, and a config beside them."""

import csv
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from core.errors import InputError
from core.model import ContactHead
from core.proteins.listed import ListedStructure
from core.training.network import Network


def save_model(network: Network, folder: Path, training: Mapping[str, Any]) -> None:
    """Write `model.safetensors` (float16, RoPE's frequencies in float32) and `config.json`, each at one stroke."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: tensor.detach().cpu().contiguous() if name.endswith("inv_freq") else tensor.detach().half().cpu()
        for name, tensor in network.state_dict().items()
        if name != "lm_head.weight"  # the embedding again
    }
    config = {
        "n_layers": len(network.layers),
        "d_model": network.embed_tokens.embedding_dim,
        "n_heads": network.n_heads,
        "alphabet": "ESM-1b",
        "token_dropout": True,
        "contact_head": False,
        "training": dict(training),
    }
    _write(folder, tensors, config)


def add_contact_head(
    source: Path, out: Path, head: ContactHead, notes: Mapping[str, Any], families: Sequence[str]
) -> None:
    """Write the model in `source` to `out` with a contact regression under fair-esm's names, and what it knows of."""
    tensors = load_file(source / "model.safetensors")
    tensors["contact_head.regression.weight"] = head.weight[None].contiguous()
    tensors["contact_head.regression.bias"] = head.bias[None].contiguous()
    config = json.loads((source / "config.json").read_text())
    config |= {"contact_head": True, "contact_head_fit": dict(notes), "trained_families": list(families)}
    out.mkdir(parents=True, exist_ok=True)
    _write(out, tensors, config)


def write_relatives(folder: Path, relatives: Iterable[ListedStructure]) -> None:
    """Write `relatives.csv`: the structures that belong to a trained family, for whoever judges the model by them."""
    with (folder / "relatives.csv").open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["structure", "family", "sequence_digest"])
        rows.writerows(sorted((each.name, each.family, each.digest) for each in relatives))


def _write(folder: Path, tensors: dict[str, Tensor], config: Mapping[str, Any]) -> None:
    # Written beside and moved, so that a kill leaves the files before it.
    (folder / "model.new").write_bytes(save(tensors))
    os.replace(folder / "model.new", folder / "model.safetensors")
    (folder / "config.new").write_text(json.dumps(config, indent=1) + "\n")
    os.replace(folder / "config.new", folder / "config.json")


def load_weights(network: Network, path: Path) -> None:
    """Load a folder's or a file's weights in place; `InputError` when they don't fit or can't be read."""
    file = path / "model.safetensors" if path.is_dir() else path
    try:
        tensors = load_file(file)
        tensors["lm_head.weight"] = tensors["embed_tokens.weight"]
        network.load_state_dict({name: t for name, t in tensors.items() if not name.startswith("contact_head")})
    except (OSError, SafetensorError, RuntimeError, KeyError) as error:
        raise InputError(f"cannot start from {file}: {str(error).splitlines()[0]}") from error


def trained_before(path: Path) -> tuple[float, Counter[str]]:
    """Minutes and tokens of each source that weights were trained for, by the config beside them if there is one."""
    config = path / "config.json"
    training = json.loads(config.read_text()).get("training", {}) if config.is_file() else {}
    return training.get("minutes", 0.0), Counter(training.get("tokens", {}))


def average(folders: Mapping[Path, float], out: Path) -> None:
    """Write the weighted mean of folders' weights to `out`; minutes and tokens of training add up.

    Weights that were trained on from a common beginning can be averaged: the mean keeps much of what either learned
    (Wortsman et al. 2022). Raises `InputError` when the folders can't be read or hold networks of different shapes.
    """
    total = sum(folders.values())
    mean: dict[str, Tensor] = {}
    config: dict[str, Any] = {}
    minutes, tokens = 0.0, Counter[str]()
    for folder, share in folders.items():
        try:
            tensors, config = load_file(folder / "model.safetensors"), json.loads((folder / "config.json").read_text())
            for name, tensor in tensors.items():
                mean[name] = mean.get(name, torch.zeros_like(tensor, dtype=torch.float64)) + share / total * tensor
        except (OSError, SafetensorError, RuntimeError) as error:
            raise InputError(f"cannot average {folder}: {str(error).splitlines()[0]}") from error
        minutes, tokens = minutes + config["training"]["minutes"], tokens + Counter(config["training"]["tokens"])
    precise = {name: tensor.float() if name.endswith("inv_freq") else tensor.half() for name, tensor in mean.items()}
    out.mkdir(parents=True, exist_ok=True)
    _write(out, precise, {**config, "training": {"minutes": round(minutes, 2), "tokens": dict(tokens)}})
