"""One training run in one folder: it may be killed at any moment and goes on from its last checkpoint."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from core.training import batches
from core.training.batches import KINDS, Kind, Mix, Plan, plans
from core.training.csv_log import CsvLog
from core.training.device import prepared, training_device
from core.training.families import Collection
from core.training.held_out import perplexities
from core.training.masking import cross_entropy, draw
from core.training.network import Network
from core.training.optimiser import DECAY_SHARE, make_optimisers, rate, set_rate
from core.training.run_state import RunState
from core.training.weights import load_weights, save_model, trained_before
from core.training.workers import Workers

LARGEST_GRADIENT = 1.0
BEFORE_DECAY = "before_decay"
"""Folder of the weights at the full rate's end: the ones to train on from."""


@dataclass(frozen=True)
class Settings:
    """What one run does; with `steps` it is reproducible, with `minutes` it ends on time however busy the machine."""

    n_layers: int = 6
    n_heads: int = 20
    d_head: int = 16
    dropout: float = 0.2
    """Share of what a layer adds that is dropped, for families alone: proteins at large are hardly ever seen twice."""
    seed: int = 0
    minutes: float | None = None
    steps: int | None = None
    tokens_per_micro_batch: int = batches.TOKENS_PER_MICRO_BATCH
    log_every: int = 20
    checkpoint_every: int = 200
    evaluate_every: int = 600
    n_held_out: int = 150
    """Proteins at large read at each evaluation."""
    n_members: int = 40
    """Held-out members of each family read at each evaluation."""
    compiled: bool | None = None
    """Whether layers are compiled; by default on a GPU, where it takes half a minute and then pays."""
    planners: int | None = None
    """Processes that plan micro-batches ahead; by default two for a GPU, which would wait for plans otherwise."""

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

    Writes `checkpoint.pt`, the weights so far (`model.safetensors`, `config.json`), those before the rate decays in
    `before_decay`, `log.csv` (training loss in nats, rate) and `held_out.csv` (perplexity at large and of each family's
    held-out members); minutes and tokens are counted from the first run that the weights went through.
    Raises `InputError` for a checkpoint that can't be read or is of another shape.
    """
    device = training_device()
    with prepared(device):
        return _train(collection, out, settings, start, workers, say, device)


def _train(
    collection: Collection,
    out: Path,
    settings: Settings,
    start: Path | None,
    workers: Workers,
    say: Callable[[str], None],
    device: torch.device,
) -> Network:
    on_gpu = device.type == "cuda"
    out.mkdir(parents=True, exist_ok=True)
    state = _begin(settings, start, device)
    checkpoint = out / "checkpoint.pt"
    if checkpoint.exists():
        state.resume(checkpoint)
        if workers.is_first:
            say(f"going on from step {state.step} after {state.seconds / 60:.1f} minutes")
    if on_gpu if settings.compiled is None else settings.compiled:
        state.network.compile_layers()
    report = _Report(collection, out, settings, state, workers, say)

    mix = Mix(collection, settings.seed, settings.tokens_per_micro_batch // workers.count)
    planners = settings.planners if settings.planners is not None else 2 * on_gpu
    steps = plans(mix, state.step, workers.rank, workers.count, planners)
    tokens = torch.from_numpy(mix.tokens).to(device)
    began = time.monotonic() - state.seconds
    while (progress := settings.progress(state.step, state.seconds)) < 1:
        step = next(steps)
        share = rate(state.step, progress)
        losses, gradient = train_step(state, step, tokens, share, workers)
        state.step, state.seconds = state.step + 1, workers.agreed(time.monotonic() - began)
        for plan in step:
            state.seen.update({name: n * workers.count for name, n in plan.n_tokens.items()})
        report.after_step(losses, gradient, share, progress)
    return state.network


def _begin(settings: Settings, start: Path | None, device: torch.device) -> RunState:
    """A network with its first weights on the device, and its optimisers."""
    torch.manual_seed(settings.seed)
    network = Network(settings.n_layers, settings.n_heads * settings.d_head, settings.n_heads, settings.dropout)
    if start is not None:
        load_weights(network, start)
    network.to(device)
    state = RunState(network, make_optimisers(network))
    if start is not None:
        state.minutes_before, state.seen = trained_before(start)
    return state


def train_step(
    state: RunState, step: Iterable[Plan], tokens: UInt8[Tensor, " tokens"], share: float, workers: Workers
) -> tuple[dict[Kind, list[Tensor]], Float[Tensor, ""]]:
    """One update from all the step's micro-batches: (losses by kind, norm of the gradient), both left on the device.

    Nothing here waits for the device, so that it always has work ahead of it.
    """
    network = state.network
    losses: dict[Kind, list[Tensor]] = {}
    for plan in step:
        batch = draw(tokens, plan)
        network.train(plan.kind == "families")  # dropout for families alone
        with torch.autocast(tokens.device.type, dtype=torch.bfloat16):
            logits = network(batch.tokens)
        loss = cross_entropy(logits, batch)
        (loss / len(KINDS)).backward()
        losses.setdefault(plan.kind, []).append(loss.detach())
    parameters = list(network.parameters())
    workers.average([parameter.grad for parameter in parameters if parameter.grad is not None])
    gradient = torch.nn.utils.clip_grad_norm_(parameters, LARGEST_GRADIENT)
    set_rate(state.optimisers, share)
    for optimiser in state.optimisers:
        optimiser.step()
        optimiser.zero_grad()
    return losses, gradient


class _Report:
    """What a run writes and says as it goes: logs, held-out perplexities, weights and checkpoints."""

    def __init__(
        self,
        collection: Collection,
        out: Path,
        settings: Settings,
        state: RunState,
        workers: Workers,
        say: Callable[[str], None],
    ):
        self.out, self.settings, self.state, self.workers, self.say = out, settings, state, workers, say
        self.log, self.curve = CsvLog(out / "log.csv"), CsvLog(out / "held_out.csv")
        if workers.is_first:
            self.log.cut(state.step)
            self.curve.cut(state.step)
        proteins = np.random.default_rng(settings.seed).permutation(np.array(collection.held_out, dtype=object))
        self.at_large = list(proteins[: settings.n_held_out])
        self.members = {
            split.family.name: (split.held_out[: settings.n_members], split.family.whole_proteins)
            for split in collection.families
        }
        self.losses: dict[Kind, list[Tensor]] = {}

    def after_step(
        self, losses: dict[Kind, list[Tensor]], gradient: Float[Tensor, ""], share: float, before: float
    ) -> None:
        """Do whatever is due after a step; `before` is the progress before it."""
        for kind, values in losses.items():
            self.losses.setdefault(kind, []).extend(values)
        settings, step = self.settings, self.state.step
        progress = settings.progress(step, self.state.seconds)
        over = progress >= 1
        if step % settings.log_every == 0 or over:
            means = self._mean_losses()
            if self.workers.is_first:
                loss = sum(means[kind] for kind in KINDS) / len(KINDS)
                named = {f"loss {kind}": value for kind, value in means.items()}
                self.log.write(**self.state.so_far(), rate=share, loss=loss, **named, gradient=gradient.item())
        if not self.workers.is_first:
            return
        if step % settings.evaluate_every == 0 or over:
            self._evaluate()
        if before < 1 - DECAY_SHARE <= progress:
            self._save_weights(self.out / BEFORE_DECAY)
        if step % settings.checkpoint_every == 0 or over:
            self._save_weights(self.out)
            self.state.save(self.out / "checkpoint.pt")

    def _mean_losses(self) -> dict[Kind, float]:
        """Of each kind since the last time, over all workers."""
        means: dict[Kind, Tensor] = {kind: torch.stack(values).mean() for kind, values in self.losses.items()}
        self.losses.clear()
        self.workers.average(list(means.values()))
        return {kind: float(mean) for kind, mean in means.items()}

    def _evaluate(self) -> None:
        with torch.compiler.set_stance("force_eager"):  # lengths that are read once aren't worth compiling for
            scores = perplexities(self.state.network, self.at_large, self.members)
        self.curve.write(**self.state.so_far(), **scores)
        self.say(f"step {self.state.step}: " + ", ".join(f"{name} {score:.2f}" for name, score in scores.items()))

    def _save_weights(self, folder: Path) -> None:
        save_model(self.state.network, folder, {**self.state.so_far(), "tokens": dict(self.state.seen)})
