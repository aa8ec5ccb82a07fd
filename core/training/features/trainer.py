"""One run that trains dictionaries of several layers of a model at once; it may be killed and goes on."""

import pickle
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from core.errors import InputError
from core.features.dictionary import standardised
from core.features.files import save_dictionary
from core.model import Model
from core.run import stream
from core.training.batches import KINDS, Mix
from core.training.csv_log import CsvLog
from core.training.families import Collection
from core.training.features.autoencoder import Autoencoder
from core.training.masking import draw
from core.whole_file import whole_file

WARM_UP: Final = 200
DECAY_SHARE: Final = 0.3
"""The last share of a run, over which the rate falls linearly to zero."""
LARGEST_GRADIENT: Final = 1.0


@dataclass(frozen=True)
class Settings:
    """What one run does."""

    layers: tuple[int, ...]
    n_features: int = 4096
    k: int = 32
    steps: int = 2000
    tokens_per_batch: int = 4096
    rate: float = 8e-4
    dead_after: int = 250_000
    """Tokens without firing after which a feature is dead."""
    seed: int = 0
    checkpoint_every: int = 200
    log_every: int = 50

    def rate_at(self, step: int) -> float:
        """Warm-up, then constant, then a linear decay to zero."""
        return self.rate * min(1.0, (step + 1) / WARM_UP, (1 - step / self.steps) / DECAY_SHARE)


def train_dictionaries(
    model: Model,
    collection: Collection,
    out: Path,
    settings: Settings,
    notes: Mapping[str, object],
    say: Callable[[str], None] = print,
) -> None:
    """Train to the end of the schedule, or on from `out`'s checkpoint.

    Half of the tokens are of proteins at large, half of families, masked as in the embedded model's training. Writes
    `layer_{N}/` (Biohub's format: the stream after N layers), `log.csv` (loss of each layer) and `checkpoint.pt`.
    """
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(settings.seed)
    mix = Mix(collection, settings.seed, settings.tokens_per_batch // 2)
    tokens = torch.from_numpy(mix.tokens).to(model.device)
    first = residual_streams(model, mix, tokens, 0, settings.layers)
    learners = [_Learner(layer, first[layer], settings) for layer in settings.layers]
    checkpoint = out / "checkpoint.pt"
    begin = _resume(checkpoint, learners) if checkpoint.exists() else 0
    log = CsvLog(out / "log.csv")
    log.cut(begin)
    began = time.monotonic()
    for step in range(begin, settings.steps):
        streams = residual_streams(model, mix, tokens, step, settings.layers)
        losses = {
            f"loss L{learner.layer + 1}": learner.step(streams[learner.layer], settings.rate_at(step))
            for learner in learners
        }
        dead = {f"dead L{learner.layer + 1}": learner.n_dead() for learner in learners}
        done = step + 1
        over = done == settings.steps
        if done % settings.log_every == 0 or over:
            log.write(step=done, tokens=done * settings.tokens_per_batch, **losses, **dead)
            say(f"step {done} of {settings.steps}, {time.monotonic() - began:.0f} s: {losses | dead}")
        if done % settings.checkpoint_every == 0 or over:
            for learner in learners:
                dictionary = learner.autoencoder.dictionary(model.trunk_fingerprint)
                so_far = {**notes, "tokens": done * settings.tokens_per_batch, "dead": learner.n_dead()}
                save_dictionary(dictionary, out / f"layer_{learner.layer + 1}", so_far)
            _save(checkpoint, learners, done)


class _Learner:
    """A layer's autoencoder and its optimiser."""

    def __init__(self, layer: int, resid: Float[Tensor, "n d_model"], settings: Settings):
        self.layer, self.dead_after = layer, settings.dead_after
        self.autoencoder = Autoencoder(layer, standardised(resid)[0].mean(0), settings.n_features, settings.k)
        self.optimiser = torch.optim.Adam(self.autoencoder.parameters(), lr=settings.rate)

    def step(self, resid: Float[Tensor, "n d_model"], rate: float) -> float:
        """One update; the loss before it."""
        self.optimiser.param_groups[0]["lr"] = rate
        loss = self.autoencoder(resid, self.dead_after)
        loss.backward()
        self.autoencoder.keep_unit_rows()
        torch.nn.utils.clip_grad_norm_(self.autoencoder.parameters(), LARGEST_GRADIENT)
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.autoencoder.renormalise()
        return loss.item()

    def n_dead(self) -> int:
        return int((self.autoencoder.tokens_since_fired > self.dead_after).sum())


@torch.no_grad()
def residual_streams(
    model: Model, mix: Mix, tokens: UInt8[Tensor, " tokens"], step: int, layers: Sequence[int]
) -> dict[int, Float[Tensor, "n d_model"]]:
    """The stream after each layer at every position of a step's two batches, one at large and one of families."""
    found: dict[int, list[Tensor]] = {layer: [] for layer in layers}
    for turn in range(2):
        batch = draw(tokens, mix[step * len(KINDS) + turn])
        for computed in stream(model, batch.tokens, patterns=False):
            if computed.layer in found:
                found[computed.layer].append(computed.resid_post.flatten(0, 1))
            if computed.layer == max(layers):
                break
    return {layer: torch.cat(parts) for layer, parts in found.items()}


def _save(path: Path, learners: Sequence[_Learner], step: int) -> None:
    state = {
        "step": step,
        "autoencoders": [learner.autoencoder.state_dict() for learner in learners],
        "optimisers": [learner.optimiser.state_dict() for learner in learners],
    }
    with whole_file(path) as part:
        torch.save(state, part)


def _resume(path: Path, learners: Sequence[_Learner]) -> int:
    """The step to go on from; `InputError` when the checkpoint can't be read or is of another shape."""
    try:
        state = torch.load(path, weights_only=True)
        for learner, parameters, optimiser in zip(learners, state["autoencoders"], state["optimisers"], strict=True):
            learner.autoencoder.load_state_dict(parameters)
            learner.optimiser.load_state_dict(optimiser)
        return state["step"]
    except (OSError, EOFError, RuntimeError, KeyError, ValueError, pickle.UnpicklingError) as error:
        raise InputError(
            f"cannot go on from {path}: {str(error).splitlines()[0]}; remove it to start afresh"
        ) from error
