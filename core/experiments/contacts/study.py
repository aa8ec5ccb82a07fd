"""One model over labelled proteins: which are for choosing and which for judging, and what was measured on them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import combinations
from typing import NamedTuple

import msgspec
import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from core.analyses.categorical_jacobian import Numbers
from core.analyses.contact_calibration import Calibration, calibrate
from core.analyses.contact_evaluation import FEWEST, WinRate, mean_over_proteins, win_rate
from core.analyses.head_ranking import LARGEST_K, HeadPrecisions, HeadRanking, summarise
from core.answers.survey import Survey
from core.errors import InputError
from core.experiments.contacts import measures
from core.experiments.contacts.split import JUDGED, Split
from core.model import Model
from core.proteins.contact_scores import SEPARATIONS, Range
from core.tables import rows

BUDGETS = (1, 2, 5, 10, 20, 50)
"""Numbers of labelled proteins that heads are chosen on."""
BUDGET_DRAWS = 5
METHODS = (
    measures.CONTACT_HEAD,
    measures.PROBE,
    measures.BEST_HEADS,
    measures.BEST_HEAD,
    measures.JACOBIAN,
    measures.CHEAP_JACOBIAN,
    measures.HIDDEN_JACOBIAN,
)
"""In the order in which they are shown."""
ONE_PASS = METHODS[:4]
"""Those that read the attention of one pass, which proteins of any length have."""


class Compared(NamedTuple):
    """Methods and the proteins, by name, that every one of them was measured on."""

    methods: tuple[str, ...]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Duel:
    """One method against another on the same proteins."""

    first: str
    second: str
    result: WinRate
    adjusted: float
    """The sign test's p among all duels (Benjamini and Hochberg)."""

    def row(self) -> dict[str, object]:
        """The duel as a row of a table."""
        result, difference = self.result, self.result.difference
        return {
            "first": self.first,
            "second": self.second,
            "n": difference.n,
            "wins": result.wins,
            "losses": result.losses,
            "ties": result.ties,
            "rate": result.rate,
            "difference": difference.mean,
            "low": difference.low,
            "high": difference.high,
            "p": result.p_value,
            "p_adjusted": self.adjusted,
        }

    def __str__(self) -> str:
        result = self.result
        verb = "beats" if result.wins > result.losses else "loses to"
        score = f"{result.wins} to {result.losses}, {counted(result.ties, 'tie')}, p = {self.adjusted:.2g}"
        return f"{self.first} {verb} {self.second} ({score})"


