"""Weights as they are read: the embedded model, published files, local files, Hugging Face-format folders.

Everything here ends in a `Checkpoint`: tensors under one set of names, and the sizes that its configuration states.
No file is ever unpickled with code execution: `.pt` and `.pth` files are read with `weights_only=True`.
"""

import argparse
import json
import pickle
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from core.architecture import ESM_2, ESM_C, Architecture
from core.download import download
from core.errors import InputError
from core.esm_config import Settings, esmc_settings, read_config
from core.model_files import EMBEDDED, EMBEDDED_FOLDER, WEIGHT_SUFFIXES, contact_file, find_local, hub_folder
from core.progress import SILENT, Progress
from core.published import BIOHUB_FILES, FAIR_ESM_FILES, PUBLISHED_BY_NAME
from core.weight_names import (
    CONTACT_TENSORS,
    checked,
    common_names,
    fitting_contact_head,
    is_esmc,
    n_layers_of,
    require_language_model,
    with_frequencies,
    with_unembed,
)

MAPPED_ABOVE: Final = 2**29
_PT_SIZES: Final = ("encoder_layers", "encoder_attention_heads", "encoder_embed_dim")
_ESMC_SIZES: Final = ("n_heads", "num_attention_heads")
_STATES: Final = ("model", "state_dict", "model_state_dict")
_FIRST_FREQUENCIES: Final = "layers.0.self_attn.rot_emb.inv_freq"
_WEIGHT_FILES: Final = ("model.safetensors", "pytorch_model.bin")
_INDEX: Final = "model.safetensors.index.json"
_ESMC_D_HEAD: Final = 64
"""How wide a head is in every ESMC that was published."""


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """Tensors under `core.weight_names`' names with the settings that the file's own configuration states.

    `notes` say what was left out, and what was taken because the file doesn't state it.
    """

    name: str
    tensors: Mapping[str, Tensor]
    n_layers: int
    n_heads: int
    d_model: int
    token_dropout: bool
    architecture: Architecture = ESM_2
    is_tied: bool = True
    d_mlp: int | None = None
    layer_norm_eps: float = 1e-5
    notes: tuple[str, ...] = ()


def read_checkpoint(
    name_or_path: str | Path,
    *,
    allow_large: bool = False,
    progress: Progress = SILENT,
    base_url: str | None = None,
) -> Checkpoint:
    """The checkpoint called `name_or_path`, downloaded first when it is a published one that is not here.

    Looked for, in order: the embedded model; a path; the folder named by `PLMSCOPE_MODELS`; the torch hub cache;
    fair-esm's or Biohub's files (at `base_url`, where that is given). Raises `InputError` in one line: not found, no
    network, wrong hash, truncated file, wrong architecture, or more than a billion parameters without `allow_large`.
    """
    name = str(name_or_path)
    if name == EMBEDDED:
        return _read(EMBEDDED_FOLDER, EMBEDDED)
    published = PUBLISHED_BY_NAME.get(name)
    if published and published.is_large and not allow_large:
        gigabytes = published.n_parameters * 4 / 1e9
        raise InputError(f"{name} needs about {gigabytes:.0f} GB of memory in float32: allow large models to load it")
    path = find_local(name)
    if path is None and published is None:
        known = ", ".join([EMBEDDED, *PUBLISHED_BY_NAME])
        raise InputError(f"no model '{name}': not a file or folder, not in PLMSCOPE_MODELS, and not one of {known}")
    if path is None:
        path = fetch_published(name, progress=progress, base_url=base_url)
    return _read(path, path.stem if path.suffix in WEIGHT_SUFFIXES else path.name)


def fetch_published(name: str, *, progress: Progress = SILENT, base_url: str | None = None) -> Path:
    """Where the published model called `name` lies in the torch hub cache after its files were downloaded.

    Raises `InputError` as `core.download.download` does, and for a name that is not published.
    """
    if name not in PUBLISHED_BY_NAME:
        raise InputError(f"'{name}' is not a published model: {', '.join(PUBLISHED_BY_NAME)}")
    model, path = PUBLISHED_BY_NAME[name], hub_folder() / f"{name}.pt"
    if model.biohub is None:
        base_url, regression = base_url or FAIR_ESM_FILES, contact_file(path)
        if not regression.is_file():  # the small file first: when it fails, nothing large has been fetched in vain
            download(f"{base_url}/regression/{regression.name}", regression, sha256=model.contact_sha256)
        return download(f"{base_url}/models/{path.name}", path, sha256=model.sha256, progress=progress)
    url = f"{base_url or BIOHUB_FILES}/{model.biohub}"
    if not url.endswith("/"):
        return download(url, path.with_suffix(".pth"), sha256=model.sha256, progress=progress)
    folder = path.with_suffix("")
    for shard in _shards(download(f"{url}{_INDEX}", folder / _INDEX)):
        if not (folder / shard).is_file():
            download(f"{url}{shard}", folder / shard, progress=progress)
    # the configuration last: a folder that has one is whole
    return download(f"{url}config.json", folder / "config.json").parent


