"""Which parts does the prediction rest on? Every head, attention module and MLP ablated, one at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd

from core.analyses.reading import read
from core.analyses.resampling import MODES, source_for
from core.answers.intervals import Rate, between, mean_in, pooled, rate
from core.answers.split import Split, split
from core.answers.subjects import masked, with_proteins
from core.answers.survey import Survey
from core.answers.words import Beside
from core.bootstrap import mean_interval
from core.components import ablate, component_names, components, head_names, heads_of_layers, modules
from core.interventions import Component, Head, Mode, NamedScope, component_name
from core.metrics import Target
from core.model import Model, ModelShape
from core.paper_values import ABLATION, FAILING_HEAD
from core.progress import SILENT, Progress
from core.tables import grid, rows

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


def replaced(model: Model, sequence: str, *, target: Target, head: Head, progress: Progress = SILENT) -> pd.DataFrame:
    """What the target's logit loses as a head at the mask is set to zero, to its mean, or resampled: mode, drop."""
    tokens = masked(sequence, target)
    conditions = [(), *(ablate(head, "mask", mode, source_for(mode, tokens)) for mode in MODES)]
    logit = read(model, tokens, conditions, target=target, progress=progress).logit
    return pd.DataFrame({"mode": MODES, "drop": logit[0] - logit[1:]})


@dataclass(frozen=True, slots=True)
class Loss:
    """What one component's ablation at the mask costs the sequences that it is judged on."""

    drop: float
    """Of the target's logit, mean."""
    fails: Rate
    in_words: str
    """The drop and its interval."""


@dataclass(frozen=True, eq=False)
class Ablation:
    """What a set of sequences loses without each component.

    Counted are the sequences where the target ranks first with everything on, as in the paper; where that is so in
    none, all are, and there is no failure rate. Which component costs most is found on half of them and judged on the
    other half, which `split` says.
    """

    shape: ModelShape
    target: Target
    table: pd.DataFrame
    """By counted sequence: subject, scope, component, gap, logit, logit_drop, gap_change, fails, protein."""
    n_measured: int
    n_predicting: int
    split: Split

    @property
    def n_counted(self) -> int:
        """How many sequences the means are over."""
        return self.n_predicting or self.n_measured

    @cached_property
    def summary(self) -> pd.DataFrame:
        """By scope and component: logit_drop, gap_change (means, logits), fails (share; nan where none predicts), each
        with its interval, and n."""
        summary = pooled(self.table, ["scope", "component"], ["logit_drop", "gap_change", "fails"])
        return summary if self.n_predicting else summary.assign(fails=np.nan, fails_low=np.nan, fails_high=np.nan)

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
    def _chosen(self) -> pd.DataFrame:
        """Means at the mask over the sequences that choose, by component."""
        at_mask = rows(self.table, scope="mask")
        choosing = at_mask[at_mask.subject.isin(self.split.choosing)]
        return pd.DataFrame(choosing.groupby("component")[["logit_drop", "fails"]].mean())

    @cached_property
    def heads(self) -> tuple[Head, ...]:
        """Every head, the one whose ablation at the mask costs the target's logit most on average first.

        That one is the main head: L6H8 for M in ESM-2 8M.
        """
        cost = self._chosen.logit_drop.to_dict()
        everything = heads_of_layers(self.shape, range(self.shape.n_layers))
        return tuple(sorted(everything, key=lambda head: cost[str(head)], reverse=True))

    @property
    def worst_module(self) -> str:
        """The module without which, at the mask, the target fails most often; among equals the costliest."""
        return self._most_failing([component_name(module) for module in modules(self.shape)])

    @property
    def failing_head(self) -> str:
        """The head without which it does."""
        return self._most_failing(head_names(self.shape))

    def _most_failing(self, names: list[str]) -> str:
        chosen = self._chosen
        return max(names, key=lambda name: (chosen.fails[name], chosen.logit_drop[name]))

    def loss(self, component: str) -> Loss:
        """What the judging sequences lose without a component at the mask."""
        own = rows(self.table, scope="mask", component=component)
        own = own[own.subject.isin(self.split.judging)]
        drop = float(own.logit_drop.mean())
        told = f"{drop:.2f}{between(mean_interval(own.protein, own.logit_drop))}"
        return Loss(drop, rate(own.fails & bool(self.n_predicting), own.protein), told)

    def beside_paper(self) -> Beside:
        worst, main, failing = self.worst_module, str(self.heads[0]), self.failing_head
        losses = {name: self.loss(name).fails for name in self.fails.index if name != worst}
        others = [f"{name} in {fails}" for name, fails in losses.items() if fails.share >= USUAL]
        ours = (
            worst,
            str(self.loss(worst).fails),
            ", ".join(others) or f"none of {len(losses)}",
            f"{main}, {self.loss(main).in_words}, {self.split}",
            f"{failing}, {self.loss(failing).fails}",
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
    counted = with_proteins(counted, sequences)
    drop = counted.subject.map(whole.logit) - counted.logit
    change = counted.gap - counted.subject.map(whole.gap)
    counted = counted.assign(logit_drop=drop, gap_change=change, fails=counted.gap <= 0)
    parts = pd.DataFrame(counted[counted.component != "none"])
    halves = split({name: sequences[name] for name in dict.fromkeys(parts.subject)})
    return Ablation(survey.model.shape, target, parts, len(whole), len(predicting), halves)


def costliest_heads(survey: Survey, sequences: Mapping[str, str], target: Target) -> tuple[Head, ...]:
    """Every head, the main head first: what `Ablation.heads` says, from ablations at the mask alone."""
    return ablation(survey, sequences, target, scopes=("mask",)).heads


def replacements(survey: Survey, sequences: Mapping[str, str], target: Target, *, head: Head) -> pd.DataFrame:
    """Mean drops of the target's logit as a head at the mask is zeroed, set to its mean, or resampled.

    Columns mode, drop with its interval, n, proteins. Zero may lie far from what the model ever meets; the mean over
    positions and what the head does in a shuffle of the same protein don't.
    """
    table = with_proteins(survey.table(replaced, sequences, target=target, head=head), sequences)
    return pooled(table, ["mode"], ["drop"])


def in_words(replaced: pd.DataFrame) -> dict[str, str]:
    """What `replacements` found, by mode: the mean drop and its interval."""
    return {str(row["mode"]): mean_in(row, "drop") for _, row in replaced.iterrows()}
