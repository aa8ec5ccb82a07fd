"""Which heads is a prediction's circuit made of? The one it rests on most, and those that tell it where the mask is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from core.analyses.reading import read
from core.analyses.rope_experiments import greedy_swap, swap
from core.components import ablate, heads_of_layers
from core.interventions import Head
from core.metrics import Target
from core.model import Model
from core.progress import SILENT, Progress
from core.run import RESUMABLE, run


def heads_by_cost(model: Model, tokens: Int[Tensor, " pos"], *, target: Target = Target()) -> tuple[Head, ...]:
    """All heads, the one whose ablation at the first mask costs the target's logit most first.

    That one is the prediction's main head: L6H8 for M in ESM-2 8M.
    """
    heads = heads_of_layers(model.shape, range(model.shape.n_layers))
    logits = read(model, tokens, [ablate(head, "mask") for head in heads], target=target).logit
    return tuple(heads[place] for place in np.argsort(logits, kind="stable"))


@dataclass(frozen=True, slots=True, eq=False)
class SwapSearch:
    """Heads in the order of a greedy search, and the gap of every protein as one after another is swapped."""

    heads: tuple[Head, ...]
    gaps: Float[np.ndarray, "proteins steps"]
    """The first column has the main head alone swapped, column i + 1 also the first i + 1 heads. In logits."""
    clean: Float[np.ndarray, " proteins"]
    """The gap with the residue to imitate masked."""
    corrupted: Float[np.ndarray, " proteins"]
    """The gap with the internal residue masked and nothing swapped."""

    @property
    def rate(self) -> Float[np.ndarray, " steps"]:
        """The share of proteins where the target ranks first."""
        return (self.gaps > 0).mean(0)

    @property
    def rescue(self) -> Float[np.ndarray, " steps"]:
        """From the mean gap of the internal runs (0%) to that of the clean runs (100%)."""
        low, high = self.corrupted.mean(), self.clean.mean()
        return 100 * (self.gaps.mean(0) - low) / (high - low)


def swap_search(
    model: Model,
    sequences: Sequence[tuple[Int[Tensor, " _"], Int[Tensor, " _"]]],
    main: Head,
    *,
    steps: int = 12,
    residue: int = 0,
    target: Target = Target(),
    progress: Progress = SILENT,
) -> SwapSearch:
    """The heads whose rotation as at `residue` (0-based), with the main head's, rescues the target at internal masks.

    `sequences` holds (clean, internal) tokens of each protein, all of which choose together. `progress` hears of
    proteins times steps. Source: Jedryszek & Crook 2026, Methods, "RoPE swapping", and Extended Data Table 2.
    """
    baselines = [run(model, internal, keep=RESUMABLE) for _, internal in sequences]
    done = 0

    def gaps_of(chosen: tuple[Head, ...], candidates: Sequence[Head]) -> np.ndarray:
        nonlocal done
        conditions = [swap([*chosen, head], residue) for head in candidates]
        rows = []
        for (_, internal), baseline in zip(sequences, baselines, strict=True):
            settings = {"target": target, "baseline": baseline}
            rows.append(read(model, internal, conditions, **settings).gap)
            done += 1
            progress.report(min(done, len(sequences) * steps), len(sequences) * steps)
        return np.stack(rows)

    heads = greedy_swap(gaps_of, [main], heads_of_layers(model.shape, range(model.shape.n_layers)), steps)
    path = [(), *(swap([main, *heads[:step]], residue) for step in range(len(heads) + 1))]
    gaps = np.stack([read(model, internal, path, target=target).gap for _, internal in sequences])
    clean = np.array([read(model, tokens, [()], target=target).gap[0] for tokens, _ in sequences])
    return SwapSearch(heads, gaps[:, 1:], clean, gaps[:, 0])
