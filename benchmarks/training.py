"""`python -m benchmarks.training`: how many tokens a second the trainer takes, plain and compiled, GPU or not."""

import time
from itertools import islice
from typing import Final

import numpy as np
import torch

from core.alphabet import AMINO_ACIDS
from core.training.batches import Mix, plans
from core.training.device import prepared, training_device
from core.training.families import FAMILIES, Collection, FamilySplit
from core.training.network import Network
from core.training.optimiser import make_optimisers
from core.training.run_state import RunState
from core.training.trainer import train_step
from core.training.workers import Workers

N_LAYERS, N_HEADS, D_HEAD = 6, 20, 16
WARM_UP: Final = {"cuda": 60, "cpu": 1}
MEASURED: Final = {"cuda": 60, "cpu": 3}
TOKENS: Final = {"cuda": 12_288, "cpu": 2_048}


def made_up(rng: np.random.Generator, n: int, shortest: int, longest: int) -> tuple[str, ...]:
    return tuple("".join(rng.choice(list(AMINO_ACIDS), size=rng.integers(shortest, longest))) for _ in range(n))


def collection() -> Collection:
    """As many families as are trained, each of its own length."""
    rng = np.random.default_rng(0)
    splits = [FamilySplit(family, made_up(rng, 200, 50 + 5 * i, 60 + 5 * i), ()) for i, family in enumerate(FAMILIES)]
    return Collection(made_up(rng, 2000, 50, 600), (), tuple(splits))


def measure(device: torch.device, compiled: bool) -> tuple[float, float]:
    """Seconds of the first step, which compiles, and tokens a second of steps after a few."""
    tokens_per_micro_batch = TOKENS[device.type]
    mix = Mix(collection(), 0, tokens_per_micro_batch)
    tokens = torch.from_numpy(mix.tokens).to(device)
    network = Network(N_LAYERS, N_HEADS * D_HEAD, N_HEADS, 0.2).to(device)
    if compiled:
        network.compile_layers()
    state = RunState(network, make_optimisers(network))
    steps = plans(mix, 0, 0, 1, processes=2 if device.type == "cuda" else 0)

    def train(n: int) -> tuple[int, float]:
        began, n_tokens = time.perf_counter(), 0
        for step in islice(steps, n):
            train_step(state, step, tokens, 0.1, Workers())
            n_tokens += sum(sum(plan.n_tokens.values()) for plan in step)
        if device.type == "cuda":
            torch.cuda.synchronize()
        return n_tokens, time.perf_counter() - began

    _, first = train(1)
    train(WARM_UP[device.type])
    n_tokens, seconds = train(MEASURED[device.type])
    return first, n_tokens / seconds


def main() -> None:
    device = training_device()
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    print(f"{N_LAYERS} x {N_HEADS} x {N_HEADS * D_HEAD} on {name}, three micro-batches of {TOKENS[device.type]} tokens")
    for compiled in (False, True):
        with prepared(device):
            first, rate = measure(device, compiled)
        print(f"{'compiled' if compiled else 'plain':9} first step {first:5.1f} s, then {rate:9,.0f} tokens a second")


if __name__ == "__main__":
    main()
