"""Muon for the layers' matrices, AdamW for everything else, and the learning rate over a run."""

from collections.abc import Iterable
from typing import Final

import torch
from torch import nn

from core.training.network import Network

MUON_RATE: Final = 3.5e-3
ADAMW_RATE: Final = 2e-3
WEIGHT_DECAY: Final = 0.05
WARM_UP_STEPS: Final = 150
DECAY_SHARE: Final = 0.4
"""The last share of a run, over which the learning rate falls linearly to zero."""


def make_optimisers(network: Network) -> tuple[torch.optim.Muon, torch.optim.AdamW]:
    """Optimisers over the network's parameters, each group remembering its full rate as `peak`."""
    matrices = [
        module.weight
        for parent in (*network.layers, network.lm_head)
        for module in parent.modules()
        if isinstance(module, nn.Linear)
    ]
    chosen = {id(parameter) for parameter in matrices}
    others = [parameter for parameter in network.parameters() if id(parameter) not in chosen]
    muon = torch.optim.Muon(matrices, lr=MUON_RATE, weight_decay=WEIGHT_DECAY, adjust_lr_fn="match_rms_adamw")
    adamw = torch.optim.AdamW(others, lr=ADAMW_RATE, betas=(0.9, 0.98), weight_decay=0.0)
    return muon, adamw


def rate(step: int, progress: float) -> float:
    """The share of the full learning rate at a step, where `progress` of the run, 0 to 1, is over.

    Warm-up by steps, then constant, then a linear decay to zero over the last 40%.
    """
    warm_up = min(1.0, (step + 1) / WARM_UP_STEPS)
    return warm_up * min(1.0, max(0.0, 1 - progress) / DECAY_SHARE)


def set_rate(optimisers: Iterable[torch.optim.Optimizer], share: float) -> None:
    """Set every group's learning rate to a share of its full one."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = optimiser.defaults["lr"] * share