def _read(path: Path, name: str) -> Checkpoint:
    checkpoint = _read_folder(path, name) if path.is_dir() else _read_file(path, name)
    for note in checkpoint.notes:
        warnings.warn(note, stacklevel=3)
    return checkpoint


def _checkpoint(tensors: Mapping[str, Tensor], settings: Settings, name: str, contacts: str) -> Checkpoint:
    """The tensors under common names as a checkpoint, once everything in them and in the settings is accounted for.

    `contacts` says where the contact regression comes from.
    """
    require_language_model(tensors, name)
    d_head = settings.d_model // settings.n_heads
    tensors = with_frequencies(tensors, settings.n_layers, d_head, settings.rope_theta, name)
    tensors, is_tied = with_unembed(tensors, settings.tied, name)
    tensors, left_out = checked(tensors, settings.architecture, name)
    tensors, no_contacts = fitting_contact_head(tensors, settings.n_layers * settings.n_heads, contacts)
    return Checkpoint(
        name,
        tensors,
        settings.n_layers,
        settings.n_heads,
        settings.d_model,
        settings.token_dropout,
        settings.architecture,
        is_tied,
        settings.d_mlp,
        settings.layer_norm_eps,
        (*settings.notes, *left_out, *no_contacts),
    )


# Files of weights


def _load_pt(path: Path) -> dict[str, Any]:
    """What a .pt file holds; `InputError` for code in it, and for a file that is cut off."""
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            # a large file is mapped, so that reading takes no memory beside what the model is to have
            mapped = path.stat().st_size > MAPPED_ABOVE and zipfile.is_zipfile(path)
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        raise InputError(f"{path} was refused: it holds code or objects that are not weights") from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} cannot be read ({path.stat().st_size} bytes): truncated, or not a checkpoint"
        ) from error
    if not isinstance(content, dict):
        raise InputError(f"{path} is not a checkpoint: it holds a {type(content).__name__}")
    return content


def _state_dict(content: Mapping[str, Any], path: Path) -> dict[str, Tensor]:
    """The tensors of a .pt file, which stand under 'model' or 'state_dict', or are all that it holds."""
    held = next((content[key] for key in _STATES if isinstance(content.get(key), Mapping)), content)
    tensors = {str(key): value for key, value in held.items() if isinstance(value, Tensor)}
    if held is content and not tensors:
        raise InputError(f"{path} is not a checkpoint: it has no 'model' entry, and is no state dict")
    return tensors


def _read_file(path: Path, name: str) -> Checkpoint:
    content = _load_pt(path) if path.suffix != ".safetensors" else _load_weights(path)
    held = _state_dict(content, path)
    tensors = common_names(held)
    settings = _esmc_file_settings(content, tensors, path) if is_esmc(held) else _pt_settings(content, tensors, path)
    tensors, notes = _with_contacts(tensors, path, settings.architecture)
    return _checkpoint(tensors, replace(settings, notes=settings.notes + notes), name, contact_file(path).name)


