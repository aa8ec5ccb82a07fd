"""Which parts does the prediction rest on? Every head, attention module and MLP ablated, one at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd

from core.analyses.reading import read
from core.answers.subjects import masked
from core.answers.survey import Survey
from core.answers.words import Beside, percent
from core.components import ablate, component_names, components, head_names, heads_of_layers, modules
from core.interventions import Component, Head, Mode, NamedScope, component_name
from core.metrics import Target
from core.model import Model, ModelShape
from core.paper_values import ABLATION, FAILING_HEAD
from core.progress import SILENT, Progress
from core.tables import grid, means, rows

SCOPES: Final[tuple[NamedScope, ...]] = ("mask", "bos", "bos+mask", "all")
USUAL: Final = 0.5
"""What holds in at least this share of the sequences is called usual."""


def ablations(
    model: Model,
    sequence: str,
    *,
    target: Target,
    mode: Mode = "zero",
    scopes: tuple[NamedScope, ...] = SCOPES,
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """The target without each component, at each scope: scope, component, gap, logit; "none" is the whole model.

    Source: Jedryszek & Crook 2026, Methods, "Ablation framework".
    """
    pairs: list[tuple[NamedScope, Component]] = [
        (scope, component) for scope in scopes for component in components(model.shape)
    ]
    conditions = [(), *(ablate(component, scope, mode) for scope, component in pairs)]
    found = read(model, masked(sequence, target), conditions, target=target, progress=progress)
    names = [("none", "none"), *((scope, component_name(component)) for scope, component in pairs)]
    return pd.DataFrame(names, columns=["scope", "component"]).assign(gap=found.gap, logit=found.logit)


@dataclass(frozen=True, eq=False)
class Ablation:
    """What a set of sequences loses without each component.

    Counted are the sequences where the target ranks first with everything on, as in the paper; where that is so in
    none, all are, and there is no failure rate.
    """

    shape: ModelShape
    target: Target
    table: pd.DataFrame
    """By counted sequence: subject, scope, component, gap, logit, logit_drop, gap_change, fails."""
    n_measured: int
    n_predicting: int

    @property
    def n_counted(self) -> int:
        """How many sequences the means are over."""
        return self.n_predicting or self.n_measured

    @cached_property
    def summary(self) -> pd.DataFrame:
        """Means by scope and component: logit_drop, gap_change (logits), fails (share; nan where none predicts)."""
        summary = means(self.table, ["scope", "component"], ["logit_drop", "gap_change", "fails"])
        return summary if self.n_predicting else summary.assign(fails=np.nan)

    def at(self, scope: str) -> pd.DataFrame:
        """One scope's means and logit_change, by component name, in the order of `core.components.components`."""
        means_ = rows(self.summary, scope=scope).set_index("component").loc[component_names(self.shape)]
        return means_.assign(logit_change=-means_.logit_drop)

    @cached_property
    def fails(self) -> pd.DataFrame:
        """The failure rate of every module, in the model's order, at every scope."""
        names = [component_name(module) for module in modules(self.shape)]
        return grid(self.summary, "component", "scope", "fails").loc[names]

    @cached_property
    def heads(self) -> tuple[Head, ...]:
        """Every head, the one whose ablation at the mask costs the target's logit most on average first.

        That one is the main head: L6H8 for M in ESM-2 8M.
        """
        cost = self.at("mask").logit_drop.to_dict()
        everything = heads_of_layers(self.shape, range(self.shape.n_layers))
        return tuple(sorted(everything, key=lambda head: cost[str(head)], reverse=True))

    @cached_property
    def worst_module(self) -> str:
        """The module without which, at the mask, the target fails most often; among equals the costliest."""
        cost = self.at("mask").logit_drop
        return max(self.fails.index, key=lambda name: (self.fails.loc[name, "mask"], cost[name]))

    def beside_paper(self) -> Beside:
        masked, worst, main = self.at("mask"), self.worst_module, str(self.heads[0])
        heads = masked.loc[head_names(self.shape)]
        failing = max(heads.index, key=lambda name: (heads.fails[name], heads.logit_drop[name]))
        others = [name for name in self.fails.index if name != worst and self.fails.loc[name, "mask"] >= USUAL]
        ours = (
            worst,
            f"{percent(self.fails.loc[worst, 'mask'])} of {self.n_counted}",
            ", ".join(others) or "none",
            f"{main}, {masked.logit_drop[main]:.2f}",
            f"{failing}, {percent(heads.fails[failing])} of {self.n_counted}",
        )
        return list(zip((*ABLATION, FAILING_HEAD), ours, strict=True))


def ablation(
    survey: Survey,
    sequences: Mapping[str, str],
    target: Target,
    *,
    mode: Mode = "zero",
    scopes: tuple[NamedScope, ...] = SCOPES,
) -> Ablation:
    """Every component ablated at every scope, in every sequence."""
    table = survey.table(ablations, sequences, target=target, mode=mode, scopes=scopes)
    whole = table[table.component == "none"].set_index("subject")
    predicting = set(whole.index[whole.gap > 0])
    counted = pd.DataFrame(table[table.subject.isin(predicting)]) if predicting else table
    drop = counted.subject.map(whole.logit) - counted.logit
    change = counted.gap - counted.subject.map(whole.gap)
    counted = counted.assign(logit_drop=drop, gap_change=change, fails=counted.gap <= 0)
    parts = pd.DataFrame(counted[counted.component != "none"])
    return Ablation(survey.model.shape, target, parts, len(whole), len(predicting))


def costliest_heads(survey: Survey, sequences: Mapping[str, str], target: Target) -> tuple[Head, ...]:
    """Every head, the main head first: what `Ablation.heads` says, from ablations at the mask alone."""
    return ablation(survey, sequences, target, scopes=("mask",)).heads
