"""What do rotations do? Removed at the mask, given to an internal mask, and why heads look at BOS."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import nan
from typing import Final

import pandas as pd

from core.analyses import rope_experiments as on_one
from core.analyses.rope_experiments import EVERY_HEAD
from core.answers.intervals import mean_in, pooled, rate_in
from core.answers.rope_swap import rescue_in, rescued
from core.answers.split import Split, split
from core.answers.subjects import TwoMasks, masked, with_proteins
from core.answers.survey import Survey
from core.answers.words import Beside, counted
from core.bootstrap import Interval, interval_of
from core.components import by_head
from core.interventions import Head
from core.metrics import Target, rescue
from core.model import Model
from core.paper_values import BOS_ATTENTION, MIMICKED_START, PATCH_SETS, PATCH_SETS_PLACE, ROPE_REMOVAL, PaperValue
from core.progress import SILENT, Progress
from core.tables import rows

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
    """layers ("none", "L1", …, "all"), gap, logit, logit_drop and m_first, each with its interval, n, proteins."""
    chosen: pd.DataFrame
    """The same of the half of the sequences that says which layer matters most, and of the half that judges it."""
    judged: pd.DataFrame
    split: Split

    @property
    def layers(self) -> pd.DataFrame:
        """The rows of the single layers."""
        return self.mean.iloc[1:-1]

    @property
    def worst(self) -> pd.Series:
        """The single layer without whose rotation the target ranks first least often, and its row where it is judged.

        It is the one that takes most from the logit where several do as much.
        """
        ranked = self.chosen.iloc[1:-1].sort_values(by=["m_first", "logit_drop"], ascending=[True, False])
        return self.judged.loc[ranked.index[0]]

    @property
    def costliest(self) -> pd.Series:
        """The same for the layer without whose rotation the target's logit loses most."""
        return self.judged.loc[self.chosen.iloc[1:-1].logit_drop.idxmax()]

    @property
    def in_words(self) -> str:
        """What is left without rotation in the worst layer and in all, and what the logit loses."""
        last, worst = self.mean.iloc[-1], self.worst
        return (
            f"Without rotation in the single layer of {len(self.layers)} where that does most harm, {worst.layers} "
            f"({self.split}), the target ranks first in {rate_in(worst, 'm_first').of('sequences')}; without it in all "
            f"layers, in {rate_in(last, 'm_first')}, and its logit loses {mean_in(last, 'logit_drop')} (mean of "
            f"{last.n})."
        )

    def beside_paper(self) -> Beside:
        broken = self.layers.layers[self.layers.m_first < 0.5]
        worst, most = self.worst, self.costliest
        least = f"least often first: {worst.layers}, {rate_in(worst, 'm_first')}"
        falls = f"falls most without {most.layers}, by {mean_in(most, 'logit_drop')} (mean of {most.n})"
        chosen = f"of {counted(len(self.layers), 'layer')}, {self.split}"
        ours = (f"{', '.join(broken) or 'none'} (of {self.mean.n.iloc[0]}); {least}; {chosen}", f"{falls}; {chosen}")
        return list(zip(ROPE_REMOVAL, ours, strict=True))


def rope_removal(survey: Survey, sequences: Mapping[str, str], target: Target) -> RopeRemoval:
    """Source: Jedryszek & Crook 2026, Methods, "RoPE ablation"."""
    table = survey.table(removals, sequences, target=target)
    table = with_proteins(table, sequences)
    rotated = rows(table, layers="none").set_index("subject").logit
    table = table.assign(m_first=table.gap > 0, logit_drop=table.subject.map(rotated) - table.logit)
    halves = split({name: sequences[name] for name in dict.fromkeys(table.subject)})

    def over(half: Mapping[str, str]) -> pd.DataFrame:
        own = pd.DataFrame(table[table.subject.isin(half)])
        return pooled(own, ["layers"], ["gap", "logit", "logit_drop", "m_first"])

    return RopeRemoval(over(sequences), over(halves.choosing), over(halves.judging), halves)


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


