"""A TopK sparse autoencoder to train, and its loss (Gao et al. 2024, "Scaling and evaluating sparse autoencoders")."""

from typing import Final

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from core.features.dictionary import Dictionary, standardised

AUXILIARY: Final = 1 / 32
"""Weight of the loss that dead features earn by explaining what the living ones left."""


class Autoencoder(nn.Module):
    """The parameters of a dictionary, and how long ago each feature fired."""

    tokens_since_fired: Int[Tensor, " n_features"]

    def __init__(self, layer: int, mean: Float[Tensor, " d_model"], n_features: int, k: int):
        super().__init__()
        self.layer, self.k = layer, k
        directions = F.normalize(torch.randn(n_features, len(mean), device=mean.device), dim=-1)
        self.decoder = nn.Parameter(directions)
        self.encoder = nn.Parameter(directions.T.clone())
        self.bias = nn.Parameter(mean.clone())
        self.register_buffer("tokens_since_fired", torch.zeros(n_features, dtype=torch.long, device=mean.device))

    def dictionary(self, parent: str) -> Dictionary:
        """The parameters as they stand, shared and not copied."""
        no_bias = torch.zeros(len(self.decoder), device=self.bias.device, dtype=self.bias.dtype)
        return Dictionary(self.layer, self.encoder, no_bias, self.decoder, self.bias, self.k, True, parent)

    def forward(self, resid: Float[Tensor, "n d_model"], dead_after: int) -> Float[Tensor, ""]:
        """Squared error as a share of the batch's variance, with the auxiliary loss of features that are dead.

        A feature is dead when it hasn't fired for `dead_after` tokens.
        """
        dictionary = self.dictionary("")
        x = standardised(resid)[0]
        activations = dictionary.pre_activations(x)
        largest = activations.topk(self.k, dim=-1)
        # Sums of k rows: a tenth of the work of a dense product with features that are nearly all zero.
        said = self._sum_of_rows(largest.indices, largest.values) + self.bias
        variance = (x - x.mean(0)).square().sum()
        loss = (x - said).square().sum() / variance
        dead = self._dead_after(largest.indices[largest.values > 0], len(x), dead_after)
        if dead.any():
            k = min(len(self.bias) // 2, int(dead.sum()))
            revived = activations.masked_fill(~dead, 0.0).topk(k, dim=-1)
            left = (x - said).detach()
            error = (left - self._sum_of_rows(revived.indices, revived.values)).square().sum()
            loss = loss + AUXILIARY * error / left.square().sum()
        return loss

    def _sum_of_rows(self, indices: Int[Tensor, "n k"], values: Float[Tensor, "n k"]) -> Float[Tensor, "n d_model"]:
        return F.embedding_bag(indices, self.decoder, per_sample_weights=values, mode="sum")

    def _dead_after(self, fired: Int[Tensor, " n_fired"], n: int, dead_after: int) -> Bool[Tensor, " n_features"]:
        self.tokens_since_fired += n
        self.tokens_since_fired[fired] = 0
        return self.tokens_since_fired > dead_after

    @torch.no_grad()  # or each gradient would hold on to a graph, and both to memory for good
    def keep_unit_rows(self) -> None:
        """Before a step: forget the gradient along each decoder row, whose length is to stay 1."""
        if self.decoder.grad is not None:
            self.decoder.grad -= (self.decoder.grad * self.decoder).sum(-1, keepdim=True) * self.decoder.detach()

    @torch.no_grad()
    def renormalise(self) -> None:
        """After a step: decoder rows of length 1 again."""
        self.decoder.copy_(F.normalize(self.decoder, dim=-1))
