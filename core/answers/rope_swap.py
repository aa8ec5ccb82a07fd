"""Which heads must turn as at the target's residue for the target to rank first at an internal mask?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from jaxtyping import Float

from core.analyses.reading import read
from core.analyses.rope_experiments import greedy_swap, swap
from core.answers.subjects import TwoMasks
from core.answers.survey import Survey
from core.components import heads_of_layers
from core.interventions import Head
from core.metrics import Target, rescue
from core.model import Model
from core.paper_values import SWAP_STEPS
from core.progress import SILENT, Progress
from core.run import RESUMABLE, run

STEPS: Final = len(SWAP_STEPS)
"""As many as the paper's table has."""


def swaps(
    model: Model,
    masks: TwoMasks,
    *,
    target: Target,
    given: tuple[Head, ...],
    candidates: tuple[Head, ...],
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """The gap at the internal mask with the clean residue's rotations in `given` and one candidate: head, gap.

    The rows "none" and "clean" hold the internal run with `given` alone, and the clean run.
    """
    internal, at_mask = masks.internal, target.at_mask
    conditions = [swap(given, masks.first), *(swap([*given, head], masks.first) for head in candidates)]
    baseline = run(model, internal, [swap(given, masks.first)], keep=RESUMABLE)
    gaps = read(model, internal, conditions, baseline=baseline, target=at_mask, progress=progress).gap
    clean = read(model, masks.clean, [()], target=at_mask).gap
    return pd.DataFrame({"head": ["none", *map(str, candidates), "clean"], "gap": np.concatenate([gaps, clean])})


@dataclass(frozen=True, slots=True)
class Ends:
    """Mean gaps of the internal runs (0% rescue) and of the clean runs of the same sequences (100%)."""

    internal: float
    clean: float

    def rescue(self, gap: Any) -> Any:
        """A gap, or an array or column of them, on that scale, in %."""
        return rescue(gap, self.internal, self.clean)


@dataclass(frozen=True, slots=True)
class _Swapped:
    """Gaps of every pair of masks, by heads swapped."""

    survey: Survey
    compared: Mapping[str, TwoMasks]
    target: Target

    def table(self, given: tuple[Head, ...], candidates: tuple[Head, ...] = ()) -> pd.DataFrame:
        settings = {"target": self.target, "given": given, "candidates": candidates}
        found = self.survey.table(swaps, self.compared, **settings)
        return found.pivot(index="subject", columns="head", values="gap")

    def with_each(
        self, chosen: tuple[Head, ...], candidates: Sequence[Head]
    ) -> Float[np.ndarray, "proteins candidates"]:
        return self.table(chosen, tuple(candidates))[[str(head) for head in candidates]].to_numpy()

    def ends(self) -> Ends:
        gaps = self.table(())
        return Ends(float(gaps["none"].to_numpy().mean()), float(gaps["clean"].to_numpy().mean()))


@dataclass(frozen=True, slots=True, eq=False)
class SwapPath:
    """A greedy search's heads, and what happens as one after another is swapped."""

    main: Head
    heads: tuple[Head, ...]
    """Besides the main head, in the order in which they help."""
    ends: Ends
    steps: pd.DataFrame
    """step (0 has the main head alone swapped), name, m_rate (share of masks where the target is first), rescue (%)."""
    n_masks: int

    def beside_paper(self) -> list[tuple[int, tuple[str, float, float], str]]:
        """Step, the paper's head with its M-rate and rescue in %, and ours in words."""
        columns = (self.steps[column] for column in ("name", "m_rate", "rescue"))
        ours = [f"{name}, {100 * rate:z.1f}%, {part:z.1f}%" for name, rate, part in zip(*columns, strict=True)]
        over = "search over: all is back, or no head helps"
        return [
            (step, stated, ours[step] if step < len(ours) else over) for step, stated in enumerate(SWAP_STEPS, start=1)
        ]


def ends(survey: Survey, compared: Mapping[str, TwoMasks], target: Target) -> Ends:
    """The gaps that rescue is counted between."""
    return _Swapped(survey, compared, target).ends()


def swap_path(
    survey: Survey, compared: Mapping[str, TwoMasks], target: Target, *, main: Head, steps: int = STEPS
) -> SwapPath:
    """The heads whose swapped rotations rescue the target inside, found greedily with the main head's swapped too.

    There are at most `steps`, fewer where all of the clean runs' mean gap is back or no head helps. All masks choose
    together. Source: Jedryszek & Crook 2026, Methods, "RoPE swapping", and Extended Data Table 2.
    """
    swapped = _Swapped(survey, compared, target)
    between = swapped.ends()
    shape = survey.model.shape
    every = heads_of_layers(shape, range(shape.n_layers))
    heads = greedy_swap(swapped.with_each, [main], every, steps, enough=between.clean)
    path = [swapped.table((main, *heads[:step]))["none"].to_numpy() for step in range(len(heads) + 1)]
    table = pd.DataFrame(
        {
            "step": range(len(path)),
            "name": [str(head) for head in (main, *heads)],
            "m_rate": [(gaps > 0).mean() for gaps in path],
            "rescue": [between.rescue(gaps.mean()) for gaps in path],
        }
    )
    return SwapPath(main, heads, between, table, len(path[0]))