CAUSES: Final = ("rotation", "content")


@dataclass(frozen=True, eq=False)
class AttentionCauses:
    """Why heads look at BOS: mean attention by cause, and each cause's share of the difference."""

    mean: pd.DataFrame
    """layer, head, name, and with their intervals: clean, internal, rotation, content, difference (clean − internal),
    ahead (rotation − content), by_rotation, by_content (% of the difference); n, proteins."""
    shown: pd.DataFrame
    """The main head, then the key heads, by name."""

    @property
    def n(self) -> int:
        """How many masks the means are over."""
        return int(self.shown.n.iloc[0])

    @property
    def more(self) -> pd.DataFrame:
        """Those of the shown heads that look at BOS more from the clean run's mask, with all of the interval."""
        return _above_zero(self.shown, "difference")

    @property
    def rotated(self) -> pd.DataFrame:
        """Those of these in which the rotation alone explains more than the content alone, with all of the interval."""
        return _above_zero(self.more, "ahead")

    def share(self, head: str, cause: str) -> str:
        """What one cause explains of a head's difference, in words: 70% (62 to 78%)."""
        return mean_in(self.shown.loc[head], f"by_{cause}", "%", 0)

    @property
    def in_words(self) -> str:
        """How many heads look at BOS more and for which cause, and the main head's shares."""
        main = str(self.shown.index[0])
        rotation, content = (self.share(main, cause) for cause in CAUSES)
        return (
            f"Means of {self.n} masks: {len(self.more)} of these {len(self.shown)} heads look at BOS more from the "
            f"clean run's mask; in {len(self.rotated)} of them the rotation alone explains more than the content "
            f"alone. For {main} they explain {rotation} and {content} of a difference of "
            f"{mean_in(self.shown.loc[main], 'difference')}."
        )

    def beside_paper(self) -> Beside:
        main = str(self.shown.index[0])
        least = str(self.more.by_rotation.idxmin()) if len(self.more) else main
        rotation, content = (self.share(main, cause) for cause in CAUSES)
        ours = (
            f"{len(self.more)} of {len(self.shown)}",
            f"{len(self.rotated)} of {len(self.more)}",
            f"least: {least}, {self.share(least, 'rotation')}, means of {self.n}",
            f"{main}: rotation {rotation}, content {content}, means of {self.n}",
        )
        return list(zip(BOS_ATTENTION, ours, strict=True))


def _above_zero(heads: pd.DataFrame, column: str) -> pd.DataFrame:
    """The heads whose value is above zero with all of its interval; by the mean alone where there is none."""
    return pd.DataFrame(heads[heads[f"{column}_low"].fillna(heads[column]) > 0])


def attention_causes(
    survey: Survey, compared: Mapping[str, TwoMasks], *, main: Head, key_heads: tuple[Head, ...]
) -> AttentionCauses:
    """Source: Jedryszek & Crook 2026, Figure 4E, F."""
    table = with_proteins(survey.table(causes, compared), compared)
    table = table.assign(difference=table.clean - table.internal, ahead=table.rotation - table.content)
    by = ["layer", "head"]
    mean = pooled(table, by, ["clean", "internal", *CAUSES, "difference", "ahead"])
    for cause in CAUSES:
        ends = [_explained_interval(own, cause) or (nan, nan) for _, own in table.groupby(by, sort=False)]
        mean[f"by_{cause}"] = rescue(mean[cause], mean.internal, mean.clean)
        mean[f"by_{cause}_low"], mean[f"by_{cause}_high"] = zip(*ends, strict=True)
    mean["name"] = [str(Head(layer, head)) for layer, head in zip(mean["layer"], mean["head"], strict=True)]
    return AttentionCauses(mean, mean.set_index("name").loc[[str(head) for head in (main, *key_heads)]])


def _explained_interval(table: pd.DataFrame, cause: str) -> Interval:
    return interval_of(rescue, table.protein, table[cause], table.internal, table.clean)