def _with_contacts(
    tensors: dict[str, Tensor], path: Path, architecture: Architecture
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The tensors with the contact regression that is kept beside them, and a note where an ESM-2 has none."""
    regression = contact_file(path)
    if regression.is_file():
        return _with_regression(tensors, regression)
    note = f"{regression.name} is not beside {path.name}: no contact head"
    return tensors, () if CONTACT_TENSORS[0] in tensors or architecture != ESM_2 else (note,)


def _with_regression(tensors: dict[str, Tensor], path: Path) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The tensors with the contact regression in a file, or without it and with the reason."""
    try:
        held = common_names(_state_dict(_load_pt(path), path))
    except InputError as error:
        return tensors, (f"no contact head: {error}",)
    found = {key: held[key] for key in CONTACT_TENSORS if key in held}
    return tensors | found, () if found else (f"{path.name} holds no contact regression: no contact head",)


def _pt_settings(content: Mapping[str, Any], tensors: Mapping[str, Tensor], path: Path) -> Settings:
    """What a .pt file's configuration states, be it a Namespace or a dict; without one, what its tensors tell."""
    config = _pt_config(content)
    if config is None:
        return _settings_of_tensors(tensors, path)
    missing = [name for name in _PT_SIZES if not isinstance(config.get(name), int)]
    if missing:
        raise InputError(f"{path} is not an ESM-2 checkpoint: its configuration doesn't say {missing[0]}")
    sizes = [config[name] for name in _PT_SIZES]
    due = {"encoder_ffn_embed_dim": 4 * sizes[2], "emb_layer_norm_before": False}
    for key, value in due.items():
        if config.get(key) not in (None, value):
            raise InputError(f"{path} is not an ESM-2 that is computed here: {key} is {config[key]!r}, not {value}")
    return Settings(*sizes, token_dropout=bool(config.get("token_dropout", True)))


def _esmc_file_settings(content: Mapping[str, Any], tensors: Mapping[str, Tensor], path: Path) -> Settings:
    """An ESMC's settings as the file states them under 'config'; without, what its tensors and published heads tell."""
    config = content.get("config")
    if isinstance(config, Mapping) and any(name in config for name in _ESMC_SIZES):
        return esmc_settings({"model_type": "esmc", **config}, path)
    require_language_model(tensors, path.stem)
    embedding = tensors.get("embed_tokens.weight")
    d_model = embedding.shape[-1] if embedding is not None else 0
    if d_model % _ESMC_D_HEAD or not d_model:
        raise InputError(
            f"{path} says nowhere how many heads it has, and its width {d_model} is no multiple of {_ESMC_D_HEAD}: "
            "put it into a folder with a config.json"
        )
    d_mlp = tensors["layers.0.fc2.weight"].shape[-1] if "layers.0.fc2.weight" in tensors else None
    n_layers = n_layers_of(tensors)
    return Settings(
        n_layers, d_model // _ESMC_D_HEAD, d_model, token_dropout=False, architecture=ESM_C, d_mlp=d_mlp, tied=False
    )


def _pt_config(content: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The model's configuration in a .pt file as a mapping, None where there is none."""
    for held in (content.get("cfg"), content.get("args"), content.get("config")):
        inner = held.get("model", held) if isinstance(held, Mapping) else held
        if isinstance(inner, argparse.Namespace):
            inner = vars(inner)
        if isinstance(inner, Mapping) and any(name in inner for name in _PT_SIZES):
            return inner
    return None


def _settings_of_tensors(tensors: Mapping[str, Tensor], path: Path) -> Settings:
    """The sizes that tensors without a configuration tell: RoPE's frequencies say how wide a head is."""
    embedding, frequencies = (tensors.get(key) for key in ("embed_tokens.weight", _FIRST_FREQUENCIES))
    n_layers = n_layers_of(tensors)
    if embedding is None or embedding.ndim != 2 or not n_layers:
        raise InputError(
            f"{path} is not an ESM-2 checkpoint: it has no cfg.model with encoder sizes, and no ESM-2's layers"
        )
    require_language_model(tensors, path.stem)
    d_model = embedding.shape[1]
    if frequencies is None or d_model % (2 * len(frequencies)):
        raise InputError(f"{path} says nowhere how many heads it has: it has no cfg.model and no RoPE frequencies")
    note = f"{path.name} states no settings: its tensors tell the sizes, and token dropout is taken to be on"
    return Settings(n_layers, d_model // (2 * len(frequencies)), d_model, token_dropout=True, notes=(note,))


# Folders in Hugging Face's format


def _read_folder(path: Path, name: str) -> Checkpoint:
    settings, held = read_config(path / "config.json"), _folder_tensors(path)
    architecture = ESM_C if is_esmc(held) else ESM_2
    if architecture != settings.architecture:
        raise InputError(f"{path}: config.json states an {settings.architecture.name}, and the weights are not one's")
    vocabulary = path / "vocab.txt"
    if vocabulary.is_file() and tuple(vocabulary.read_text(errors="replace").split()) != architecture.alphabet.tokens:
        raise InputError(
            f"{vocabulary} lists other tokens than {architecture.name}'s, or in another order: such a model is not read"
        )
    tensors, notes = common_names(held), ()
    if contact_file(path).is_file():
        tensors, notes = _with_regression(tensors, contact_file(path))
    return _checkpoint(tensors, replace(settings, notes=settings.notes + notes), name, "the folder's contact head")


def _folder_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a folder, from one file or from the shards that its index lists."""
    for weights in _WEIGHT_FILES:
        if (path / weights).is_file():
            return _load_weights(path / weights)
        index = path / f"{weights}.index.json"
        if index.is_file():
            return _load_shards(index)
    raise InputError(f"{path} has a config.json but no {' and no '.join(_WEIGHT_FILES)}")


def _load_weights(path: Path) -> dict[str, Tensor]:
    if path.suffix != ".safetensors":
        return _state_dict(_load_pt(path), path)
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise InputError(f"{path} cannot be read ({path.stat().st_size} bytes): truncated or damaged") from error


def _shards(index: Path) -> list[str]:
    """The files that an index of shards lists, each a plain name; `InputError` for one outside the folder."""
    shards = sorted(set(map(str, _weight_map(index).values())))
    outside = [shard for shard in shards if Path(shard).name != shard]
    if outside:
        raise InputError(f"{index} lists the shard '{outside[0]}', and it is not in the folder")
    return shards


def _weight_map(index: Path) -> dict[str, str]:
    try:
        return dict(json.loads(index.read_text())["weight_map"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{index} is no index of shards: it has no weight_map") from error


def _load_shards(index: Path) -> dict[str, Tensor]:
    """The tensors of all shards; `InputError` for one that is not in the folder, and for a tensor that none holds."""
    tensors: dict[str, Tensor] = {}
    for shard in _shards(index):
        path = index.parent / shard
        if not path.is_file():
            raise InputError(f"{index} lists the shard '{shard}', and it is not in the folder")
        tensors |= _load_weights(path)
    missing = sorted(set(_weight_map(index)) - set(tensors))
    if missing:
        raise InputError(f"{index} lists '{missing[0]}', and no shard holds it ({len(missing)} tensors are missing)")
    return tensors
