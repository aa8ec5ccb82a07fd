"""Contacts from attention: head maps with average product correction, the contact head, and precision against truth.

Layer by layer: nothing of size layers x heads x pos x pos is ever held.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.errors import InputError
from core.interventions import Condition, Head
from core.model import Model
from core.run import stream


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


def mean_corrected(patterns: Float[Tensor, "n_heads pos pos"]) -> Float[Tensor, "residue residue"]:
    """The mean of the heads' symmetrised and corrected maps (arbitrary units; larger: more likely in contact)."""
    return _corrected(patterns).mean(0)


def head_maps(
    model: Model, tokens: Int[Tensor, " pos"], condition: Condition = ()
) -> Iterator[tuple[int, Float[Tensor, "n_heads residue residue"]]]:
    """(layer, its heads' symmetrised and corrected maps), one layer at a time."""
    for computed in stream(model, tokens, (condition,)):
        assert computed.pattern is not None
        yield computed.layer, _corrected(computed.pattern[0])
        del computed  # or its patterns would stay while the next layer's are computed


def contact_weights(model: Model) -> Float[np.ndarray, "n_layers n_heads"]:
    """What the contact head makes of every head; `InputError` for a model without one."""
    if model.contact_head is None:
        raise InputError(f"{model.name} has no contact head")
    return model.contact_head.weight.float().numpy(force=True).reshape(model.shape.n_layers, model.shape.n_heads)


class ContactAccumulator:
    """Collects contact maps layer by layer, so that a pass made for something else yields them as well."""

    def __init__(self, model: Model, n_residues: int, averaged: Sequence[Head] = ()) -> None:
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
    model: Model, tokens: Int[Tensor, " pos"], condition: Condition = ()
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
    model: Model, tokens: Int[Tensor, " pos"], heads: Sequence[Head], condition: Condition = ()
) -> Float[np.ndarray, "residue residue"]:
    """The mean of the chosen heads' corrected maps; `InputError` when none is chosen."""
    if not heads:
        raise InputError("choose at least one head to average")
    return _accumulated(model, tokens, heads, condition).heads_map()


def _accumulated(model: Model, tokens: Tensor, heads: Sequence[Head], condition: Condition) -> ContactAccumulator:
    contacts = ContactAccumulator(model, len(tokens) - 2, heads)
    for computed in stream(model, tokens, (condition,)):
        assert computed.pattern is not None
        contacts.add(computed.layer, computed.pattern[0])
        del computed
    return contacts
