"""Where the files of a model lie on this machine: its weights, and what is kept beside them."""

import os
from pathlib import Path
from typing import Final

import torch

from core.published import PUBLISHED, PUBLISHED_BY_NAME

EMBEDDED: Final = "embedded"
EMBEDDED_FOLDER: Final = Path(__file__).parent.parent / "assets" / "embedded"
WEIGHT_SUFFIXES: Final = (".pt", ".pth", ".safetensors")
_REGRESSION: Final = "-contact-regression"


def find_local(name: str) -> Path | None:
    """The file or folder on this machine that holds the weights called `name`, or None."""
    folders = [Path(os.environ["PLMSCOPE_MODELS"])] if os.environ.get("PLMSCOPE_MODELS") else []
    candidates = [Path(name)] if Path(name).suffix in WEIGHT_SUFFIXES or os.sep in name or Path(name).is_dir() else []
    if os.sep not in name:
        published = PUBLISHED_BY_NAME.get(name)
        for folder in [*folders, hub_folder()]:
            for known_as in (name, *(published.known_as if published else ())):
                candidates += [*(folder / f"{known_as}{suffix}" for suffix in WEIGHT_SUFFIXES), folder / known_as]
    for path in candidates:
        if path.is_file() or (path / "config.json").is_file():
            return path
    return None


def local_names() -> list[str]:
    """The models in the folder named by `PLMSCOPE_MODELS` that are not published ones, by name.

    They are files of weights, and folders with a config.json.
    """
    folder = Path(os.environ.get("PLMSCOPE_MODELS") or "missing")
    if not folder.is_dir():
        return []
    published = {name for model in PUBLISHED for name in (model.name, *model.known_as)}
    files = [
        path.stem for path in folder.iterdir() if path.suffix in WEIGHT_SUFFIXES and not path.stem.endswith(_REGRESSION)
    ]
    folders = [path.parent.name for path in folder.glob("*/config.json") if not path.parent.name.endswith("-features")]
    return sorted({*files, *folders} - published)


def bytes_on_disk(name: str) -> int:
    """What the files of the weights called `name` take on this machine; 0 where there are none."""
    path = EMBEDDED_FOLDER if name == EMBEDDED else find_local(name)
    if path is None:
        return 0
    files = path.iterdir() if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.suffix in (*WEIGHT_SUFFIXES, ".bin"))


def hub_folder() -> Path:
    """The folder where torch.hub, and so fair-esm, keeps downloaded checkpoints."""
    return Path(torch.hub.get_dir()) / "checkpoints"


def contact_file(weights: Path) -> Path:
    """Where the contact regression of a model is kept: beside a file, as fair-esm has it, or in a folder."""
    return (
        weights / f"{_REGRESSION[1:]}.pt" if weights.is_dir() else weights.with_name(f"{weights.stem}{_REGRESSION}.pt")
    )


def contact_head_file(name: str) -> Path | None:
    """Where the contact regression of the model called `name` is kept; None when its weights are not on this machine.

    The embedded model's is among its weights: one beside them has precedence.
    """
    path = EMBEDDED_FOLDER if name == EMBEDDED else find_local(name)
    return None if path is None else contact_file(path)


def ranking_file(name: str) -> Path | None:
    """Where the ranking of a model's heads is kept."""
    return file_beside(name, "head_ranking.json")


def file_beside(name: str, what: str) -> Path | None:
    """Where a file about a model is kept, beside its weights; None when these are not on this machine."""
    path = EMBEDDED_FOLDER if name == EMBEDDED else find_local(name)
    if path is None:
        return None
    return path / what if path.is_dir() else path.with_name(f"{path.stem}-{what}")


def features_folder(name: str) -> Path | None:
    """Where a model's dictionaries of features are kept, beside its weights; None when these are not here."""
    path = EMBEDDED_FOLDER if name == EMBEDDED else find_local(name)
    if path is None:
        return None
    return path / "features" if path.is_dir() else path.with_name(f"{path.stem}-features")
