"""Which heads know contacts? Every head ranked by P@L/2 over labelled proteins, and how many to average.

The head readout of Protein contacts are already in the attention (2026): heads chosen on about ten proteins, their
corrected maps averaged without weights.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from jaxtyping import Float

from core.checkpoints import ranking_file
from core.contacts import head_maps
from core.errors import InputError
from core.interventions import Head
from core.model import Model
from core.progress import SILENT, Progress
from core.proteins.contact_scores import SEPARATIONS, Range, precision_at
from core.proteins.labelled import LabelledProtein

MIN_PROTEINS: Final = 3
LARGEST_K: Final = 30
PER: Final = 2

Grid = tuple[tuple[float, ...], ...]
"""One number per layer and head, both counted from 0."""


class HeadRanking(msgspec.Struct, frozen=True):
    """The heads of one model by how well their maps find contacts; written as JSON."""

    model: str
    fingerprint: str
    """Of the model's weights (`Model.fingerprint`): a ranking is good for these weights alone."""
    proteins: tuple[str, ...]
    """What the heads were chosen on."""
    definition: str
    """What counted as a contact there."""
    precision: dict[str, Grid]
    """Mean P@L/2 of each head over the proteins, by separation."""
    chance: dict[str, float]
    """Mean share of contacts among the pairs of each separation."""
    k_sweep: tuple[float, ...]
    """Mean long-range P@L/2, on the same proteins, of the average of the best 1, 2, 3 … heads."""

    @property
    def best_k(self) -> int:
        """How many heads to average: the smallest number with the best precision in the sweep."""
        return int(np.argmax(self.k_sweep)) + 1

    def grid(self, separation: Range = "long") -> Float[np.ndarray, "n_layers n_heads"]:
        """Every head's mean P@L/2."""
        return np.array(self.precision[separation])

    def heads(self, k: int | None = None, separation: Range = "long") -> tuple[Head, ...]:
        """The best `k` heads (all of them when None), best first; of equal ones the earlier layer's."""
        grid = self.grid(separation)
        order = np.argsort(-grid, axis=None, kind="stable")[:k]
        return tuple(Head(int(at) // grid.shape[1], int(at) % grid.shape[1]) for at in order)

    def n_contact_heads(self, separation: Range = "long") -> float:
        """How diffusely contacts are spread over heads: 1 when one head has it all, n_layers x n_heads when all share.

        The exponential of the entropy of the heads' shares of precision above chance (Hill's number of order 1). The
        paper relates the best K to such a diffuseness without a formula in the text at hand: this one is ours. 0 when
        no head is above chance.
        """
        above = np.maximum(self.grid(separation) - self.chance[separation], 0).ravel()
        if not above.any():
            return 0.0
        shares = above[above > 0] / above.sum()
        return float(np.exp(-(shares * np.log(shares)).sum()))


def head_precisions(model: Model, protein: LabelledProtein) -> dict[Range, Float[np.ndarray, "n_layers n_heads"]]:
    """P@L/2 of every head's own map on one protein, by separation (nan where no pair is known)."""
    contacts, known = protein.truth()
    size = model.shape.n_layers, model.shape.n_heads
    found: dict[Range, np.ndarray] = {separation: np.empty(size) for separation in SEPARATIONS}
    for layer, maps in head_maps(model, protein.tokens):
        for index, predicted in enumerate(maps.float().numpy(force=True)):
            for separation, grid in found.items():
                grid[layer, index] = precision_at(predicted, contacts, known, separation, PER).precision
    return found


def top_k_precisions(
    model: Model, protein: LabelledProtein, heads: Iterable[Head], separation: Range = "long"
) -> Float[np.ndarray, " k"]:
    """P@L/2 on one protein of the average of the first 1, 2, 3 … of `heads`."""
    heads = list(heads)
    contacts, known = protein.truth()
    maps: dict[Head, np.ndarray] = {}
    for layer, layer_maps in head_maps(model, protein.tokens):
        maps |= {head: layer_maps[head.index].float().numpy(force=True) for head in heads if head.layer == layer}
    sums = np.cumsum([maps[head] for head in heads], axis=0)  # a sum ranks pairs as its average does
    return np.array([precision_at(total, contacts, known, separation, PER).precision for total in sums])


def rank_heads(
    model: Model,
    proteins: Mapping[str, LabelledProtein],
    progress: Progress = SILENT,
) -> HeadRanking:
    """All heads ranked over labelled proteins, with the sweep over K; `progress` hears (done, all) passes.

    Raises `InputError` for fewer than three proteins, or one that long-range precision says nothing about.
    """
    if len(proteins) < MIN_PROTEINS:
        raise InputError(f"heads are ranked on at least {MIN_PROTEINS} labelled proteins, not {len(proteins)}")
    for protein in proteins.values():
        protein.require_long_range()
    measured = []
    for done, protein in enumerate(proteins.values()):
        measured.append(head_precisions(model, protein))
        progress.report(done + 1, 2 * len(proteins))
    ranking = summarise(model, proteins, measured, k_sweep=())
    sweeps = []
    for done, protein in enumerate(proteins.values()):
        sweeps.append(top_k_precisions(model, protein, ranking.heads(LARGEST_K)))
        progress.report(len(proteins) + done + 1, 2 * len(proteins))
    return msgspec.structs.replace(ranking, k_sweep=tuple(np.mean(sweeps, axis=0).tolist()))


def summarise(
    model: Model,
    proteins: Mapping[str, LabelledProtein],
    measured: Iterable[Mapping[Range, Float[np.ndarray, "n_layers n_heads"]]],
    k_sweep: tuple[float, ...],
) -> HeadRanking:
    """The ranking from every protein's `head_precisions`."""
    measured = list(measured)
    precision = {
        separation: tuple(tuple(row) for row in np.nanmean([each[separation] for each in measured], axis=0).tolist())
        for separation in SEPARATIONS
    }
    chance = {separation: mean_chance(proteins.values(), separation) for separation in SEPARATIONS}
    definitions = sorted({protein.definition for protein in proteins.values()})
    return HeadRanking(
        model.name, model.fingerprint, tuple(proteins), "; ".join(definitions), precision, chance, k_sweep
    )


def mean_chance(proteins: Iterable[LabelledProtein], separation: Range = "long") -> float:
    """Mean share of contacts among the known pairs of a separation: what picking pairs blindly finds."""
    truths = [protein.truth() for protein in proteins]
    return float(
        np.nanmean([precision_at(contacts * 1.0, contacts, known, separation).chance for contacts, known in truths])
    )


def ranking_bytes(ranking: HeadRanking) -> bytes:
    """A ranking as JSON, heads and layers counted from 0."""
    return msgspec.json.format(msgspec.json.encode(ranking), indent=1) + b"\n"


def save_ranking(ranking: HeadRanking, path: Path) -> None:
    """Write a ranking as `ranking_bytes` gives it."""
    path.write_bytes(ranking_bytes(ranking))


def kept_ranking(model: Model) -> HeadRanking | None:
    """The ranking beside the model's weights, as the embedded model ships with one; None where there is none.

    Raises `InputError` as `load_ranking` does.
    """
    path = ranking_file(model.name)
    return load_ranking(model, path) if path is not None and path.is_file() else None


def load_ranking(model: Model, file: Path | bytes) -> HeadRanking:
    """The ranking in a file.

    Raises `InputError` when the file is not a ranking, or of other weights than the model's.
    """
    name = file.name if isinstance(file, Path) else "the file"
    try:
        content = file.read_bytes() if isinstance(file, Path) else file
        ranking = msgspec.json.decode(content, type=HeadRanking)
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(f"{name} is not a ranking of heads: {error}") from error
    if ranking.fingerprint != model.fingerprint:
        raise InputError(
            f"{name} ranks the heads of weights {ranking.fingerprint}, {model.name} has {model.fingerprint}"
        )
    rows = [len(row) for grid in ranking.precision.values() for row in grid]
    whole = set(ranking.precision) == set(ranking.chance) == set(SEPARATIONS) and ranking.k_sweep
    if not whole or rows != [model.shape.n_heads] * model.shape.n_layers * len(SEPARATIONS):
        raise InputError(f"{name} does not rank every head of {model.name} at every separation")
    return ranking
