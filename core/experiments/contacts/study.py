"""One model over labelled proteins: which are for choosing and which for judging, and what was measured on them."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd

from core.analyses.categorical_jacobian import Numbers
from core.analyses.contact_evaluation import WinRate, mean_over_proteins, win_rate
from core.analyses.contact_probe import STRENGTH
from core.analyses.head_ranking import LARGEST_K, HeadRanking, summarise
from core.answers.survey import Survey
from core.checkpoints import EMBEDDED, EMBEDDED_FOLDER
from core.errors import InputError
from core.experiments.contacts import measures
from core.model import Model
from core.proteins.contact_scores import SEPARATIONS, Range
from core.proteins.labelled import LabelledProtein
from core.proteins.listed import ListedStructure
from core.tables import rows

MIN_JUDGED = 2
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


@dataclass(frozen=True, slots=True)
class Split:
    """Proteins by name: those that choose heads and fit the probe, those that judge, and the judged relatives.

    Relatives belong to a family that the model was trained on; they choose nothing, and are counted apart.
    """

    choosing: Mapping[str, LabelledProtein]
    judged: Mapping[str, LabelledProtein]
    relatives: Mapping[str, LabelledProtein]

    @property
    def all_judged(self) -> dict[str, LabelledProtein]:
        return {**self.judged, **self.relatives}


def split(
    proteins: Mapping[str, LabelledProtein],
    n_choosing: int,
    seed: int,
    relatives: Iterable[str] = (),
    seen: Iterable[str] = (),
) -> Split:
    """`n_choosing` proteins drawn for choosing, and the rest to be judged, but none of `seen`.

    `seen` are those that the model's own contact head was fitted on: they are drawn for choosing first, because they
    cannot judge. Raises `InputError` when fewer than two proteins would be left to judge.
    """
    related, seen = set(relatives), set(seen)
    drawn = [name for name in np.random.default_rng(seed).permutation(sorted(proteins)).tolist() if name not in related]
    drawn.sort(key=lambda name: name not in seen)  # a stable sort: the draw's order among each
    choosing, rest = drawn[:n_choosing], [name for name in drawn[n_choosing:] if name not in seen]
    if len(choosing) < n_choosing or len(rest) < MIN_JUDGED:
        raise InputError(
            f"too few labelled proteins: {n_choosing} choose heads and at least {MIN_JUDGED} others judge, and "
            f"{len(drawn)} can be used (relatives of trained families not counted)"
        )
    return Split(
        {name: proteins[name] for name in sorted(choosing)},
        {name: proteins[name] for name in sorted(rest)},
        {name: proteins[name] for name in sorted(related & set(proteins) - seen)},
    )


@dataclass(frozen=True, slots=True)
class Duel:
    """One method against another on the same proteins."""

    first: str
    second: str
    result: WinRate

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
        }

    def __str__(self) -> str:
        result = self.result
        verb = "beats" if result.wins > result.losses else "loses to"
        return f"{self.first} {verb} {self.second} ({result.wins} to {result.losses}, {result.ties} ties)"


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
    def ranking(self) -> HeadRanking:
        """All heads ranked on the choosing proteins, with the sweep over K there.

        Raises `InputError` when one of them could not be measured: another choice would be another study.
        """
        table = self.survey.table(measures.heads, self.split.choosing)
        for name in self.split.choosing:
            if (measures.heads.__name__, name) in self.survey.left_out:
                reason = self.survey.left_out[measures.heads.__name__, name]
                raise InputError(f"{name}, on which heads are chosen, could not be measured: {reason}")
        shape = self.model.shape.n_layers, self.model.shape.n_heads
        measured: list[dict[Range, np.ndarray]] = [
            {
                separation: rows(table, subject=name, separation=separation).precision.to_numpy().reshape(shape)
                for separation in SEPARATIONS
            }
            for name in self.split.choosing
        ]
        ranking = summarise(self.model, self.split.choosing, measured, k_sweep=())
        sweep = self.survey.table(measures.top_k, self.split.choosing, ranked=ranking.heads(LARGEST_K))
        return msgspec.structs.replace(ranking, k_sweep=tuple(sweep.groupby("k").precision.mean().tolist()))

    @cached_property
    def judged_sweep(self) -> pd.DataFrame:
        """The sweep over K on proteins that chose nothing: subject, k, precision."""
        return self.survey.table(measures.top_k, self.split.judged, ranked=self.ranking.heads(LARGEST_K))

    @cached_property
    def probe(self) -> tuple[float, ...]:
        """Weights and bias of the contact head fitted on the choosing proteins."""
        subject = {"probe": tuple(self.split.choosing.values())}
        return tuple(self.survey.table(measures.probe, subject, strength=STRENGTH).weight.tolist())

    @cached_property
    def judged(self) -> pd.DataFrame:
        """Every method on every judged protein: subject, measure, method, separation, at, value, chance, group."""
        proteins = self.split.all_judged
        best = self.ranking.heads(self.ranking.best_k)
        attention = self.survey.table(measures.attention, proteins, ranked=best, fitted=self.probe)
        short = {name: protein for name, protein in proteins.items() if len(protein.sequence) <= self.longest}
        if long := [name for name in proteins if name not in short]:
            reason = f"more than {self.longest} residues: {', '.join(long)}"
            self.survey.left_out["jacobians", counted(len(long), "protein")] = reason
        tables = [attention, self.survey.table(measures.jacobians, short, numbers=self.numbers)]
        if self.hidden_layer is not None:
            settings = {"layer": self.hidden_layer, "numbers": self.numbers}
            tables.append(self.survey.table(measures.hidden_jacobian, short, **settings))
        table = pd.concat(tables, ignore_index=True)
        return table.assign(group=np.where(table.subject.isin(list(self.split.relatives)), "relatives", "judged"))

    @cached_property
    def methods(self) -> tuple[str, ...]:
        """The methods that were measured, in reading order."""
        found = set(self.judged.method)
        return tuple(method for method in METHODS if method in found)

    def values(self, group: str = "judged", separation: Range = "long", per: int = 2) -> pd.DataFrame:
        """P@L/k of one separation: a row per protein, a column per method, nan where one was not measured."""
        found = rows(self.judged, group=group, measure="precision", separation=separation, at=per)
        return found.pivot(index="subject", columns="method", values="value").reindex(columns=list(self.methods))

    def summary(self, group: str = "judged") -> pd.DataFrame:
        """Means with intervals: method, separation, per, n, mean, low, high, chance.

        `common` rows count only the proteins that every method was measured on, so that methods can be compared.
        """
        found = []
        for separation in SEPARATIONS:
            for per in (1, 2, 5):
                values = self.values(group, separation, per)
                for common, shown in ((False, values), (True, values.dropna())):
                    chances = self._chance(group, separation)
                    for method in self.methods:
                        mean = mean_over_proteins(shown[method].to_numpy(), self.seed)
                        counted = shown[method].dropna().index
                        found.append(
                            {
                                "method": method,
                                "separation": separation,
                                "per": per,
                                "common": common,
                                "n": mean.n,
                                "mean": mean.mean,
                                "low": mean.low,
                                "high": mean.high,
                                "chance": float(chances.reindex(counted).mean()),
                            }
                        )
        return pd.DataFrame(found)

    def _chance(self, group: str, separation: Range) -> pd.Series:
        found = rows(self.judged, group=group, measure="precision", separation=separation, at=2)
        return found.drop_duplicates("subject").set_index("subject").chance

    def duels(self, separation: Range = "long", per: int = 2) -> list[Duel]:
        """Every two methods on the proteins that both were measured on."""
        values = self.values("judged", separation, per)
        return [
            Duel(first, second, win_rate(values[first].to_numpy(), values[second].to_numpy(), self.seed))
            for first, second in combinations(self.methods, 2)
            if not values[[first, second]].dropna().empty
        ]


def counted(n: int, noun: str) -> str:
    """A number of things in words for people: `1 protein`, `2 proteins`."""
    return f"{n} {noun}{'' if n == 1 else 's'}"


def model_notes(source: str) -> Mapping[str, object]:
    """What a model's own `config.json` says of its training; empty where there is none."""
    path = _folder(source) / "config.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def fitted_on(notes: Mapping[str, object]) -> list[ListedStructure]:
    """The structures that the model's contact head was fitted on, as far as its notes say."""
    fit = notes.get("contact_head_fit")
    if not isinstance(fit, dict):
        return []
    digests = fit.get("fitted_on_digests", {})
    return [ListedStructure(name, digests.get(name, "")) for name in fit.get("fitted_on", ())]


def listed_relatives(source: str) -> list[ListedStructure]:
    """The structures that `relatives.csv` beside the model lists as of a trained family; empty without one."""
    path = _folder(source) / "relatives.csv"
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        listed = csv.DictReader(file)  # lists written before digests have two columns
        return [ListedStructure(row["structure"], row.get("sequence_digest") or "", row["family"]) for row in listed]


def _folder(source: str) -> Path:
    return EMBEDDED_FOLDER if source == EMBEDDED else Path(source)
