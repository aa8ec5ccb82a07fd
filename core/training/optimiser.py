"""Muon for the layers' matrices, AdamW for everything else, and the learning rate over a run."""

from collections.abc import Iterable
from typing import Any, Final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from core.training.network import Network

MUON_RATE: Final = 3.5e-3
ADAMW_RATE: Final = 2e-3
WEIGHT_DECAY: Final = 0.05
WARM_UP_STEPS: Final = 150
DECAY_SHARE: Final = 0.5
"""The last share of a run, over which the learning rate falls linearly to zero."""
MOMENTUM: Final = 0.95
NEWTON_SCHULZ: Final = (3.4445, -4.7750, 2.0315)
"""Coefficients of the iteration that drives all singular values towards one (Jordan 2024)."""
ITERATIONS: Final = 5


class Muon(torch.optim.Optimizer):
    """Momentum made orthogonal, for matrices: all those of one shape in one batched product.

    The update has the root mean square that AdamW's has (Liu et al. 2025), so that both take similar rates.
    """

    def __init__(self, matrices: Iterable[Tensor], lr: float, weight_decay: float):
        by_shape: dict[torch.Size, list[Tensor]] = {}
        for matrix in matrices:
            by_shape.setdefault(matrix.shape, []).append(matrix)
        groups = [{"params": matrices} for matrices in by_shape.values()]
        super().__init__(groups, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] (no closure)
        for group in self.param_groups:
            self._step(group["params"], group["lr"], group["weight_decay"])

    def _step(self, matrices: list[Tensor], lr: float, weight_decay: float) -> None:
        gradients = torch.stack([matrix.grad for matrix in matrices if matrix.grad is not None])
        state: dict[str, Any] = self.state[matrices[0]]  # one momentum for the whole shape
        momentum = state.setdefault("momentum", torch.zeros_like(gradients))
        momentum.lerp_(gradients, 1 - MOMENTUM)
        update = orthogonalised(gradients.lerp(momentum, MOMENTUM))  # Nesterov's
        scale = 0.2 * max(matrices[0].shape) ** 0.5
        torch._foreach_mul_(matrices, 1 - lr * weight_decay)  # pyright: ignore[reportPrivateImportUsage]
        torch._foreach_add_(matrices, list(update.unbind()), alpha=-lr * scale)  # pyright: ignore[reportPrivateImportUsage]


def orthogonalised(matrices: Float[Tensor, "matrices out in"]) -> Float[Tensor, "matrices out in"]:
    """Each matrix with its singular values driven towards one, by five Newton–Schulz iterations.

    In bfloat16, which is exact enough; on a CPU, where that is slow, in the matrices' own precision.
    """
    a, b, c = NEWTON_SCHULZ
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x if x.device.type == "cpu" else x.bfloat16()
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(ITERATIONS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return (x.mT if tall else x).to(matrices.dtype)


def make_optimisers(network: Network) -> tuple[Muon, torch.optim.AdamW]:
    """Optimisers over the network's parameters."""
    matrices = [
        module.weight
        for parent in (*network.layers, network.lm_head)
        for module in parent.modules()
        if isinstance(module, nn.Linear)
    ]
    chosen = {id(parameter) for parameter in matrices}
    others = [parameter for parameter in network.parameters() if id(parameter) not in chosen]
    fused = others[0].device.type == "cuda"
    muon = Muon(matrices, lr=MUON_RATE, weight_decay=WEIGHT_DECAY)
    adamw = torch.optim.AdamW(others, lr=ADAMW_RATE, betas=(0.9, 0.98), weight_decay=0.0, fused=fused)
    return muon, adamw


def rate(step: int, progress: float) -> float:
    """The share of the full learning rate at a step, where `progress` of the run, 0 to 1, is over.

    Warm-up by steps, then constant, then a linear decay to zero over the last half.
    """
    warm_up = min(1.0, (step + 1) / WARM_UP_STEPS)
    return warm_up * min(1.0, max(0.0, 1 - progress) / DECAY_SHARE)


def set_rate(optimisers: Iterable[torch.optim.Optimizer], share: float) -> None:
    """Set every group's learning rate to a share of its full one."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = optimiser.defaults["lr"] * share
