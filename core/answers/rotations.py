"""What do rotations do? Removed at the mask, given to an internal mask, and why heads look at BOS."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import pandas as pd

from core.analyses import rope_experiments as on_one
from core.analyses.rope_experiments import EVERY_HEAD
from core.answers.intervals import pooled, rate_in
from core.answers.rope_swap import rescue_in, rescued
from core.answers.subjects import TwoMasks, masked, with_proteins
from core.answers.survey import Survey
from core.answers.words import Beside
from core.components import by_head
from core.interventions import Head
from core.metrics import Target
from core.model import Model
from core.paper_values import BOS_ATTENTION, MIMICKED_START, PATCH_SETS, PATCH_SETS_PLACE, ROPE_REMOVAL, PaperValue
from core.progress import SILENT, Progress
from core.tables import means

FIRST_KEY_HEADS: Final = 3
"""The paper's table of patch sets takes the first three heads of the greedy search."""


def removals(model: Model, sequence: str, *, target: Target, progress: Progress = SILENT) -> pd.DataFrame:
    """The target without rotation at the mask, by layer: layers, gap, logit."""
    return on_one.rope_removal(model, masked(sequence, target), target=target, progress=progress)


def swap_sets(
    model: Model,
    masks: TwoMasks,
    *,
    target: Target,
    readout: Head,
    key_heads: tuple[Head, ...],
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """The table of patch sets: condition, gap, rescue."""
    return on_one.patch_sets(model, masks.clean, masks.internal, readout, key_heads, target=target, progress=progress)


def causes(model: Model, masks: TwoMasks, *, progress: Progress = SILENT) -> pd.DataFrame:
    """Each head's attention to BOS by cause: layer, head, clean, internal, rotation, content."""
    found = on_one.bos_attention_by_cause(model, masks.clean, masks.internal)
    parts = {"clean": found.clean, "internal": found.internal, "rotation": found.rotation, "content": found.content}
    return by_head(model.shape, **parts)


@dataclass(frozen=True, eq=False)
class RopeRemoval:
    """Means over a set without rotation at the mask, in no layer, in each, in all."""

    mean: pd.DataFrame
    """layers ("none", "L1", …, "all"), gap, logit, m_first with its interval, n, proteins, logit_drop."""

    @cached_property
    def rate(self) -> dict[str, float]:
        """The share of sequences where the target ranks first, by layers without rotation."""
        return self.mean.set_index("layers").m_first.to_dict()

    @property
    def single(self) -> dict[str, float]:
        """The same for one layer at a time."""
        return {layer: value for layer, value in self.rate.items() if layer not in ("none", "all")}

    def beside_paper(self) -> Beside:
        broken = [layer for layer, value in self.single.items() if value < 0.5]
        largest, n = self.mean.logit_drop.iloc[1:-1].max(), self.mean.n.iloc[0]
        lowest = self.mean.iloc[1:-1].m_first.idxmin()
        least = f"least often first: {self.mean.layers[lowest]}, {rate_in(self.mean.loc[lowest], 'm_first')}"
        ours = (f"{', '.join(broken) or 'none'}; {least}", f"falls by up to {largest:.2f} (mean of {n})")
        return list(zip(ROPE_REMOVAL, ours, strict=True))


def rope_removal(survey: Survey, sequences: Mapping[str, str], target: Target) -> RopeRemoval:
    """Source: Jedryszek & Crook 2026, Methods, "RoPE ablation"."""
    table = survey.table(removals, sequences, target=target)
    table = with_proteins(table, sequences)
    mean = pooled(table.assign(m_first=table.gap > 0), ["layers"], ["gap", "logit", "m_first"])
    return RopeRemoval(mean.assign(logit_drop=mean.logit.iloc[0] - mean.logit))


@dataclass(frozen=True, eq=False)
class PatchSets:
    """Means over internal masks with the readout head's query, its rotation, or its suppliers' rotations."""

    mean: pd.DataFrame
    """condition, and the columns of `core.answers.rope_swap.rescued`."""

    @cached_property
    def rescue(self) -> dict[str, str]:
        """By condition, in % with its interval."""
        return {row.condition: rescue_in(row) for _, row in self.mean.iterrows()}

    def beside_paper(self) -> Beside:
        found = self.mean.set_index("condition")
        every = rate_in(found.loc[EVERY_HEAD], "m_first")
        everywhere = (MIMICKED_START, f"at {every.of('masks')}, every head's rotated at the mask")
        return [
            (
                PaperValue(
                    f"{name}: M-gap, M-rate, rescue".replace("readout", "main head"),
                    f"{gap:.2f}, {rate:.3f}, {part:.1f}%",
                    PATCH_SETS_PLACE,
                ),
                f"{found.gap[name]:.2f}, {found.m_first[name]:.3f}, {found.rescue[name]:z.1f}%; "
                f"{rate_in(found.loc[name], 'm_first')}",
            )
            for name, (gap, rate, part) in PATCH_SETS.items()
        ] + [everywhere]


def patch_sets(
    survey: Survey, compared: Mapping[str, TwoMasks], target: Target, *, main: Head, key_heads: tuple[Head, ...]
) -> PatchSets:
    """With the first `FIRST_KEY_HEADS` of `key_heads`, as the paper's table has them. Source: Extended Data Table 3."""
    settings = {"readout": main, "key_heads": key_heads[:FIRST_KEY_HEADS]}
    table = survey.table(swap_sets, compared, target=target, **settings)
    return PatchSets(rescued(survey, compared, target, table, ["condition"])[0])


@dataclass(frozen=True, eq=False)
class AttentionCauses:
    """Why heads look at BOS: mean attention by cause, and each cause's share of the difference."""

    mean: pd.DataFrame
    """layer, head, clean, internal, rotation, content, by_rotation, by_content (%), name."""
    shown: pd.DataFrame
    """The main head, then the key heads, by name."""
    n: int
    """How many masks the means are over."""

    @property
    def more(self) -> pd.DataFrame:
        """Those of the shown heads that look at BOS more from the clean run's mask."""
        return pd.DataFrame(self.shown[self.shown.clean > self.shown.internal])

    @property
    def rotated(self) -> pd.DataFrame:
        """Those of these in which the rotation alone explains more than the content alone."""
        return pd.DataFrame(self.more[self.more.by_rotation > self.more.by_content])

    def beside_paper(self) -> Beside:
        main = self.shown.iloc[0]
        least = self.more.by_rotation.idxmin() if len(self.more) else main.name
        ours = (
            f"{len(self.more)} of {len(self.shown)}",
            f"{len(self.rotated)} of {len(self.more)}",
            f"least: {least}, {self.shown.by_rotation[least]:z.0f}%, means of {self.n}",
            f"{main.name}: rotation {main.by_rotation:z.0f}%, content {main.by_content:z.0f}%, means of {self.n}",
        )
        return list(zip(BOS_ATTENTION, ours, strict=True))


def attention_causes(
    survey: Survey, compared: Mapping[str, TwoMasks], *, main: Head, key_heads: tuple[Head, ...]
) -> AttentionCauses:
    """Source: Jedryszek & Crook 2026, Figure 4E, F."""
    table = survey.table(causes, compared)
    mean = means(table, ["layer", "head"], ["clean", "internal", "rotation", "content"])
    difference = mean.clean - mean.internal
    mean["by_rotation"] = 100 * (mean.rotation - mean.internal) / difference
    mean["by_content"] = 100 * (mean.content - mean.internal) / difference
    mean["name"] = [str(Head(layer, head)) for layer, head in zip(mean["layer"], mean["head"], strict=True)]
    shown = mean.set_index("name").loc[[str(head) for head in (main, *key_heads)]]
    return AttentionCauses(mean, shown, table.subject.nunique())
