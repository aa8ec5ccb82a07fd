"""Is a circuit more than luck? What was chosen, kept alone, beside random circuits of the same size."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product
from math import comb, prod
from typing import Final

import numpy as np
import pandas as pd

from core.analyses.reading import read
from core.analyses.sufficiency import keep_only
from core.answers.intervals import mean_in, pooled, rate_in
from core.answers.nulls import SEED, Null, against
from core.answers.subjects import masked, with_proteins
from core.answers.survey import Survey
from core.answers.words import counted
from core.components import components
from core.errors import InputError
from core.interventions import Component, Head, NamedScope, component_name
from core.metrics import Target
from core.model import Model, ModelShape
from core.progress import SILENT, Progress

DRAWS: Final = 99
"""How many random circuits stand beside the chosen one; the smallest p-value is 1 / (1 + DRAWS)."""
HOW_CIRCUITS_ARE_DRAWN: Final = (
    f"Beside it stand {DRAWS} random circuits (seed {SEED}; all others where there are fewer) with as many heads, "
    "attention modules and MLPs, each kept alone at the same positions."
)

Circuit = tuple[Component, ...]


def kept_alone(
    model: Model,
    sequence: str,
    *,
    target: Target,
    scope: NamedScope,
    circuits: tuple[Circuit, ...],
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """The target with everything but each circuit zeroed at a scope: circuit (its place in `circuits`), gap."""
    conditions = [keep_only(model.shape, circuit, scope=scope) for circuit in circuits]
    gap = read(model, masked(sequence, target), conditions, target=target, progress=progress).gap
    return pd.DataFrame({"circuit": range(len(circuits)), "gap": gap})


def random_circuits(shape: ModelShape, circuit: Circuit, draws: int = DRAWS, seed: int = SEED) -> tuple[Circuit, ...]:
    """Different circuits, none of them `circuit`, with as many heads, attention modules and MLPs; at most `draws`."""
    kinds = [[each for each in components(shape) if _kind(each) == kind] for kind in ("head", "attention", "mlp")]
    sizes = [sum(each in circuit for each in kind) for kind in kinds]
    if prod(comb(len(kind), size) for kind, size in zip(kinds, sizes, strict=True)) <= draws + 1:
        each_kind = (combinations(kind, size) for kind, size in zip(kinds, sizes, strict=True))
        every = (sum(parts, ()) for parts in product(*each_kind))
        return tuple(other for other in every if set(other) != set(circuit))
    rng, found = np.random.default_rng(seed), dict[Circuit, None]()
    while len(found) < draws:
        places = [sorted(rng.choice(len(kind), size, replace=False)) for kind, size in zip(kinds, sizes, strict=True)]
        drawn = tuple(kind[at] for kind, chosen in zip(kinds, places, strict=True) for at in chosen)
        if set(drawn) != set(circuit):
            found[drawn] = None
    return tuple(found)


def _kind(component: Component) -> str:
    return "head" if isinstance(component, Head) else component[0]


@dataclass(frozen=True, eq=False)
class BesideRandom:
    """A circuit kept alone in a set of sequences that did not choose it, and random ones of its size."""

    circuit: Circuit
    table: pd.DataFrame
    """By sequence: subject, circuit (0 is the chosen one), gap, protein."""

    @cached_property
    def mean(self) -> pd.DataFrame:
        """By circuit: circuit, gap and m_first (where the target ranks first) with their intervals, n, proteins."""
        return pooled(self.table.assign(m_first=self.table.gap > 0), ["circuit"], ["gap", "m_first"])

    @property
    def drawn(self) -> np.ndarray:
        """The random circuits' mean gaps."""
        return self.mean.gap.to_numpy()[1:]

    @property
    def null(self) -> Null:
        """The chosen circuit's mean gap against the random ones'; exceeded by nothing where there are none."""
        return against(float(self.mean.gap.iloc[0]), self.drawn) if len(self.drawn) else Null(float("nan"), 1.0)

    @property
    def as_well(self) -> int:
        """How many random circuits do as well: their mean gap is at least the chosen one's."""
        return int((self.drawn >= self.mean.gap.iloc[0]).sum())

    @property
    def row(self) -> dict[str, object]:
        """All of it as a row of a table: circuit, gap and m_first with their intervals, n, proteins, random, as_well,
        random_median, p."""
        names = ", ".join(map(component_name, self.circuit))
        chosen = self.mean.iloc[0].drop("circuit").to_dict()
        beside = {"random": len(self.drawn), "as_well": self.as_well, "random_median": self.null.median}
        return {"circuit": names, **chosen, **beside, "p": self.null.p}

    @property
    def against_chance(self) -> str:
        """Whether the circuit does more than random ones do, and how that is known, in words."""
        null, n = self.null, len(self.drawn)
        if not n:
            return "and no other circuit has its size"
        said = "more than circuits of its size do by chance" if null.is_exceeded else "not more than chance gives"
        does = "does" if self.as_well == 1 else "do"
        return (
            f"{said}: of {counted(n, 'random circuit')} {self.as_well} {does} as well (median gap {null.median:.2f}, "
            f"p = {null.p:.3f})"
        )

    @property
    def in_words(self) -> str:
        """What the circuit alone does, in how many sequences, and what random ones do."""
        chosen, names = self.mean.iloc[0], ", ".join(map(component_name, self.circuit))
        return (
            f"{{{names}}} alone keeps a mean gap of {mean_in(chosen, 'gap')} and the target first in "
            f"{rate_in(chosen, 'm_first').of('sequences')}, {self.against_chance}"
        )


def beside_random(
    survey: Survey, sequences: Mapping[str, str], target: Target, *, circuit: Circuit, scope: NamedScope
) -> BesideRandom:
    """A circuit and random ones of its size, everything else zeroed at `scope`; `InputError` for one of nothing."""
    if not circuit:
        raise InputError("no component is needed in most of the sequences: there is no circuit to hold against others")
    circuits = (circuit, *random_circuits(survey.model.shape, circuit))
    table = survey.table(kept_alone, sequences, target=target, scope=scope, circuits=circuits)
    return BesideRandom(circuit, with_proteins(table, sequences))
