"""Do two heads need each other? Alone, together, and their effects merely added."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from core.analyses.super_additivity import SuperAdditivity, super_additivity
from core.answers.subjects import masked
from core.answers.survey import Survey
from core.answers.words import Beside, percent
from core.interventions import Component, Head
from core.metrics import Target
from core.model import Model
from core.paper_values import COMPOSITION
from core.progress import SILENT, Progress
from core.tables import means

KEPT = ("neither", "first", "second", "added", "both", "whole model")


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
    """Two heads alone, together and added, everything else ablated at the mask: kept (as in `KEPT`), gap."""
    found = super_additivity(model, masked(sequence, target), first, second, beside=beside, target=target)
    gaps = (found.neither, found.first, found.second, found.added, found.both, found.whole_model)
    return pd.DataFrame({"kept": KEPT, "gap": gaps})


@dataclass(frozen=True, eq=False)
class Composition:
    """Mean gaps over a set, and how often the target ranks first."""

    first: Head
    second: Head
    table: pd.DataFrame
    """By sequence: subject, kept, gap."""
    mean: pd.DataFrame
    """kept (heads by name), gap, m_first, rescue (%, from neither to the whole model)."""

    @cached_property
    def gaps(self) -> SuperAdditivity:
        """The mean gaps."""
        return _gaps(self.mean)

    @cached_property
    def rescue(self) -> dict[str, float]:
        """By what was kept, in %."""
        return dict(zip(KEPT, self.mean.rescue, strict=True))

    def beside_paper(self) -> Beside:
        rate = dict(zip(KEPT, self.mean.m_first, strict=True))
        ours = (
            f"{self.first} in {percent(rate['first'])}, {self.second} in {percent(rate['second'])}",
            f"in {percent(rate['both'])}",
            f"rescue {self.rescue['both']:z.0f}% jointly, {self.rescue['added']:z.0f}% added",
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
    mean = means(table.assign(m_first=table.gap > 0), ["kept"], ["gap", "m_first"])
    gaps = _gaps(mean)
    names = mean.kept.replace({"first": str(first), "second": str(second)})
    mean = mean.assign(kept=names, rescue=[gaps.rescue(value) for value in mean.gap])
    return Composition(first, second, table, mean)
