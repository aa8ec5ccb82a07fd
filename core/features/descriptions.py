"""What is known of every feature from many proteins: its name, how often it fires, and where it fires most."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from jaxtyping import Int
from scipy.sparse import csc_array, vstack

from core.errors import InputError
from core.features.concepts import Labelled
from core.features.names import NAMED_FROM, Activations, Group, Name, name_features
from core.interventions import feature_name
from core.model import Model
from core.model_files import features_folder
from core.whole_file import write_whole

FILE: Final = "names.json"
BINS: Final = 12
TOP: Final = 4
QUANTILES: Final = (0.75, 0.5, 0.25)
AROUND: Final = 7
"""Residues shown on either side of one that a feature fires at."""


class Example(msgspec.Struct, frozen=True):
    """A position where a feature fires, with the residues around it."""

    protein: str
    position: int
    """BOS counted, so that it is also the residue's number."""
    activation: float
    before: str
    letter: str
    after: str


class Description(msgspec.Struct, frozen=True, omit_defaults=True):
    """One feature. Without a name it fires nowhere in the proteins it was described on, or with no concept."""

    density: float
    """Share of positions where it fires."""
    specificity: float
    """log of how many proteins there are for one in which it fires (idf)."""
    largest: float
    histogram: tuple[int, ...] = ()
    """Positions by activation, in `BINS` equal steps from 0 to the largest."""
    top: tuple[Example, ...] = ()
    """Of its strongest proteins, the strongest position of each."""
    quantiles: tuple[Example, ...] = ()
    """Positions whose activation is at `QUANTILES` of all where it fires."""
    concept: str = ""
    f1: float = 0.0
    precision: float = 0.0
    recall: float = 0.0
    threshold: float = 0.0
    """Of activation as a share of the largest: above it, the name is meant."""

    @property
    def name(self) -> str:
        """The best concept where F1 is 0.5 or more on proteins it wasn't chosen on, else "unnamed"."""
        return self.concept if self.f1 >= NAMED_FROM else "unnamed"


class Descriptions(msgspec.Struct, frozen=True):
    """Every feature of one dictionary."""

    model: str
    parent: str
    """`trunk_fingerprint` of the weights."""
    layer: int
    n_proteins: int
    n_positions: int
    features: tuple[Description, ...]


def describe_features(model: Model, layer: int, groups: Sequence[Group]) -> Descriptions:
    """The features of a layer's dictionary, described on proteins with their concepts and activations."""
    every = [protein for group in groups for protein in group]
    stacked = csc_array(vstack([activations for _, activations in every]))
    stacked.sort_indices()
    starts = np.cumsum([0, *(len(protein.sequence) + 2 for protein, _ in every)])
    largest = np.zeros(stacked.shape[1])  # pyright: ignore[reportOptionalSubscript]
    fired = np.flatnonzero(np.diff(stacked.indptr))
    largest[fired] = [stacked.data[stacked.indptr[each] : stacked.indptr[each + 1]].max() for each in fired]
    names = name_features(groups, largest)
    described = []
    for feature, name in enumerate(names):
        column = slice(stacked.indptr[feature], stacked.indptr[feature + 1])
        described.append(_described(every, starts, stacked.indices[column], stacked.data[column], name))
    return Descriptions(model.name, model.trunk_fingerprint, layer, len(every), int(starts[-1]), tuple(described))


def _described(
    every: Sequence[tuple[Labelled, Activations]],
    starts: np.ndarray,
    positions: np.ndarray,
    values: np.ndarray,
    name: Name | None,
) -> Description:
    if not len(values):
        return Description(0.0, float(np.log(len(every))), 0.0)
    order = values.argsort()[::-1]
    proteins = np.searchsorted(starts, positions, side="right") - 1
    first_of_each = order[np.sort(np.unique(proteins[order], return_index=True)[1])]
    at_quantiles = order[[int((1 - quantile) * (len(order) - 1)) for quantile in QUANTILES]]

    def example(index: int) -> Example:
        protein = every[proteins[index]][0]
        position = int(positions[index] - starts[proteins[index]])
        padded = f"‹{protein.sequence}›"
        return Example(
            protein.name,
            position,
            round(float(values[index]), 3),
            padded[max(0, position - AROUND) : position],
            padded[position],
            padded[position + 1 : position + 1 + AROUND],
        )

    largest = float(values.max())
    scores = {} if name is None else {key: getattr(name, key) for key in ("concept", "threshold")}
    scores |= {} if name is None else {key: round(getattr(name, key), 3) for key in ("f1", "precision", "recall")}
    return Description(
        density=round(len(values) / int(starts[-1]), 6),
        specificity=round(float(np.log(len(every) / len(first_of_each))), 4),
        largest=round(largest, 4),
        histogram=tuple(np.histogram(values, BINS, (0, largest))[0].tolist()),
        top=tuple(example(index) for index in first_of_each[:TOP].tolist()),
        quantiles=tuple(example(index) for index in at_quantiles.tolist()),
        **scores,
    )


def labels(layer: int, features: Int[np.ndarray, " features"], known: Descriptions | None) -> list[str]:
    """What people call features: L3F120 and, where it has one, its name."""
    names = {each: known.features[each].name if known else "unnamed" for each in features.tolist()}
    return [feature_name(layer, each) + (f" {name}" if name != "unnamed" else "") for each, name in names.items()]


def save_descriptions(descriptions: Descriptions, folder: Path) -> None:
    """Write them beside a dictionary, as names.json."""
    write_whole(folder / FILE, msgspec.json.encode(descriptions).decode())


def read_descriptions(path: Path, model: Model) -> Descriptions:
    """The descriptions in a file; `InputError` when it isn't one, or of other weights or another dictionary's size."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Descriptions)
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(f"cannot read the names of features in {path}: {error}") from error
    n_features = model.dictionary(found.layer).n_features
    if found.parent != model.trunk_fingerprint or len(found.features) != n_features:
        raise InputError(
            f"{path} names {len(found.features)} features of weights {found.parent}, {model.name} has {n_features} of "
            f"{model.trunk_fingerprint}"
        )
    return found


def kept_descriptions(model: Model) -> dict[int, Descriptions]:
    """By layer (0-based), the descriptions that lie beside the dictionaries the model carries."""
    folder = features_folder(model.name)
    if folder is None or not model.dictionaries:
        return {}
    return descriptions_in(folder, model)


def descriptions_in(folder: Path, model: Model) -> dict[int, Descriptions]:
    """By layer (0-based), the descriptions in a folder of dictionaries that the model carries."""
    read = [read_descriptions(path, model) for path in sorted(folder.glob(f"**/{FILE}"))]
    return {found.layer: found for found in read}
