"""Dictionaries as files, in Biohub's format: `config.json` and `layer_{i}.safetensors` in a folder."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from core.errors import InputError
from core.features.dictionary import Dictionary
from core.whole_file import whole_file, write_whole


def save_dictionary(dictionary: Dictionary, folder: Path, notes: dict[str, object]) -> None:
    """Write a standardising TopK dictionary as float16; `notes` go into the configuration beside its sizes."""
    tensors = {"W_enc": dictionary.encoder, "W_dec": dictionary.decoder, "b_dec": dictionary.bias}
    with whole_file(folder / f"layer_{dictionary.layer}.safetensors") as part:
        part.write_bytes(save({name: tensor.detach().half().cpu().contiguous() for name, tensor in tensors.items()}))
    config = {
        "d_model": dictionary.d_model,
        "codebook_dim": dictionary.n_features,
        "k": dictionary.k,
        "available_layers": [dictionary.layer],
        "parent": dictionary.parent,
    }
    write_whole(folder / "config.json", json.dumps(config | notes, indent=1) + "\n")


def read_dictionary(folder: Path) -> Dictionary:
    """The dictionary in a folder; `InputError` when a file is missing, damaged or of other sizes than stated."""
    try:
        config = json.loads((folder / "config.json").read_text())
        (layer,) = config["available_layers"]
        with safe_open(folder / f"layer_{layer}.safetensors", framework="pt") as file:
            tensors = {name: file.get_tensor(name).float() for name in ("W_enc", "W_dec", "b_dec")}
    except (OSError, KeyError, ValueError, SafetensorError) as error:
        raise InputError(f"cannot read a dictionary in {folder}: {str(error).splitlines()[0]}") from error
    d_model, n_features = config["d_model"], config["codebook_dim"]
    sizes = {"W_enc": (d_model, n_features), "W_dec": (n_features, d_model), "b_dec": (d_model,)}
    for name, size in sizes.items():
        if tuple(tensors[name].shape) != size:
            raise InputError(f"{folder}: '{name}' is {tuple(tensors[name].shape)}, its configuration says {size}")
    return Dictionary(
        layer=layer,
        encoder=tensors["W_enc"],
        encoder_bias=torch.zeros(n_features),
        decoder=tensors["W_dec"],
        bias=tensors["b_dec"],
        k=config["k"],
        standardises=True,
        parent=config.get("parent"),
    )
