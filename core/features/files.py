"""Dictionaries as files: Biohub's folders (and ours, which are written so), InterPLM's and InterProt's.

All three count layers by how many came before: layer N is the stream after N layers, `resid_post` of layer N - 1 here.
"""

import json
import pickle
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from core.errors import InputError
from core.features.dictionary import Dictionary
from core.model import Model
from core.model_files import features_folder
from core.whole_file import whole_file, write_whole

INTERPLM_FILES: Final = ("ae_normalized.pt", "ae_unnormalized.pt")
"""The first scales features so that each is at most 1 on Swiss-Prot: the same dictionary otherwise."""


def save_dictionary(dictionary: Dictionary, folder: Path, notes: Mapping[str, object]) -> None:
    """Write a standardising TopK dictionary as float16; `notes` go into the configuration beside its sizes."""
    tensors = {"W_enc": dictionary.encoder, "W_dec": dictionary.decoder, "b_dec": dictionary.bias}
    tensors |= {"idf": dictionary.idf, "max": dictionary.largest} if dictionary.idf is not None else {}
    half = {name: tensor.detach().half().cpu().contiguous() for name, tensor in tensors.items() if tensor is not None}
    number = dictionary.layer + 1
    with whole_file(folder / f"layer_{number}.safetensors") as part:
        part.write_bytes(save(half))
    config = {
        "d_model": dictionary.d_model,
        "codebook_dim": dictionary.n_features,
        "k": dictionary.k,
        "available_layers": [number],
        "parent": dictionary.parent,
    }
    write_whole(folder / "config.json", json.dumps(config | dict(notes), indent=1) + "\n")


def with_kept_dictionaries(model: Model) -> Model:
    """The model with the dictionaries that lie beside its weights (`core.model_files.features_folder`), if any.

    Raises `InputError` for a folder that holds none, and for a dictionary that is damaged or doesn't fit the model.
    """
    folder = features_folder(model.name)
    if folder is None or not folder.is_dir():
        return model
    return with_dictionaries(model, folder)


def with_dictionaries(model: Model, folder: Path) -> Model:
    """The model with every dictionary in a folder; `InputError` for one that is damaged or doesn't fit the model."""
    for dictionary in read_dictionaries(folder, model.shape.n_layers):
        try:
            model = model.with_dictionary(dictionary)
        except InputError as error:
            raise InputError(f"{folder}: {error}") from error
    return model


def read_dictionaries(folder: Path, n_layers: int) -> list[Dictionary]:
    """The dictionaries in a folder or in the folders inside it, in the order of their layers.

    `n_layers` of the model tells which of InterPLM's is of no use: what it calls the last layer's output has gone
    through the final LayerNorm. Raises `InputError` when there is none, or one is damaged or of a kind unknown here.
    """
    found: list[Dictionary] = []
    for place in [folder, *sorted(path for path in folder.glob("*") if path.is_dir())]:
        weights = [place / name for name in INTERPLM_FILES if (place / name).is_file()]
        if (place / "config.json").is_file() and "codebook_dim" in _configuration(place):
            found += read_biohub(place)
        elif weights:
            found.append(read_interplm(weights[0], n_layers))
        else:
            found += [read_interprot(path) for path in sorted(place.glob("*_l*_sae*.safetensors"))]
    if not found:
        raise InputError(
            f"{folder} holds no dictionary: neither config.json with layer_N.safetensors (Biohub), nor "
            f"layer_N/{INTERPLM_FILES[0]} (InterPLM), nor NAME_lN_saeF.safetensors (InterProt)"
        )
    return sorted(found, key=lambda each: each.layer)


def read_biohub(folder: Path) -> list[Dictionary]:
    """Those of a folder's layers whose files are there; its configuration's own key `parent` names the weights."""
    config = _configuration(folder)
    try:
        d_model, n_features, k = (int(config[key]) for key in ("d_model", "codebook_dim", "k"))  # pyright: ignore[reportArgumentType]
        numbers: list[int] = config["available_layers"]  # pyright: ignore[reportAssignmentType]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{folder / 'config.json'} does not state {error}") from error
    if config.get("use_residual_update_instead_of_states"):
        raise InputError(f"{folder} reads what a layer adds (use_residual_update_instead_of_states), not the stream")
    files = {number: folder / f"layer_{number}.safetensors" for number in numbers}
    there = {number: path for number, path in files.items() if path.is_file()}
    if not there:
        raise InputError(f"{folder} holds none of its layers' files: layer_{numbers[0]}.safetensors and so on")
    sizes = {"W_enc": (d_model, n_features), "W_dec": (n_features, d_model), "b_dec": (d_model,)}
    found = []
    for number, path in there.items():
        tensors = _checked(path, _read(path, load_file), sizes)
        ranking = {name: tensors[name].float() for name in ("idf", "max") if name in tensors}
        found.append(
            Dictionary(
                layer=_layer(number, path),
                encoder=tensors["W_enc"].float(),
                encoder_bias=torch.zeros(n_features),
                decoder=tensors["W_dec"].float(),
                bias=tensors["b_dec"].float(),
                k=k,
                standardises=True,
                parent=config.get("parent"),  # pyright: ignore[reportArgumentType]
                idf=ranking.get("idf"),
                largest=ranking.get("max"),
            )
        )
    return found


