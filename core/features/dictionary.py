"""A sparse autoencoder of one layer's residual stream as frozen data: a dictionary of features."""

from dataclasses import dataclass, fields, replace
from typing import Final, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

STD_EPS: Final = 1e-5


def standardised(
    resid: Float[Tensor, "*at d_model"],
) -> tuple[Float[Tensor, "*at d_model"], Float[Tensor, "*at 1"], Float[Tensor, "*at 1"]]:
    """(x, mean, std), where x = (resid - mean) / std over each position's entries; std is the unbiased one + 1e-5."""
    mean, std = resid.mean(-1, keepdim=True), resid.std(-1, keepdim=True) + STD_EPS
    return (resid - mean) / std, mean, std


class Code(NamedTuple):
    """The features active at each position, and what standardising took from the stream there."""

    features: Float[Tensor, "*at n_features"]
    mean: Float[Tensor, "*at 1"]
    std: Float[Tensor, "*at 1"]


class Parts(NamedTuple):
    """The stream of one position as a sum: contributions, what the dictionary says without features, and its error."""

    features: Int[Tensor, " active"]
    activations: Float[Tensor, " active"]
    contributions: Float[Tensor, "active d_model"]
    without: Float[Tensor, " d_model"]
    error: Float[Tensor, " d_model"]


@dataclass(frozen=True, slots=True, eq=False)
class Dictionary:
    """Features of the residual stream after one layer.

    With x standardised over its entries where the dictionary does so,
    f = TopK(ReLU((x - bias) encoder + encoder_bias)) and x' = f decoder + bias, put back on the stream's own scale.
    """

    layer: int
    """Counted from 0: the dictionary reads `resid_post` of this layer."""
    encoder: Float[Tensor, "d_model n_features"]
    encoder_bias: Float[Tensor, " n_features"]
    decoder: Float[Tensor, "n_features d_model"]
    bias: Float[Tensor, " d_model"]
    k: int | None
    """How many features may be active at a position; None where ReLU alone decides."""
    standardises: bool
    parent: str | None = None
    """`trunk_fingerprint` of the weights it was trained on, None where the file doesn't say."""
    idf: Float[Tensor, " n_features"] | None = None
    """How specific each feature is: log of how many proteins there are for one in which it fires."""
    largest: Float[Tensor, " n_features"] | None = None
    """Each feature's largest activation over the proteins it was described on."""

    @property
    def n_features(self) -> int:
        return self.decoder.shape[0]

    @property
    def d_model(self) -> int:
        return self.decoder.shape[1]

    def to(self, dtype: torch.dtype | None = None, device: torch.device | str | None = None) -> "Dictionary":
        """The same dictionary in another precision or place."""
        held = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(
            self, **{name: t.to(device=device, dtype=dtype) for name, t in held.items() if torch.is_tensor(t)}
        )

    def encode(self, resid: Float[Tensor, "*at d_model"]) -> Code:
        """The activation of every feature at each position of a residual stream."""
        x, mean, std = self.standardise(resid)
        return Code(self.top(self.pre_activations(x)), mean, std)

    def decode(self, code: Code) -> Float[Tensor, "*at d_model"]:
        """The residual stream that the active features say: what `encode` read, up to the dictionary's error."""
        return (code.features @ self.decoder + self.bias) * code.std + code.mean

    def parts(self, resid: Float[Tensor, " d_model"]) -> "Parts":
        """One position's stream taken apart: what each active feature adds, what is there without any, and the rest."""
        code = self.encode(resid)
        active = code.features.nonzero()[:, 0]
        each = code.features[active, None] * self.decoder[active] * code.std
        without = self.bias * code.std + code.mean
        return Parts(active, code.features[active], each, without, resid - each.sum(0) - without)

    def standardise(
        self, resid: Float[Tensor, "*at d_model"]
    ) -> tuple[Float[Tensor, "*at d_model"], Float[Tensor, "*at 1"], Float[Tensor, "*at 1"]]:
        """(x, mean, std) of `standardised`, or (resid, 0, 1) where the dictionary reads the stream as it is."""
        if self.standardises:
            return standardised(resid)
        one = torch.ones_like(resid[..., :1])
        return resid, torch.zeros_like(one), one

    def pre_activations(self, x: Float[Tensor, "*at d_model"]) -> Float[Tensor, "*at n_features"]:
        """ReLU((x - bias) encoder + encoder_bias), before TopK."""
        return F.relu((x - self.bias) @ self.encoder + self.encoder_bias)

    def top(self, activations: Float[Tensor, "*at n_features"]) -> Float[Tensor, "*at n_features"]:
        """The k largest of each position, the others zero; of equal ones, those that `torch.topk` takes."""
        if self.k is None or self.k >= self.n_features:
            return activations
        largest = activations.topk(self.k, dim=-1)
        return torch.zeros_like(activations).scatter(-1, largest.indices, largest.values)