@dataclass(frozen=True)
class Study:
    """What the sections share. Everything that is chosen, is chosen on `split.choosing` alone."""

    survey: Survey
    model: Model
    split: Split
    longest: int
    """Residues up to which Jacobians are taken."""
    hidden_layer: int | None
    """The layer (0-based) of the representation Jacobian, None to leave it out."""
    seed: int
    families: Mapping[str, str]
    """The trained family of each relative."""
    seen: Sequence[str] = ()
    """The structures that the model's own contact head was fitted on, as far as is known."""
    numbers: Numbers = "float32"
    """What Jacobians are computed in."""

    @cached_property
    def head_precisions(self) -> dict[str, HeadPrecisions]:
        """Every head's own map on each choosing protein.

        Raises `InputError` when one of them could not be measured: another choice would be another study.
        """
        table = self.survey.table(measures.heads, self.split.choosing, seed=self.seed)
        for name in self.split.choosing:
            if (measures.heads.__name__, name) in self.survey.left_out:
                reason = self.survey.left_out[measures.heads.__name__, name]
                raise InputError(f"{name}, on which heads are chosen, could not be measured: {reason}")
        shape = self.model.shape.n_layers, self.model.shape.n_heads
        moved = [column for column in table if str(column).startswith("moved_")]

        def grids(name: str, separation: Range) -> tuple[np.ndarray, np.ndarray]:
            found = rows(table, subject=name, separation=separation)
            return found.precision.to_numpy().reshape(shape), found[moved].to_numpy().T.reshape(-1, *shape)

        return {
            name: HeadPrecisions(
                {separation: grids(name, separation)[0] for separation in SEPARATIONS},
                {separation: grids(name, separation)[1] for separation in SEPARATIONS},
            )
            for name in self.split.choosing
        }

    @cached_property
    def ranking(self) -> HeadRanking:
        """All heads ranked on the choosing proteins, with the sweep over K there."""
        ranking = summarise(self.model, self.split.choosing, list(self.head_precisions.values()), self.seed)
        sweep = self.survey.table(measures.top_k, self.split.choosing, rankings=(ranking.heads(LARGEST_K),))
        return msgspec.structs.replace(ranking, k_sweep=tuple(sweep.groupby("k").precision.mean().tolist()))

    @cached_property
    def judged_sweep(self) -> pd.DataFrame:
        """The sweep over K on proteins that chose nothing: subject, ranking, k, precision."""
        return self.survey.table(measures.top_k, self.split.judged, rankings=(self.ranking.heads(LARGEST_K),))

    @cached_property
    def label_budgets(self) -> pd.DataFrame:
        """Heads and K chosen on fewer proteins, on those that chose nothing: subject, n_labels, precision.

        A budget below all is drawn `BUDGET_DRAWS` times; a protein's value is the mean over the draws.
        """
        names, rng = list(self.split.choosing), np.random.default_rng(self.seed)
        draws = {(n, 0): tuple(names) for n in (len(names),)}
        for n in (n for n in BUDGETS if n < len(names)):
            for draw in range(BUDGET_DRAWS):
                draws[n, draw] = tuple(sorted(rng.choice(names, n, replace=False).tolist()))
        rankings = {
            key: summarise(
                self.model,
                {name: self.split.choosing[name] for name in drawn},
                [self.head_precisions[name] for name in drawn],
            ).heads(LARGEST_K)
            for key, drawn in draws.items()
        }
        settings = {"rankings": tuple(rankings.values())}
        chosen_on = self.survey.table(measures.top_k, self.split.choosing, **settings)
        elsewhere = self.survey.table(measures.top_k, self.split.judged, **settings)
        found = []
        for number, ((n, _), drawn) in enumerate(draws.items()):
            sweep = (
                rows(pd.DataFrame(chosen_on[chosen_on.subject.isin(drawn)]), ranking=number)
                .groupby("k")
                .precision.mean()
            )
            best_k = int(np.argmax(sweep.to_numpy())) + 1
            found.append(rows(elsewhere, ranking=number, k=best_k).assign(n_labels=n))
        return pd.concat(found).groupby(["n_labels", "subject"], as_index=False).precision.mean()

    @cached_property
    def fitted_probe(self) -> pd.DataFrame:
        """The contact head fitted on the choosing proteins: weight (the bias last), strength."""
        return self.survey.table(measures.probe, {"probe": tuple(self.split.choosing.values())})

    @cached_property
    def calibration(self) -> Calibration:
        """What the model's own contact probabilities are worth on the judged proteins."""
        if self.model.contact_head is None:
            raise InputError(f"{self.model.name} has no contact head of its own: there are no probabilities to judge")
        table = self.survey.table(measures.reliability, self.split.judged)
        tables = {name: rows(table, subject=name) for name in dict.fromkeys(table.subject)}
        return calibrate(self.model, self.split.judged, tables)

    @cached_property
    def judged(self) -> pd.DataFrame:
        """Every method on every protein that judges: subject, group, and `measures.judged`'s columns."""
        group = {name: group for group, proteins in self.split.groups.items() for name in proteins}
        proteins = {name: each for proteins in self.split.groups.values() for name, each in proteins.items()}
        best = self.ranking.heads(self.ranking.best_k)
        fitted = tuple(self.fitted_probe.weight.tolist())
        attention = self.survey.table(measures.attention, proteins, ranked=best, fitted=fitted)
        short = {name: protein for name, protein in proteins.items() if len(protein.sequence) <= self.longest}
        if long := [name for name in proteins if name not in short]:
            reason = f"more than {self.longest} residues: {', '.join(long)}"
            self.survey.left_out["jacobians", counted(len(long), "protein")] = reason
        settings = {"hidden_layer": self.hidden_layer, "numbers": self.numbers}
        table = pd.concat([attention, self.survey.table(measures.jacobians, short, **settings)], ignore_index=True)
        return table.assign(group=table.subject.map(group))

    @cached_property
    def methods(self) -> tuple[str, ...]:
        """The methods that were measured, in reading order."""
        found = set(self.judged.method)
        return tuple(method for method in METHODS if method in found)

    def values(
        self, group: str = JUDGED, separation: Range = "long", per: int = 2, column: str = "value"
    ) -> pd.DataFrame:
        """P@L/k of one separation: a row per protein, a column per method, nan where one was not measured."""
        found = rows(self.judged, group=group, measure="precision", separation=separation, at=per)
        return found.pivot(index="subject", columns="method", values=column).reindex(columns=list(self.methods))

    def comparisons(self, group: str = JUDGED) -> list[Compared]:
        """The sets of proteins that methods are compared on: all methods on those that each was measured on, then the
        methods of one pass on all. A set of fewer than six proteins is none, and equal ones are one."""
        values = self.values(group)
        found: list[Compared] = []
        for methods in (self.methods, tuple(method for method in self.methods if method in ONE_PASS)):
            names = tuple(values[list(methods)].dropna().index)
            if len(names) >= FEWEST and names not in [each.names for each in found]:
                found.append(Compared(methods, names))
        return found

    def summary(self, among: Compared, group: str = JUDGED) -> pd.DataFrame:
        """Means with intervals over one set of proteins: method, separation, per, n, mean, low, high, chance, moved,
        above, above_low, above_high (the mean of value minus moved)."""
        found = []
        for separation in SEPARATIONS:
            for per in (1, 2, 5):
                value, chance, moved = (
                    self.values(group, separation, per, column).loc[list(among.names)]
                    for column in ("value", "chance", "moved")
                )
                for method in among.methods:
                    mean = mean_over_proteins(value[method].to_numpy(), self.seed)
                    above = mean_over_proteins((value[method] - moved[method]).to_numpy(), self.seed)
                    row = {"method": method, "separation": separation, "per": per, **asdict(mean)}
                    row |= {"chance": float(chance[method].mean()), "moved": float(moved[method].mean())}
                    found.append(row | {"above": above.mean, "above_low": above.low, "above_high": above.high})
        return pd.DataFrame(found)

    def duels(self, among: Compared, separation: Range = "long", per: int = 2) -> list[Duel]:
        """Every two methods on one set of proteins."""
        values = self.values(JUDGED, separation, per).loc[list(among.names)]
        pairs = list(combinations(among.methods, 2))
        results = [win_rate(values[one].to_numpy(), values[other].to_numpy(), self.seed) for one, other in pairs]
        adjusted = false_discovery_control([result.p_value for result in results])
        return [Duel(*pair, result, float(p)) for pair, result, p in zip(pairs, results, adjusted, strict=True)]


def counted(n: int, noun: str) -> str:
    """A number of things in words for people: `1 protein`, `2 proteins`."""
    return f"{n} {noun}{'' if n == 1 else 's'}"
