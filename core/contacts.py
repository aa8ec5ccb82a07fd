"""Contacts from attention: head maps with average product correction, the contact head, and precision against truth.

Layer by layer: nothing of size layers x heads x pos x pos is ever held.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from core.errors import InputError
from core.interventions import Condition, Head
from core.model import Esm2
from core.run import stream

Range = Literal["short", "medium", "long"]
SEPARATIONS: dict[Range, tuple[int, int | None]] = {"short": (6, 11), "medium": (12, 23), "long": (24, None)}
"""|i - j| of a contact, both ends included: the ranges of CASP and of Rao et al. (2021)."""


def apc(maps: Float[Tensor, "*lead residue residue"]) -> Float[Tensor, "*lead residue residue"]:
    """Average product correction (Dunn et al. 2008): minus row sum x column sum / total; an all-zero map stays zero."""
    rows, columns = maps.sum(-1, keepdim=True), maps.sum(-2, keepdim=True)
    total = maps.sum((-1, -2), keepdim=True)
    share = torch.where(total == 0, 0.0, columns / torch.where(total == 0, 1.0, total))
    return torch.addcmul(maps, rows, share, value=-1)  # the product is never held: maps of long proteins are large


def symmetrised(patterns: Float[Tensor, "*lead pos pos"]) -> Float[Tensor, "*lead residue residue"]:
    """A + A^T between residues, BOS and EOS left out; not halved, as in fair-esm's contact head; float32
    or better, as bfloat16 cannot tell weak contacts apart."""
    inner = patterns[..., 1:-1, 1:-1]
    inner = inner.to(torch.promote_types(inner.dtype, torch.float32))
    return inner + inner.transpose(-1, -2)


def _corrected(patterns: Float[Tensor, "n_heads pos pos"]) -> Float[Tensor, "n_heads residue residue"]:
    """Symmetrised and corrected, head by head: what lies between stays in the processor's cache."""
    size = len(patterns), patterns.shape[-1] - 2, patterns.shape[-1] - 2
    maps = patterns.new_empty(size, dtype=torch.promote_types(patterns.dtype, torch.float32))
    for index, pattern in enumerate(patterns):
        maps[index] = apc(symmetrised(pattern))
    return maps


def head_maps(
    model: Esm2, tokens: Int[Tensor, " pos"], condition: Condition = ()
) -> Iterator[tuple[int, Float[Tensor, "n_heads residue residue"]]]:
    """(layer, its heads' symmetrised and corrected maps), one layer at a time."""
    for computed in stream(model, tokens, (condition,)):
        assert computed.pattern is not None
        yield computed.layer, _corrected(computed.pattern[0])
        del computed  # or its patterns would stay while the next layer's are computed


class ContactAccumulator:
    """Collects contact maps layer by layer, so that a pass made for something else yields them as well."""

    def __init__(self, model: Esm2, n_residues: int, averaged: Sequence[Head] = ()) -> None:
        self._head, self._shape, self._averaged = model.contact_head, model.shape, averaged
        dtype = torch.promote_types(model.dtype, torch.float32)
        zeros = torch.zeros(n_residues, n_residues, dtype=dtype, device=model.device)
        self._logits, self._sum = zeros.clone(), zeros

    def add(self, layer: int, patterns: Float[Tensor, "n_heads pos pos"]) -> None:
        """Takes in one layer's patterns."""
        maps = _corrected(patterns)
        if self._head is not None:
            weight = self._head.weight.unflatten(0, (self._shape.n_layers, self._shape.n_heads))[layer]
            self._logits += torch.einsum("h,hij->ij", weight.to(maps.dtype), maps)
        chosen = [head.index for head in self._averaged if head.layer == layer]
        self._sum += maps[chosen].sum(0)

    def contact_head(self) -> Float[np.ndarray, "residue residue"] | None:
        """Probabilities from the model's own contact regression, None when it has none."""
        if self._head is None:
            return None
        return (self._logits + self._head.bias).float().sigmoid().numpy(force=True)

    def heads_map(self) -> Float[np.ndarray, "residue residue"]:
        """The mean of the averaged heads' corrected maps (arbitrary units; larger: more likely in contact)."""
        return (self._sum / max(len(self._averaged), 1)).float().numpy(force=True)


