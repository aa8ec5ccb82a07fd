"""Where weights come from: the embedded model, fair-esm's published files, local files, Hugging Face-format folders.

Everything here ends in a `Checkpoint`: tensors under fair-esm's names, and the sizes that its configuration states.
No file is ever unpickled with code execution: `.pt` files are read with `weights_only=True`.
"""

import argparse
import json
import os
import pickle
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from core.download import download
from core.errors import InputError
from core.progress import SILENT, Progress

EMBEDDED: Final = "embedded"
EMBEDDED_FOLDER: Final = Path(__file__).parent.parent / "assets" / "embedded"
FAIR_ESM_FILES: Final = "https://dl.fbaipublicfiles.com/fair-esm"
LARGE_ABOVE: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """An ESM-2 that fair-esm publishes: its size, and the hashes of its two files where they are known."""

    name: str
    label: str
    n_parameters: int
    sha256: str | None = None
    contact_sha256: str | None = None

    @property
    def is_large(self) -> bool:
        return self.n_parameters > LARGE_ABOVE


PUBLISHED: Final = (
    PublishedModel(
        "esm2_t6_8M_UR50D",
        "ESM-2 8M",
        7_512_474,
        "46f002a9870c9bdecd0ea887acb1f9a38a6b561e8f8bf8a6990b679b9d31b928",
        "8f7a4557d57713b97ba0e484303007efb7230d25299c0ac47a0a1b12a87bbb9d",
    ),
    PublishedModel("esm2_t12_35M_UR50D", "ESM-2 35M", 33_500_000),
    PublishedModel("esm2_t30_150M_UR50D", "ESM-2 150M", 148_000_000),
    PublishedModel("esm2_t33_650M_UR50D", "ESM-2 650M", 651_000_000),
    PublishedModel("esm2_t36_3B_UR50D", "ESM-2 3B", 2_840_000_000),
    PublishedModel("esm2_t48_15B_UR50D", "ESM-2 15B", 15_100_000_000),
)
_PUBLISHED_BY_NAME: Final = {model.name: model for model in PUBLISHED}


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """Tensors under fair-esm's names with the sizes that the file's own configuration states."""

    name: str
    tensors: Mapping[str, Tensor]
    n_layers: int
    n_heads: int
    d_model: int
    token_dropout: bool


def read_checkpoint(
    name_or_path: str | Path,
    *,
    allow_large: bool = False,
    progress: Progress = SILENT,
    base_url: str = FAIR_ESM_FILES,
) -> Checkpoint:
    """The checkpoint called `name_or_path`, downloaded first when it is a published one that is not here.

    Looked for, in order: the embedded model; a path; the folder named by `PLMSCOPE_MODELS`; the torch hub cache;
    fair-esm's files at `base_url`. Raises `InputError` in one line: not found, no network, wrong hash, truncated file,
    wrong architecture, or more than a billion parameters without `allow_large`.
    """
    name = str(name_or_path)
    if name == EMBEDDED:
        return _read(EMBEDDED_FOLDER, EMBEDDED)
    published = _PUBLISHED_BY_NAME.get(name)
    if published and published.is_large and not allow_large:
        gigabytes = published.n_parameters * 4 / 1e9
        raise InputError(f"{name} needs about {gigabytes:.0f} GB of memory in float32: allow large models to load it")
    path = find_local(name)
    if path is None and published is None:
        known = ", ".join([EMBEDDED, *_PUBLISHED_BY_NAME])
        raise InputError(f"no model '{name}': not a file or folder, not in PLMSCOPE_MODELS, and not one of {known}")
    if path is None:
        path = fetch_published(name, progress=progress, base_url=base_url)
    return _read(path, path.stem if path.suffix == ".pt" else path.name)


def find_local(name: str) -> Path | None:
    """The file or folder on this machine that holds the weights called `name`, or None."""
    folders = [Path(os.environ["PLMSCOPE_MODELS"])] if os.environ.get("PLMSCOPE_MODELS") else []
    candidates = [Path(name)] if Path(name).suffix == ".pt" or os.sep in name or Path(name).is_dir() else []
    if os.sep not in name:
        for folder in [*folders, hub_folder()]:
            candidates += [folder / f"{name}.pt", folder / name]
    for path in candidates:
        if path.is_file() or (path / "config.json").is_file():
            return path
    return None


def local_names() -> list[str]:
    """The models in the folder named by `PLMSCOPE_MODELS`: `.pt` files and folders with a config.json, by name."""
    folder = Path(os.environ.get("PLMSCOPE_MODELS") or "missing")
    if not folder.is_dir():
        return []
    files = [path.stem for path in folder.glob("*.pt") if not path.stem.endswith("-contact-regression")]
    return sorted(files + [path.parent.name for path in folder.glob("*/config.json")])


def hub_folder() -> Path:
    """The folder where torch.hub, and so fair-esm, keeps downloaded checkpoints."""
    return Path(torch.hub.get_dir()) / "checkpoints"


def fetch_published(name: str, *, progress: Progress = SILENT, base_url: str = FAIR_ESM_FILES) -> Path:
    """Where the published model called `name` lies in the torch hub cache after its two files were downloaded.

    Raises `InputError` as `core.download.download` does, and for a name that is not published.
    """
    if name not in _PUBLISHED_BY_NAME:
        raise InputError(f"'{name}' is not a published ESM-2: {', '.join(_PUBLISHED_BY_NAME)}")
    model, path = _PUBLISHED_BY_NAME[name], hub_folder() / f"{name}.pt"
    regression = contact_file(path)
    if not regression.is_file():  # the small file first: when it fails, nothing large has been fetched in vain
        url = f"{base_url}/regression/{regression.name}"
        download(url, regression, sha256=model.contact_sha256)
    return download(f"{base_url}/models/{path.name}", path, sha256=model.sha256, progress=progress)