def read_interplm(path: Path, n_layers: int) -> Dictionary:
    """A file `layer_N/ae_normalized.pt`: ReLU alone, of the stream as it is."""
    number = _number(r"layer_(\d+)", path.parent.name, path)
    if number == n_layers:
        raise InputError(f"{path} reads the last layer after the final LayerNorm, where nothing can be changed")
    tensors = _read(path, lambda file: torch.load(file, map_location="cpu", weights_only=True))
    if bool(tensors.get("normalize_to_sqrt_d")):
        raise InputError(f"{path} scales the stream first (normalize_to_sqrt_d), which is not read here")
    n_features, d_model = tensors["encoder.weight"].shape if "encoder.weight" in tensors else (0, 0)
    sizes = {
        "bias": (d_model,),
        "encoder.weight": (n_features, d_model),
        "encoder.bias": (n_features,),
        "decoder.weight": (d_model, n_features),
    }
    tensors = _checked(path, tensors, sizes)
    return Dictionary(
        layer=_layer(number, path),
        encoder=tensors["encoder.weight"].float().T.contiguous(),
        encoder_bias=tensors["encoder.bias"].float(),
        decoder=tensors["decoder.weight"].float().T.contiguous(),
        bias=tensors["bias"].float(),
        k=None,
        standardises=False,
        largest=tensors.get("activation_rescale_factor"),
    )


def read_interprot(path: Path) -> Dictionary:
    """A file `NAME_lN_saeF.safetensors`, with `{"k": …}` in a config.json beside it, since the file doesn't say.

    It was trained on ESM-2 run without token dropout's scale: `FixTokenDropout(1.0)` reads as it did.
    """
    number = _number(r"_l(\d+)_sae", path.name, path)
    k = _configuration(path.parent).get("k") if (path.parent / "config.json").is_file() else None
    if not isinstance(k, int):
        raise InputError(f'{path} does not say how many features may be active: write {{"k": 64}} into config.json')
    tensors = _read(path, load_file)
    d_model, n_features = tensors["w_enc"].shape if "w_enc" in tensors else (0, 0)
    sizes = {
        "w_enc": (d_model, n_features),
        "b_enc": (n_features,),
        "w_dec": (n_features, d_model),
        "b_pre": (d_model,),
    }
    tensors = _checked(path, tensors, sizes)
    encoder, encoder_bias, decoder, bias = (tensors[name].float() for name in sizes)
    return Dictionary(_layer(number, path), encoder, encoder_bias, decoder, bias, k, True)


def _configuration(folder: Path) -> dict[str, object]:
    try:
        return dict(json.loads((folder / "config.json").read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"cannot read {folder / 'config.json'}: {str(error).splitlines()[0]}") from error


def _read(path: Path, load: Callable[[Path], Mapping[str, Tensor]]) -> dict[str, Tensor]:
    try:
        return dict(load(path))
    except pickle.UnpicklingError as error:
        raise InputError(f"{path} was refused: it holds code or objects that are not weights") from error
    except (OSError, EOFError, RuntimeError, TypeError, ValueError, SafetensorError) as error:
        raise InputError(f"cannot read the dictionary {path}: {str(error).splitlines()[0]}") from error


def _checked(path: Path, tensors: Mapping[str, Tensor], sizes: Mapping[str, tuple[int, ...]]) -> Mapping[str, Tensor]:
    for name, size in sizes.items():
        if name not in tensors:
            raise InputError(f"{path} is not such a dictionary: it has no tensor '{name}'")
        if tuple(tensors[name].shape) != size:
            raise InputError(f"{path}: '{name}' is {tuple(tensors[name].shape)}, where {size} is due")
    return tensors


def _number(pattern: str, name: str, path: Path) -> int:
    found = re.search(pattern, name)
    if not found:
        raise InputError(f"{path} does not say its layer: '{name}' should hold it as {pattern}")
    return int(found[1])


def _layer(number: int, path: Path) -> int:
    if number < 1:
        raise InputError(f"{path} reads layer 0, the embedding: no layer's output")
    return number - 1