def contact_map(
    model: Esm2, tokens: Int[Tensor, " pos"], condition: Condition = ()
) -> Float[np.ndarray, "residue residue"]:
    """Contact probabilities from the model's own contact head (a logistic regression on all heads' maps).

    Raises `InputError` when the model has no contact head.
    """
    found = _accumulated(model, tokens, (), condition).contact_head()
    if found is None:
        raise InputError(
            f"{model.name} has no contact head: average heads, or fit one on the page 'Fit a contact head'"
        )
    return found


def heads_map(
    model: Esm2, tokens: Int[Tensor, " pos"], heads: Sequence[Head], condition: Condition = ()
) -> Float[np.ndarray, "residue residue"]:
    """The mean of the chosen heads' corrected maps; `InputError` when none is chosen."""
    if not heads:
        raise InputError("choose at least one head to average")
    return _accumulated(model, tokens, heads, condition).heads_map()


def _accumulated(model: Esm2, tokens: Tensor, heads: Sequence[Head], condition: Condition) -> ContactAccumulator:
    contacts = ContactAccumulator(model, len(tokens) - 2, heads)
    for computed in stream(model, tokens, (condition,)):
        assert computed.pattern is not None
        contacts.add(computed.layer, computed.pattern[0])
        del computed
    return contacts


@dataclass(frozen=True, slots=True)
class Precision:
    """How many of the top-ranked pairs are contacts, and what picking pairs blindly would give."""

    separation: Range
    per: int
    """k of P@L/k: the L / k highest pairs were looked at, L residues in the sequence."""
    n_ranked: int
    precision: float
    """Share of contacts among them; nan when no pair of this separation is known."""
    chance: float
    """Share of contacts among all known pairs of this separation."""


def pairs_in_range(n_residues: int, separation: Range) -> Bool[np.ndarray, "residue residue"]:
    """Unordered pairs (upper triangle) of a separation."""
    low, high = SEPARATIONS[separation]
    distance = np.subtract.outer(np.arange(n_residues), np.arange(n_residues)) * -1
    return (distance >= low) & (distance <= (n_residues if high is None else high))


def precision_at(
    predicted: Float[np.ndarray, "residue residue"],
    contacts: Bool[np.ndarray, "residue residue"],
    known: Bool[np.ndarray, "residue residue"],
    separation: Range = "long",
    per: int = 2,
) -> Precision:
    """P@L/k over known pairs of one separation; ties are ranked by position, first residues first."""
    n_residues = len(predicted)
    pairs = pairs_in_range(n_residues, separation) & known
    truth, scores = contacts[pairs], predicted[pairs]
    n_ranked = min(max(n_residues // per, 1), len(scores))
    top = np.argsort(-scores, kind="stable")[:n_ranked]
    precision = float(truth[top].mean()) if n_ranked else float("nan")
    return Precision(separation, per, n_ranked, precision, float(truth.mean()) if len(truth) else float("nan"))


def top_contacts(
    predicted: Float[np.ndarray, "residue residue"], n_pairs: int, min_separation: int = 6
) -> list[tuple[int, int]]:
    """The `n_pairs` highest pairs (i < j) at least `min_separation` apart, best first."""
    i, j = np.triu_indices(len(predicted), min_separation)
    best = np.argsort(-predicted[i, j], kind="stable")[:n_pairs]
    return [(int(i[at]), int(j[at])) for at in best]


NEAR: Final = 12.0
"""Å below which a predicted pair that is no contact is a near miss."""
Verdict = Literal["right", "near", "wrong", "predicted"]


def judge_pairs(
    pairs: Sequence[tuple[int, int]], distances: Float[np.ndarray, "residue residue"], cutoff: float = 8.0
) -> list[Verdict]:
    """How each predicted pair fares: closer than `cutoff` Å is right; closer than 12 Å, or within two residues of a
    right pair on both sides, is a near miss; "predicted" where the structure does not resolve the pair."""
    i, j = np.indices(distances.shape)
    # neighbours along the chain nearly always touch: they are no contact to have nearly missed
    contacts = np.pad((distances < cutoff) & (np.abs(i - j) >= SEPARATIONS["short"][0]), 2)
    verdicts: list[Verdict] = []
    for i, j in pairs:
        if np.isnan(distances[i, j]):
            verdicts.append("predicted")
        elif distances[i, j] < cutoff:
            verdicts.append("right")
        else:
            neighbours = contacts[i : i + 5, j : j + 5].any()
            verdicts.append("near" if distances[i, j] < NEAR or neighbours else "wrong")
    return verdicts