def contact_file(weights: Path) -> Path:
    """Where fair-esm keeps the contact regression of a `.pt` file: beside it."""
    return weights.with_name(f"{weights.stem}-contact-regression.pt")


def ranking_file(name: str) -> Path | None:
    """Where the ranking of a model's heads is kept, beside its weights; None when these are not on this machine."""
    path = EMBEDDED_FOLDER if name == EMBEDDED else find_local(name)
    if path is None:
        return None
    return path / "head_ranking.json" if path.is_dir() else path.with_name(f"{path.stem}-head_ranking.json")


def _read(path: Path, name: str) -> Checkpoint:
    return _read_folder(path, name) if path.is_dir() else _read_pt(path, name)


def _load_pt(path: Path) -> dict:
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(f"{path} was refused: it holds code or objects that are not weights") from error
    except (RuntimeError, EOFError, OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read ({path.stat().st_size} bytes): truncated, or not a checkpoint"
        ) from error
    if not isinstance(content, dict) or not isinstance(content.get("model"), dict):
        raise InputError(f"{path} is not a fair-esm checkpoint: it has no 'model' entry")
    return content


def _read_pt(path: Path, name: str) -> Checkpoint:
    content = _load_pt(path)
    try:
        config = content["cfg"]["model"]
        sizes = config.encoder_layers, config.encoder_attention_heads, config.encoder_embed_dim
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is not an ESM-2 checkpoint: it has no cfg.model with encoder sizes") from error
    prefix = re.compile(r"^encoder\.(sentence_encoder\.)?")
    tensors = {prefix.sub("", key): value for key, value in content["model"].items()}
    if contact_file(path).is_file():
        tensors |= _load_pt(contact_file(path))["model"]
    else:
        warnings.warn(f"{contact_file(path).name} is not beside {path.name}: no contact head", stacklevel=2)
    return Checkpoint(name, tensors, *sizes, token_dropout=bool(getattr(config, "token_dropout", True)))


def _read_folder(path: Path, name: str) -> Checkpoint:
    weights = path / "model.safetensors"
    if not weights.is_file():
        raise InputError(f"{path} has a config.json but no model.safetensors")
    try:
        config = json.loads((path / "config.json").read_text())
        tensors = load_file(weights)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path / 'config.json'} is not JSON: {error}") from error
    except (SafetensorError, OSError) as error:
        raise InputError(f"{weights} cannot be read ({weights.stat().st_size} bytes): truncated or damaged") from error
    try:
        if "n_layers" in config:
            sizes = config["n_layers"], config["n_heads"], config["d_model"]
        else:
            sizes = config["num_hidden_layers"], config["num_attention_heads"], config["hidden_size"]
            if config.get("position_embedding_type") != "rotary" or config.get("emb_layer_norm_before"):
                raise InputError(f"{path} is not an ESM-2: it needs rotary positions and no embedding LayerNorm")
            tensors = _from_hugging_face(tensors)
    except (KeyError, TypeError) as error:
        raise InputError(f"{path / 'config.json'} does not give the sizes of an ESM-2: {error} is missing") from error
    if not all(isinstance(size, int) and size > 0 for size in sizes):
        raise InputError(f"{path / 'config.json'}: layers, heads and width must be whole numbers, not {sizes}")
    n_layers, n_heads, d_model = sizes
    # RoPE frequencies are constants of the architecture; files that leave them out mean the usual base of 10,000.
    bands = torch.arange(0, d_model // n_heads, 2).float() / (d_model // n_heads)
    frequencies = {f"layers.{layer}.self_attn.rot_emb.inv_freq": 10_000.0**-bands for layer in range(n_layers)}
    return Checkpoint(name, frequencies | tensors, *sizes, token_dropout=bool(config.get("token_dropout", True)))


_HUGGING_FACE_NAMES: Final = (
    (r"^esm\.embeddings\.word_embeddings", "embed_tokens"),
    (r"^esm\.encoder\.emb_layer_norm_after", "emb_layer_norm_after"),
    (r"^esm\.encoder\.layer\.(\d+)\.attention\.self\.(query|key|value)\b", r"layers.\1.self_attn.\2"),
    (r"^esm\.encoder\.layer\.(\d+)\.attention\.self\.rotary_embeddings", r"layers.\1.self_attn.rot_emb"),
    (r"^esm\.encoder\.layer\.(\d+)\.attention\.output\.dense", r"layers.\1.self_attn.out_proj"),
    (r"^esm\.encoder\.layer\.(\d+)\.attention\.LayerNorm", r"layers.\1.self_attn_layer_norm"),
    (r"^esm\.encoder\.layer\.(\d+)\.intermediate\.dense", r"layers.\1.fc1"),
    (r"^esm\.encoder\.layer\.(\d+)\.output\.dense", r"layers.\1.fc2"),
    (r"^esm\.encoder\.layer\.(\d+)\.LayerNorm", r"layers.\1.final_layer_norm"),
    (r"^esm\.contact_head", "contact_head"),
    (r"self_attn\.query", "self_attn.q_proj"),
    (r"self_attn\.key", "self_attn.k_proj"),
    (r"self_attn\.value", "self_attn.v_proj"),
)


def _from_hugging_face(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of an `EsmForMaskedLM` under fair-esm's names."""
    renamed = {}
    for key, value in tensors.items():
        for pattern, name in _HUGGING_FACE_NAMES:
            key = re.sub(pattern, name, key)
        renamed[key] = value
    return renamed
