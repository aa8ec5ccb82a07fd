"""What a training run has come to, in memory and in its checkpoint."""

import os
import pickle
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from core.errors import InputError
from core.training.network import Network


@dataclass
class RunState:
    """A network half-way: with the seed, everything that decides how its run goes on."""

    network: Network
    optimisers: tuple[torch.optim.Optimizer, ...]
    step: int = 0
    seconds: float = 0.0
    minutes_before: float = 0.0
    """Minutes that the weights were trained for before this run."""
    seen: Counter[str] = field(default_factory=Counter)
    """Tokens of each source, those before this run included."""

    def so_far(self) -> dict[str, int | float]:
        """How far the weights have come, as a row of a log."""
        minutes = round(self.minutes_before + self.seconds / 60, 2)
        return {"step": self.step, "minutes": minutes, "tokens": self.seen.total()}

    def save(self, path: Path) -> None:
        """Write everything the run needs to go on; a kill half-way leaves the checkpoint before it."""
        state = {
            "network": self.network.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "step": self.step,  # the plans to read next, and with the seed all the randomness there is
            "seconds": self.seconds,
            "minutes_before": self.minutes_before,
            "seen": dict(self.seen),
        }
        half_written = path.with_suffix(".new")
        torch.save(state, half_written)
        os.replace(half_written, path)

    def resume(self, path: Path) -> None:
        """Load a checkpoint in place; `InputError` when it can't be read or is of another shape."""
        device = next(self.network.parameters()).device
        try:
            state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
            self.network.load_state_dict(state["network"])
            for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
                optimiser.load_state_dict(saved)
            self.step, self.seconds = state["step"], state["seconds"]
            self.minutes_before, self.seen = state["minutes_before"], Counter(state["seen"])
        except (OSError, EOFError, RuntimeError, KeyError, ValueError, TypeError, pickle.UnpicklingError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(f"cannot go on from {path}: {reason}; remove it to start afresh") from error
