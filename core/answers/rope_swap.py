"""Which heads must turn as at the target's residue for the target to rank first at an internal mask?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from jaxtyping import Float

from core.analyses.reading import read
from core.analyses.rope_experiments import greedy_swap, swap
from core.answers.intervals import mean_in, pooled, rate_in
from core.answers.split import Split, split
from core.answers.subjects import INTERNAL, TwoMasks, several_masks, two_masks, with_proteins
from core.answers.survey import Survey
from core.bootstrap import interval_of
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
    """A greedy search's heads, and what happens as one after another is swapped in the sequences that judge."""

    main: Head
    heads: tuple[Head, ...]
    """Besides the main head, in the order in which they help."""
    ends: Ends
    steps: pd.DataFrame
    """step (0 has the main head alone swapped), name, and the columns of `rescued`."""
    split: Split

    @property
    def last(self) -> str:
        """How often the target ranks first with all of the heads swapped."""
        return rate_in(self.steps.iloc[-1], "m_first").of("masks")

    @property
    def rescued(self) -> str:
        """The rescue with all of the heads swapped, in %, and its interval."""
        return rescue_in(self.steps.iloc[-1])

    def beside_paper(self) -> list[tuple[int, tuple[str, float, float], str]]:
        """Step, the paper's head with its M-rate and rescue in %, and ours in words."""
        ours = [
            f"{row['name']}, {rate_in(row, 'm_first').of('masks')}, rescue {rescue_in(row, 1)}"
            for _, row in self.steps.iterrows()
        ]
        over = "search over: all is back, or no head helps"
        return [
            (step, stated, ours[step] if step < len(ours) else over) for step, stated in enumerate(SWAP_STEPS, start=1)
        ]


def ends(survey: Survey, compared: Mapping[str, TwoMasks], target: Target) -> Ends:
    """The gaps that rescue is counted between."""
    return _Swapped(survey, compared, target).ends()


def rescued(
    survey: Survey, compared: Mapping[str, TwoMasks], target: Target, table: pd.DataFrame, by: Sequence[str]
) -> tuple[pd.DataFrame, Ends]:
    """Gaps of runs on `compared`, pooled by what was done to them, with the rescue that their mean is, and its ends.

    Columns `by`, gap, m_first (where the target ranks first) and rescue (%), each with its interval, n, proteins.
    """
    table = with_proteins(table.assign(m_first=table.gap > 0), compared)
    own_ends = _Swapped(survey, compared, target).table(())
    between_ends = ends(survey, compared, target)
    found = pooled(table, by, ["gap", "m_first"])
    parts = [
        interval_of(rescue, own.protein, own.gap, own_ends["none"][own.subject], own_ends["clean"][own.subject])
        for _, own in table.groupby(list(by), sort=False)
    ]
    low, high = zip(*(part or (np.nan, np.nan) for part in parts), strict=True)
    return found.assign(rescue=between_ends.rescue(found.gap), rescue_low=low, rescue_high=high), between_ends


def rescue_in(row: pd.Series, digits: int = 0) -> str:
    """A row's rescue in words: 70% (62 to 78%)."""
    return mean_in(row, "rescue", "%", digits)


def swap_path(
    survey: Survey,
    sequences: Mapping[str, str],
    target: Target,
    *,
    main: Head,
    inside: int = INTERNAL,
    steps: int = STEPS,
) -> SwapPath:
    """The heads whose swapped rotations rescue the target inside, found greedily with the main head's swapped too.

    There are at most `steps`, fewer where all of the clean runs' mean gap is back or no head helps. They are chosen
    together by half of the sequences, at one internal residue (`inside`, 0-based), and judged by the other half at
    several (`several_masks`). Source: Jedryszek & Crook 2026, Methods, "RoPE swapping", and Extended Data Table 2.
    """
    halves = split(sequences)
    choosing = _Swapped(survey, two_masks(halves.choosing, target, inside), target)
    every = heads_of_layers(survey.model.shape, range(survey.model.shape.n_layers))
    heads = greedy_swap(choosing.with_each, [main], every, steps, enough=choosing.ends().clean)
    judging = several_masks(halves.judging, target, inside)
    judged = _Swapped(survey, judging, target)
    path = [judged.table((main, *heads[:step])).assign(step=step) for step in range(len(heads) + 1)]
    table = pd.concat(path).reset_index().rename(columns={"none": "gap"})
    found, between_ends = rescued(survey, judging, target, table, ["step"])
    return SwapPath(main, heads, between_ends, found.assign(name=[str(head) for head in (main, *heads)]), halves)
