"""Which heads know contacts? Every head ranked by P@L/2 over labelled proteins, and how many to average.

The head readout of Protein contacts are already in the attention (2026): heads chosen on about ten proteins, their
corrected maps averaged without weights.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import pandas as pd
from jaxtyping import Float

from core.analyses.contact_evaluation import FEWEST
from core.contacts import head_maps
from core.errors import InputError
from core.interventions import Head
from core.model import Model
from core.model_files import ranking_file
from core.progress import SILENT, Progress
from core.proteins.contact_scores import SEPARATIONS, Range, highest, precision_at
from core.proteins.labelled import LabelledProtein
from core.proteins.moved_contacts import REPEATS, MovedContacts, random_shares

MIN_PROTEINS: Final = 3
LARGEST_K: Final = 30
PER: Final = 2
A_FEW: Final = 10
"""Up to so many heads are "a few"."""

Grid = tuple[tuple[float, ...], ...]
"""One number per layer and head, both counted from 0."""


class ChanceHeads(msgspec.Struct, frozen=True):
    """What the same maps find of contacts that were moved along the chain (`core.proteins.moved_contacts`)."""

    repeats: int
    seed: int
    best: tuple[float, float]
    """The best head's mean precision: median over the repeats, and the point that 5% of them pass."""
    n_contact_heads: tuple[float, float]
    """The effective number of contact heads: median, and the point that 5% stay below."""


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
    chance_heads: dict[str, ChanceHeads] = {}
    """By separation; empty in rankings from before it was measured."""

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

    def table(self, separation: Range = "long") -> pd.DataFrame:
        """A row per head, best first."""
        grid, heads = self.grid(separation), self.heads(None, separation)
        found = [(head.layer, head.index, str(head), grid[head.layer, head.index]) for head in heads]
        return pd.DataFrame(found, columns=["layer", "head", "name", f"P@L/2 {separation}"])

    def n_contact_heads(self, separation: Range = "long") -> float:
        """How diffusely contacts are spread over heads: 1 when one head has it all, n_layers x n_heads when all share.

        `effective_number` of the heads' precision above chance (Hill's number of order 1). The paper relates the best K
        to such a diffuseness without a formula in the text at hand: this one is ours. Noise alone gives about half the
        heads, so it says nothing without `chance_heads` beside it.
        """
        return effective_number(self.grid(separation) - self.chance[separation])

    def finding(self, separation: Range = "long") -> str:
        """What the ranking shows beyond chance heads, for people: best head, and in how many heads contacts sit."""
        n_heads, n_proteins = self.grid().size, len(self.proteins)
        if n_proteins < FEWEST:
            return f"No finding: heads were ranked on {n_proteins} proteins, and {FEWEST} are the fewest for one."
        best, value = self.heads(1, separation)[0], self.grid(separation).max()
        found = (
            f"The best of {n_heads} heads, {best}, finds {value:.3f} ({separation} range, mean over the {n_proteins} "
            f"proteins that it was chosen on); picking pairs blindly finds {self.chance[separation]:.3f}"
        )
        number = self.n_contact_heads(separation)
        shared = f"about {number:.1f} of {n_heads} heads share what is above chance"
        if separation not in self.chance_heads:
            return f"{found}. {shared.capitalize()}. What chance heads give was not measured with this ranking."
        null = self.chance_heads[separation]
        found += f", and the best of {n_heads} chance heads {null.best[0]:.3f} (95% point {null.best[1]:.3f})"
        beside = f"chance heads: {null.n_contact_heads[0]:.1f}, 5% point {null.n_contact_heads[1]:.1f}"
        if value <= null.best[1]:
            return f"{found}: no head is shown to see contacts. {shared.capitalize()} ({beside})."
        if number >= null.n_contact_heads[1]:
            return f"{found}. That contacts sit in fewer heads than by chance is not shown: {shared} ({beside})."
        where = "Contacts sit in a few heads" if number <= A_FEW else "Contacts sit in fewer heads than chance gives"
        return f"{found}. {where}: {shared} ({beside})."


def effective_number(above_chance: Float[np.ndarray, "..."]) -> float:
    """The exponential of the entropy of the shares of what is above zero; 0 when nothing is."""
    above = above_chance[above_chance > 0]
    if not above.size:
        return 0.0
    shares = above / above.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


