"""Where do contacts come from? What each head adds to one contact, and what the map loses without each head."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from core.components import ablate, components
from core.contacts import ContactAccumulator, head_maps
from core.errors import InputError
from core.interventions import Condition, Head, Mode, Scope
from core.model import Model
from core.progress import SILENT, Progress
from core.proteins.contact_scores import Precision, counted_pairs, precision_at
from core.proteins.labelled import LabelledProtein
from core.run import rows_within, stream


@dataclass(frozen=True, slots=True, eq=False)
class ContactShares:
    """One contact's logit as a sum: the bias, and what each head adds (its weight times its corrected map there)."""

    heads: Float[np.ndarray, "n_layers n_heads"]
    bias: float

    @property
    def logit(self) -> float:
        """The logarithm of the odds that the contact head gives: its sigmoid is the probability."""
        return self.bias + float(self.heads.sum())

    @property
    def probability(self) -> float:
        """What the contact head gives the pair."""
        return 1 / (1 + math.exp(-self.logit))

    @property
    def layers(self) -> Float[np.ndarray, " n_layers"]:
        """What each layer's heads add together."""
        return self.heads.sum(1)


def contact_shares(
    model: Model, tokens: Int[Tensor, " pos"], i: int, j: int, condition: Condition = ()
) -> ContactShares:
    """Each head's share of the contact between residues i and j (0-based), exactly: the regression is linear.

    Raises `InputError` for a model without contact head and for residues that are the same or outside the sequence.
    """
    if model.contact_head is None:
        raise InputError(f"{model.name} has no contact head: fit one on the page 'Fit a contact head'")
    check_contact(len(tokens) - 2, i, j)
    weight = model.contact_head.weight.unflatten(0, (model.shape.n_layers, model.shape.n_heads)).double()
    shares = [
        (weight[layer] * maps[:, i, j].double()).numpy(force=True)
        for layer, maps in head_maps(model, tokens, condition)
    ]
    return ContactShares(np.stack(shares), float(model.contact_head.bias))


def check_contact(n_residues: int, i: int, j: int) -> None:
    """Raises `InputError` unless i and j are two residues of the sequence."""
    for residue in (i, j):
        if not 0 <= residue < n_residues:
            raise InputError(f"residue {residue + 1} is outside the sequence: it has residues 1 to {n_residues}")
    if i == j:
        raise InputError(f"a contact is between two residues, not residue {i + 1} and itself")


def contact_maps(
    model: Model,
    tokens: Int[Tensor, " pos"],
    conditions: Sequence[Condition],
    heads: Sequence[Head] = (),
    *,
    progress: Progress = SILENT,
) -> Iterator[Float[np.ndarray, "residue residue"]]:
    """The contact map under each condition in turn: the average of `heads`, or where none is given the contact head's.

    One map at a time, since those of all heads of a large model do not fit in memory. Conditions go in chunks whose
    patterns fit `memory_budget` bytes. Raises `InputError` without heads for a model without contact head,.
    """
    if not heads and model.contact_head is None:
        raise InputError(
            f"{model.name} has no contact head: choose heads to average, or fit one on the page 'Fit a contact head'"
        )
    n_residues = len(tokens) - 2
    per_chunk = rows_within(model, len(tokens), patterns=True)
    done = 0
    for first in range(0, len(conditions), per_chunk):
        chunk = conditions[first : first + per_chunk]
        maps = [ContactAccumulator(model, n_residues, heads) for _ in chunk]
        for computed in stream(model, tokens, chunk):
            assert computed.pattern is not None
            for collected, patterns in zip(maps, computed.pattern, strict=True):
                collected.add(computed.layer, patterns)
        for collected in maps:
            read = collected.heads_map() if heads else collected.contact_head()
            assert read is not None
            yield read
        done += len(chunk)
        progress.report(done, len(conditions))


@dataclass(frozen=True, slots=True, eq=False)
class ContactEffects:
    """What a contact map loses without each component, in the order of `core.analyses.head_ablation.components`."""

    change: Float[np.ndarray, " component"]
    """Mean absolute change of the map over pairs six or more residues apart (probability, or the average's units)."""
    precision: Float[np.ndarray, " component"] | None
    """Change of long-range P@L/2 (negative: worse without it); None for a protein without known contacts."""
    given_precision: float | None
    """That P@L/2 with every component on that `given` leaves on."""
    precision_noise: float = 0.0
    """Two standard errors of it, as a share of L/2 pairs: smaller changes of precision say little."""


def ablation_effects(
    model: Model,
    tokens: Int[Tensor, " pos"],
    protein: LabelledProtein | None = None,
    *,
    heads: Sequence[Head] = (),
    scope: Scope = "all",
    mode: Mode = "zero",
    given: Condition = (),
    progress: Progress = SILENT,
) -> ContactEffects:
    """The effect on the contact map (`heads` averaged, or the contact head's) of ablating every component in turn.

    An ablated head no longer writes, but its own pattern stays: it changes the map through later layers alone. `given`
    holds in every run, the one compared with included. `protein` gives the truth, on the tokens' numbering. Raises
    `InputError` as `contact_maps` does, and when the truth is of another length.
    """
    if protein is not None and len(protein.sequence) != len(tokens) - 2:
        raise InputError(f"{protein.name} has {len(protein.sequence)} residues, the sequence {len(tokens) - 2}")
    conditions = [given, *(given + ablate(component, scope, mode) for component in components(model.shape))]
    maps = contact_maps(model, tokens, conditions, heads, progress=progress)
    counted = counted_pairs(len(tokens) - 2)
    truth = protein.truth() if protein is not None else None
    before = next(maps)
    change, precision = [], []
    for after in maps:
        change.append(np.abs(after[counted] - before[counted]).mean())
        if truth is not None:
            precision.append(precision_at(after, *truth).precision)
    if truth is None:
        return ContactEffects(np.array(change), None, None)
    now = precision_at(before, *truth)
    return ContactEffects(np.array(change), np.array(precision) - now.precision, now.precision, _noise(now))


def _noise(found: Precision) -> float:
    """Two standard errors of a precision, by Agresti and Coull's rule, which leaves some where no pair is right."""
    n = found.n_ranked + 4
    share = (np.nan_to_num(found.precision) * found.n_ranked + 2) / n
    return 2 * math.sqrt(share * (1 - share) / n)
