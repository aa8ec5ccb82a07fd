"""One training run in one folder: it may be killed at any moment and goes on from its last checkpoint."""

import csv
import os
import pickle
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from core.errors import InputError
from core.training.batches import Mix
from core.training.families import Collection
from core.training.held_out import perplexities
from core.training.network import Network
from core.training.optimiser import make_optimisers, rate, set_rate
from core.training.shipping import load_weights, save_model, trained_before
from core.training.workers import Workers

LARGEST_GRADIENT = 1.0


@dataclass(frozen=True)
class Settings:
    """What one run does; with `steps` it is reproducible, with `minutes` it ends on time however busy the machine."""

    n_layers: int = 6
    n_heads: int = 12
    d_head: int = 16
    seed: int = 0
    minutes: float | None = None
    steps: int | None = None
    tokens_per_batch: int = 8192
    log_every: int = 20
    checkpoint_every: int = 200
    evaluate_every: int = 600
    n_held_out: int = 150
    """Proteins at large read at each evaluation; 40 of each family."""

    def progress(self, step: int, seconds: float) -> float:
        """How much of the run is over, 0 to 1."""
        by_steps = step / self.steps if self.steps else 0.0
        by_time = seconds / (60 * self.minutes) if self.minutes else 0.0
        return max(by_steps, by_time)


def train(
    collection: Collection,
    out: Path,
    settings: Settings,
    start: Path | None = None,
    workers: Workers = Workers(),
    say: Callable[[str], None] = print,
) -> Network:
    """Train to the end of the schedule, from `start`'s weights or from scratch, or on from the checkpoint in `out`.

    Writes `checkpoint.pt`, the weights so far (`model.safetensors`, `config.json`), `log.csv` (training loss in nats,
    rate) and `held_out.csv` (perplexity at large and of each family's held-out members); minutes and tokens are counted
    from the first run that the weights went through.
    Raises `InputError` for a checkpoint that can't be read or is of another shape.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(settings.seed)
    network = Network(settings.n_layers, settings.n_heads * settings.d_head, settings.n_heads)
    minutes_before, seen = 0.0, Counter[str]()
    if start is not None:
        load_weights(network, start)
        minutes_before, seen = trained_before(start)
    network.to(device)
    optimisers = make_optimisers(network)
    mix = Mix(collection, settings.seed, settings.tokens_per_batch // workers.count)
    tests = {split.family.name: (split.held_out[:40], split.family.whole_proteins) for split in collection.families}
    proteins = np.random.default_rng(settings.seed).permutation(np.array(collection.held_out, dtype=object))
    at_large = list(proteins[: settings.n_held_out])

    checkpoint = out / "checkpoint.pt"
    step, seconds = 0, 0.0
    if checkpoint.exists():
        step, seconds, minutes_before, seen = _resume(checkpoint, network, optimisers, device)
        if workers.is_first:
            say(f"going on from step {step} after {seconds / 60:.1f} minutes")
    log, curve = CsvLog(out / "log.csv"), CsvLog(out / "held_out.csv")
    if workers.is_first:
        log.cut(step)
        curve.cut(step)

    parameters = list(network.parameters())
    began = time.monotonic() - seconds
    losses: list[float] = []
    while (progress := settings.progress(step, seconds)) < 1:
        batch = mix.batch(step * workers.count + workers.rank)
        share = rate(step, progress)
        set_rate(optimisers, share)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            logits = network(batch.tokens.to(device), batch.asked.to(device))
        loss = F.cross_entropy(logits.float(), batch.targets.to(device))
        loss.backward()
        # Averaged along with the gradients, so that all workers agree on the loss and on how late it is.
        report = torch.tensor([loss.item(), time.monotonic() - began, *batch.n_tokens.values()], device=device)
        workers.average([*(p.grad for p in parameters if p.grad is not None), report])
        norm = torch.nn.utils.clip_grad_norm_(parameters, LARGEST_GRADIENT)
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad()
        step, seconds = step + 1, report[1].item()
        losses.append(report[0].item())
        for name, n_tokens in zip(batch.n_tokens, report[2:].tolist(), strict=True):
            seen[name] += round(n_tokens * workers.count)
        if not workers.is_first:
            continue

        over = settings.progress(step, seconds) >= 1
        so_far = {"step": step, "minutes": round(minutes_before + seconds / 60, 2), "tokens": seen.total()}
        if step % settings.log_every == 0 or over:
            log.write(**so_far, rate=share, loss=float(np.mean(losses)), gradient=norm.item())
            losses.clear()
        if step % settings.evaluate_every == 0 or over:
            scores = perplexities(network, at_large, tests)
            curve.write(**so_far, **scores)
            say(f"step {step}: " + ", ".join(f"{name} {score:.2f}" for name, score in scores.items()))
        if step % settings.checkpoint_every == 0 or over:
            save_model(network, out, {**so_far, "tokens": dict(seen)})
            _save(checkpoint, network, optimisers, step, seconds, minutes_before, seen)
    return network


def _save(
    path: Path,
    network: Network,
    optimisers: tuple[torch.optim.Optimizer, ...],
    step: int,
    seconds: float,
    minutes_before: float,
    seen: Counter[str],
) -> None:
    """Write everything a run needs to go on; a kill half-way leaves the checkpoint before it."""
    state = {
        "network": network.state_dict(),
        "optimisers": [optimiser.state_dict() for optimiser in optimisers],
        "step": step,  # the batch to read next, and with the seed all the randomness there is
        "seconds": seconds,
        "minutes_before": minutes_before,
        "seen": dict(seen),
    }
    half_written = path.with_suffix(".new")
    torch.save(state, half_written)
    os.replace(half_written, path)


def _resume(
    path: Path, network: Network, optimisers: tuple[torch.optim.Optimizer, ...], device: torch.device
) -> tuple[int, float, float, Counter[str]]:
    """Load a checkpoint in place: (step, seconds trained, minutes trained before this run, tokens seen)."""
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        network.load_state_dict(state["network"])
        for optimiser, saved in zip(optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        return state["step"], state["seconds"], state["minutes_before"], Counter(state["seen"])
    except (OSError, EOFError, RuntimeError, KeyError, ValueError, TypeError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"cannot go on from {path}: {reason}; remove it to start afresh") from error


class CsvLog:
    """A CSV file that grows by rows."""

    def __init__(self, path: Path):
        self.path = path

    def cut(self, step: int) -> None:
        """Forget what came after a step: a resumed run writes it again."""
        if not self.path.exists():
            return
        with self.path.open(newline="") as file:
            kept = [row for row in csv.DictReader(file) if int(row["step"]) <= step]
        self.path.unlink()
        for row in kept:
            self.write(**row)

    def write(self, **row: Any) -> None:
        new = not self.path.exists()
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, row)
            if new:
                writer.writeheader()
            writer.writerow(row)