@dataclass(frozen=True, slots=True, eq=False)
class HeadPrecisions:
    """P@L/2 of every head's own map on one protein, by separation; nan where no pair is known."""

    found: dict[Range, Float[np.ndarray, "n_layers n_heads"]]
    moved: dict[Range, Float[np.ndarray, "repeat n_layers n_heads"]]
    """The same when the protein's contacts are moved along the chain."""


def head_precisions(model: Model, protein: LabelledProtein, *, repeats: int = REPEATS, seed: int = 0) -> HeadPrecisions:
    """Every head's map against the protein's contacts, and against the same moved `repeats` times."""
    truth: dict[Range, MovedContacts] = {each: MovedContacts(*protein.truth(), each) for each in SEPARATIONS}
    shares = np.r_[0.0, random_shares(protein.sequence, seed, repeats)]  # by 0: the contacts themselves
    size = len(shares), model.shape.n_layers, model.shape.n_heads
    found: dict[Range, np.ndarray] = {separation: np.full(size, np.nan) for separation in SEPARATIONS}
    for layer, maps in head_maps(model, protein.tokens):
        for index, predicted in enumerate(maps.float().numpy(force=True)):
            for separation, contacts in truth.items():
                if contacts.pairs.any():
                    top = highest(predicted, contacts.pairs, PER)
                    found[separation][:, layer, index] = contacts.contact(top, shares).mean(1)
    return HeadPrecisions(
        {separation: grids[0] for separation, grids in found.items()},
        {separation: grids[1:] for separation, grids in found.items()},
    )


def top_k_precisions(
    model: Model, protein: LabelledProtein, rankings: Sequence[Sequence[Head]], separation: Range = "long"
) -> list[Float[np.ndarray, " k"]]:
    """P@L/2 on one protein of the average of the first 1, 2, 3 … heads of each ranking, all from one pass."""
    contacts, known = protein.truth()
    wanted = {head for ranked in rankings for head in ranked}
    maps: dict[Head, np.ndarray] = {}
    for layer, layer_maps in head_maps(model, protein.tokens):
        maps |= {head: layer_maps[head.index].float().numpy(force=True) for head in wanted if head.layer == layer}
    found = []
    for ranked in rankings:
        total, sweep = np.zeros(contacts.shape), []
        for head in ranked:
            total += maps[head]  # a sum ranks pairs as its average does
            sweep.append(precision_at(total, contacts, known, separation, PER).precision)
        found.append(np.array(sweep))
    return found


def rank_heads(
    model: Model,
    proteins: Mapping[str, LabelledProtein],
    progress: Progress = SILENT,
    *,
    seed: int = 0,
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
        measured.append(head_precisions(model, protein, seed=seed))
        progress.report(done + 1, 2 * len(proteins))
    ranking = summarise(model, proteins, measured, seed)
    sweeps = []
    for done, protein in enumerate(proteins.values()):
        sweeps += top_k_precisions(model, protein, [ranking.heads(LARGEST_K)])
        progress.report(len(proteins) + done + 1, 2 * len(proteins))
    return msgspec.structs.replace(ranking, k_sweep=tuple(np.mean(sweeps, axis=0).tolist()))


def summarise(
    model: Model,
    proteins: Mapping[str, LabelledProtein],
    measured: Sequence[HeadPrecisions],
    seed: int = 0,
) -> HeadRanking:
    """The ranking from every protein's `head_precisions`, as yet without its sweep over K."""
    precision, chance, chance_heads = {}, {}, {}
    for separation in SEPARATIONS:
        grid = np.nanmean([each.found[separation] for each in measured], axis=0)
        precision[separation] = tuple(tuple(row) for row in grid.tolist())
        chance[separation] = mean_chance(proteins.values(), separation)
        moved = np.nanmean([each.moved[separation] for each in measured], axis=0)
        numbers = [effective_number(each - chance[separation]) for each in moved]
        best, number = np.quantile(moved.max((1, 2)), (0.5, 0.95)), np.quantile(numbers, (0.5, 0.05))
        chance_heads[separation] = ChanceHeads(len(moved), seed, tuple(best.tolist()), tuple(number.tolist()))
    definitions = "; ".join(sorted({protein.definition for protein in proteins.values()}))
    return HeadRanking(model.name, model.fingerprint, tuple(proteins), definitions, precision, chance, (), chance_heads)


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
