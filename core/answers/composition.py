"""Do two heads need each other? Alone, together, and their effects merely added."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from core.analyses.resampling import MODES
from core.analyses.super_additivity import SuperAdditivity, super_additivity
from core.answers.intervals import between, pooled, rate_in
from core.answers.subjects import masked, with_proteins
from core.answers.survey import Survey
from core.answers.words import Beside
from core.bootstrap import Interval, interval_of, mean_interval
from core.interventions import Component, Head
from core.metrics import Target, rescue
from core.model import Model
from core.paper_values import COMPOSITION
from core.progress import SILENT, Progress
from core.tables import rows

KEPT = ("neither", "first", "second", "added", "both", "whole model")
WORDS = {"zero": "zeroed", "mean": "at its mean", "resample": "resampled"}


def pair(
    model: Model,
    sequence: str,
    *,
    target: Target,
    first: Head,
    second: Head,
    beside: tuple[Component, ...],
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """Two heads alone, together and added, everything else ablated at the mask: mode, kept (as in `KEPT`), gap."""
    tables, settings = [], {"beside": beside, "target": target}
    for mode in MODES:
        found = super_additivity(model, masked(sequence, target), first, second, mode=mode, **settings)
        gaps = (found.neither, found.first, found.second, found.added, found.both, found.whole_model)
        tables.append(pd.DataFrame({"mode": mode, "kept": KEPT, "gap": gaps}))
    return pd.concat(tables, ignore_index=True)


@dataclass(frozen=True, eq=False)
class Composition:
    """Mean gaps over a set, and how often the target ranks first."""

    first: Head
    second: Head
    table: pd.DataFrame
    """By sequence: subject, mode (what everything else is replaced by), kept, gap, protein."""
    mean: pd.DataFrame
    """Everything else zeroed: kept (heads by name), gap, m_first with its interval, n, rescue (%, from neither to the
    whole model)."""

    @cached_property
    def gaps(self) -> SuperAdditivity:
        """The mean gaps."""
        return _gaps(self.mean)

    @cached_property
    def rescue(self) -> dict[str, float]:
        """By what was kept, in %."""
        return dict(zip(KEPT, self.mean.rescue, strict=True))

    @cached_property
    def rescued(self) -> dict[str, str]:
        """By what was kept, everything else zeroed, the rescue in % and its interval, in words."""
        own = rows(self.table, mode="zero")
        gaps, protein = own.pivot(index="subject", columns="kept", values="gap"), own.groupby("subject").protein.first()
        ends = gaps["neither"], gaps["whole model"]
        return {
            kept: f"{self.rescue[kept]:z.0f}%"
            + between(interval_of(rescue, protein[gaps.index], gaps[kept], *ends), "%", 0)
            for kept in KEPT
        }

    @cached_property
    def excess(self) -> dict[str, tuple[float, Interval]]:
        """By mode, the gap of both heads together minus that of their effects added, in logits."""
        found = {}
        for mode, own in self.table.groupby("mode", sort=False):
            gaps = own.pivot(index="subject", columns="kept", values="gap")
            more, protein = gaps["both"] - gaps["added"], own.groupby("subject").protein.first()
            found[str(mode)] = float(more.to_numpy().mean()), mean_interval(protein[more.index], more)
        return found

    @property
    def verdict(self) -> str:
        """Whether together is more than added, in each mode, in words."""
        each = [f"{more:+.2f}{between(ends)} {WORDS[mode]}" for mode, (more, ends) in self.excess.items()]
        lows = [ends[0] > 0 if ends else more > 0 for more, ends in self.excess.values()]
        said = "more than added however the rest is ablated" if all(lows) else "not more than added"
        said = "more than added only in some ways of ablating the rest" if any(lows) and not all(lows) else said
        return f"together is {said} (both − added, logits: {', '.join(each)})"

    def beside_paper(self) -> Beside:
        rate = {kept: rate_in(row, "m_first") for kept, (_, row) in zip(KEPT, self.mean.iterrows(), strict=True)}
        ours = (
            f"{self.first} in {rate['first']}, {self.second} in {rate['second']}",
            f"in {rate['both']}",
            f"rescue {self.rescued['both']} jointly, {self.rescued['added']} added; {self.verdict}",
        )
        return list(zip(COMPOSITION, ours, strict=True))


def _gaps(mean: pd.DataFrame) -> SuperAdditivity:
    neither, first, second, added, both, whole = mean.gap
    return SuperAdditivity(neither, first, second, both, added, whole)


def composition(
    survey: Survey,
    sequences: Mapping[str, str],
    target: Target,
    *,
    first: Head,
    second: Head,
    beside: tuple[Component, ...],
) -> Composition:
    """Two heads with everything else but `beside` ablated at the mask. Source: Jedryszek & Crook 2026, Figure 3D."""
    table = survey.table(pair, sequences, target=target, first=first, second=second, beside=beside)
    table = with_proteins(table, sequences)
    zeroed = rows(table, mode="zero")
    mean = pooled(zeroed.assign(m_first=zeroed.gap > 0), ["kept"], ["gap", "m_first"])
    gaps = _gaps(mean)
    names = mean.kept.replace({"first": str(first), "second": str(second)})
    mean = mean.assign(kept=names, rescue=[gaps.rescue(value) for value in mean.gap])
    return Composition(first, second, table, mean)
