"""Can another protein's activation bring the prediction back where it is outvoted?"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from core.analyses.injection import inject
from core.answers.first_residue import first_residue
from core.answers.intervals import Rate, mean_in, pooled, rate
from core.answers.subjects import masked, with_proteins
from core.answers.survey import Survey
from core.answers.words import Beside, counted
from core.errors import InputError
from core.interventions import Head
from core.metrics import Target
from core.model import Model
from core.paper_values import INJECTION
from core.progress import SILENT, Progress
from core.tables import grid


def injections(
    model: Model,
    sequence: str,
    *,
    target: Target,
    heads: tuple[Head, ...],
    sources: tuple[str, ...],
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """The gap before and after heads' z from other proteins: source (index; -1 is none), gap."""
    tokens = [masked(source, target) for source in sources]
    found = inject(model, masked(sequence, target), heads, tokens, target=target, progress=progress)
    return pd.DataFrame({"source": range(-1, len(sources)), "gap": found.gap})


@dataclass(frozen=True, eq=False)
class Injection:
    """Gaps of the sequences injected into, as they are and with each source's activation."""

    target: Target
    table: pd.DataFrame
    """subject, source (index; -1 is none), gap."""
    by_sequence: pd.DataFrame
    """Where the target doesn't rank first to begin with: subject, protein, before, after (mean over sources), back
    (whether most sources bring the target back)."""
    names: tuple[str, ...]
    before: Float[np.ndarray, " sequences"]
    after: Float[np.ndarray, "sequences sources"]
    sources: tuple[str, ...]
    """Names of those that gave: where the target ranks first."""

    @property
    def rescued(self) -> Rate:
        """Of the sequences that lost the target, those where most sources bring it back."""
        return rate(self.by_sequence.back, self.by_sequence.protein)

    @property
    def in_words(self) -> str:
        """In how many sequences the target comes back, and how far the mean gap moves, with their intervals."""
        letter = self.target.letter
        if self.by_sequence.empty:
            return f"{letter} ranks first in all to begin with"
        [(_, mean)] = pooled(self.by_sequence.assign(all=True), ["all"], ["before", "after"]).iterrows()
        return (
            f"{letter} comes back in {self.rescued.of('sequences')}, by most of {counted(len(self.sources), 'source')}"
            f"; their mean gap moves from {mean_in(mean, 'before')} to {mean_in(mean, 'after')}"
        )

    def beside_paper(self) -> Beside:
        return [(INJECTION[0], self.in_words)]


def injection(
    survey: Survey,
    sources: Mapping[str, str],
    target: Target,
    *,
    into: Mapping[str, str],
    heads: tuple[Head, ...],
    most: int | None = None,
) -> Injection:
    """`heads`' z at the mask, from the first `most` sources where the target ranks first, in every sequence of `into`.

    Source: Jedryszek & Crook 2026, Methods, "Cross-sequence activation injection". Raises `InputError` when the target
    ranks first in none of the sources.
    """
    giving = dict(list(first_residue(survey, sources, target).predicting.items())[:most])
    if not giving:
        raise InputError(f"{target.letter} ranks first in none of the sources: there is nothing to inject")
    table = survey.table(injections, into, target=target, heads=heads, sources=tuple(giving.values()))
    gaps = grid(table, "subject", "source", "gap")
    before, after = gaps[-1].to_numpy(), gaps.drop(columns=-1).to_numpy()
    by_sequence = pd.DataFrame(
        {"subject": gaps.index, "before": before, "after": after.mean(1), "back": (after > 0).mean(1) > 0.5}
    )
    lost = with_proteins(pd.DataFrame(by_sequence[by_sequence.before <= 0]), into)
    return Injection(target, table, lost, tuple(gaps.index), before, after, tuple(giving))
