"""What is the least that a prediction needs? Greedy searches, and how often each component can't be spared."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd

from core.analyses.minimal_circuits import minimal_circuit
from core.answers.ablation import USUAL
from core.answers.intervals import Rate
from core.answers.split import Split, split
from core.answers.subjects import masked, protein_of
from core.answers.survey import Survey
from core.answers.words import Beside
from core.components import ablate, heads_in, modules
from core.interventions import Component, Condition, Head, NamedScope, component_name, parse_component
from core.metrics import Target
from core.model import Model, ModelShape
from core.paper_values import MINIMAL_CIRCUIT
from core.progress import SILENT, Progress

Search = Literal["modules", "heads"]
"""Among all attention modules and MLPs; or, going on from there, among the heads of the attention needed."""


@dataclass(frozen=True, slots=True)
class Narrowed:
    """A sequence and the modules that a search among modules needed there, by their names."""

    sequence: str
    needed: tuple[str, ...]


def searched(
    model: Model, sequence: str, *, target: Target, scope: NamedScope, progress: Progress = SILENT
) -> pd.DataFrame:
    """One search's modules: component, step (of its ablation; empty where it was never ablated), gap, logit, needed."""
    return _path(model, sequence, modules(model.shape), (), target, scope, progress)


def searched_heads(
    model: Model, subject: Narrowed, *, target: Target, scope: NamedScope, progress: Progress = SILENT
) -> pd.DataFrame:
    """The same table for the heads inside the attention modules that were needed, and the MLPs that were.

    Everything spared among modules is still ablated, so what is found is part of what was found there.
    """
    needed = [parse_component(name) for name in subject.needed]
    given = sum((ablate(component, scope) for component in modules(model.shape) if component not in needed), ())
    return _path(model, subject.sequence, heads_in(model.shape, needed), given, target, scope, progress)


def _path(
    model: Model,
    sequence: str,
    candidates: list[Component],
    given: Condition,
    target: Target,
    scope: NamedScope,
    progress: Progress,
) -> pd.DataFrame:
    tokens = masked(sequence, target)
    found = minimal_circuit(model, tokens, candidates, scope=scope, given=given, target=target, progress=progress)
    steps = {component: step for step, component in enumerate(found.removed)}
    rows = []
    for component in candidates:
        step = steps.get(component)
        at_step = (np.nan, np.nan, np.nan) if step is None else (step + 1, found.gaps[step], found.logits[step])
        rows.append((component_name(component), *at_step, component in found.needed))
    return pd.DataFrame(rows, columns=["component", "step", "gap", "logit", "needed"])


@dataclass(frozen=True, eq=False)
class MinimalCircuits:
    """One kind of search in a set of sequences."""

    shape: ModelShape
    search: Search
    scope: NamedScope
    table: pd.DataFrame
    """Subject, and the columns of `searched`."""
    split: Split
    """Of the sequences that have a search."""

    def over(self, sequences: Collection[str]) -> "MinimalCircuits":
        """The same search in these sequences alone."""
        return replace(self, table=pd.DataFrame(self.table[self.table.subject.isin(sequences)]))

    @property
    def n_sequences(self) -> int:
        return self.table.subject.nunique()

    @property
    def needed(self) -> pd.DataFrame:
        """What could not be spared: subject, component."""
        return pd.DataFrame(self.table.loc[self.table.needed, ["subject", "component"]])

    @cached_property
    def necessity(self) -> dict[str, float]:
        """In which share of the sequences a component could not be spared, most needed first."""
        counts = Counter(self.needed.component)
        return {component: count / self.n_sequences for component, count in counts.most_common()}

    @property
    def necessity_of_all(self) -> pd.DataFrame:
        """Every component that was searched, in the model's order: component, share."""
        names = [component_name(component) for component in self._in_order]
        searched = [name for name in names if name in set(self.table.component)]
        return pd.DataFrame({"component": searched, "share": [self.necessity.get(name, 0.0) for name in searched]})

    @property
    def usual(self) -> tuple[Component, ...]:
        """What most sequences need, in the model's order."""
        most = {parse_component(name) for name, share in self.necessity.items() if share >= USUAL}
        return tuple(component for component in self._in_order if component in most)

    @cached_property
    def circuit(self) -> tuple[Component, ...]:
        """What most of the choosing sequences need: the circuit that the judging ones judge."""
        return self.over(self.split.choosing).usual

    @cached_property
    def _in_order(self) -> list[Component]:
        everything = modules(self.shape)
        return everything if self.search == "modules" else heads_in(self.shape, everything)

    @cached_property
    def commonest(self) -> tuple[tuple[Component, ...], int]:
        """The minimal set that most sequences share, in the model's order, and how many do."""
        sets = Counter(tuple(components) for _, components in self.needed.groupby("subject").component)
        names, times = sets.most_common(1)[0] if sets else ((), 0)
        return tuple(map(parse_component, names)), times

    def path(self, subject: str) -> pd.DataFrame:
        """One sequence's search, step by step: component, gap, logit."""
        own = pd.DataFrame(self.table[(self.table.subject == subject) & self.table.step.notna()])
        return pd.DataFrame(own.sort_values(by="step")[["component", "gap", "logit"]]).reset_index(drop=True)

    @property
    def in_words(self) -> str:
        """Modules: the commonest minimal set, and in how many. Heads: those that most sequences need, and how many.

        Which these are is chosen by half of the sequences, how many have or need them is counted in the other half.
        """
        chosen, judged = self.over(self.split.choosing), self.over(self.split.judging)
        if self.search == "modules":
            names = [component_name(component) for component in chosen.commonest[0]]
            times = sum(set(own) == set(names) for _, own in judged.needed.groupby("subject").component)
            return f"{{{', '.join(names) or 'nothing'}}} in {judged._rate(times)}"
        heads = [str(head) for head in chosen.usual if isinstance(head, Head)]
        needed = [f"{head} in {judged._rate(int((judged.needed.component == head).sum()))}" for head in heads]
        return ", ".join(needed) or f"none in most of {chosen.n_sequences}"

    def _rate(self, times: int) -> Rate:
        sequences = {**self.split.choosing, **self.split.judging}
        found = {protein_of(sequences[name]) for name in self.table.subject.unique()}
        return Rate(times, self.n_sequences, len(found))

    def beside_paper(self) -> Beside:
        stated = MINIMAL_CIRCUIT.get((self.search, self.scope))
        return [(stated, f"{self.in_words}, {self.split}")] if stated else []


def minimal_circuits(
    survey: Survey, sequences: Mapping[str, str], target: Target, *, search: Search, scope: NamedScope
) -> MinimalCircuits:
    """The greedy minimal circuit of every sequence; where the target doesn't rank first there is none to find."""
    table = survey.table(searched, sequences, target=target, scope=scope)
    if search == "heads":
        needed = {name: tuple(found.component[found.needed]) for name, found in table.groupby("subject", sort=False)}
        narrowed = {name: Narrowed(sequences[name], needed[name]) for name in sequences if name in needed}
        table = survey.table(searched_heads, narrowed, target=target, scope=scope)
    found = split({name: sequences[name] for name in dict.fromkeys(table.subject)})
    return MinimalCircuits(survey.model.shape, search, scope, table, found)
