"""Is the target expected at the masked residue, whatever the sequence?"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from core.analyses.prediction import masked_residue
from core.answers.intervals import Rate, between, rate
from core.answers.subjects import masked, with_proteins
from core.answers.survey import Survey
from core.answers.words import Beside
from core.bootstrap import mean_interval
from core.metrics import Target
from core.model import Model
from core.paper_values import PREDICTION
from core.progress import SILENT, Progress


def predicted(model: Model, sequence: str, *, target: Target, progress: Progress = SILENT) -> pd.DataFrame:
    """What is predicted at the masked residue: length, gap, logit, probability, rank, first."""
    return masked_residue(model, masked(sequence, target), target)


@dataclass(frozen=True, eq=False)
class FirstResidue:
    """What is predicted in every sequence, a row each: subject, the columns of `predicted`, protein."""

    target: Target
    sequences: Mapping[str, str]
    """Those that have a row."""
    table: pd.DataFrame

    @property
    def is_first(self) -> np.ndarray:
        """Where the target ranks first."""
        return self.table["rank"].to_numpy() == 1

    @property
    def predicting(self) -> dict[str, str]:
        """The sequences where the target ranks first."""
        names = self.table.subject[self.is_first]
        return {name: self.sequences[name] for name in names}

    @cached_property
    def rate(self) -> Rate:
        """How often the target ranks first."""
        return rate(self.is_first, self.table.protein)

    def by_group(self, groups: Mapping[str, str], order: Iterable[str]) -> pd.DataFrame:
        """By group, in this order: group, sequences, proteins, m_first, m_rate and its interval, mean_gap and
        mean_probability."""
        group = self.table.subject.map(dict(groups))
        found = [self.rates(name, pd.DataFrame(self.table[group == name])) for name in order if (group == name).any()]
        return pd.DataFrame(found)

    def rates(self, group: str, table: pd.DataFrame | None = None) -> dict[str, object]:
        """The share of a group's sequences where the target ranks first, its mean gap and probability."""
        table = self.table if table is None else table
        found = rate(table["rank"] == 1, table.protein)
        low, high = found.interval or (np.nan, np.nan)
        return {
            "group": group,
            "sequences": found.n,
            "proteins": found.n_proteins,
            "m_first": found.hits,
            "m_rate": found.share,
            "m_rate_low": low,
            "m_rate_high": high,
            "mean_gap": table.gap.mean(),
            "mean_probability": table.probability.mean(),
        }

    def beside_paper(self, real: Collection[str] = (), others: "FirstResidue | None" = None) -> Beside:
        """`real` names the proteins among the sequences, `others` are further ones whose own residue isn't the target.

        The paper's 500 are real proteins: shuffles and made-up sequences don't stand beside them.
        """
        first, sequences = self.is_first, [self.sequences[name] for name in self.table.subject]
        missed = [sequence for sequence, predicted in zip(sequences, first, strict=True) if not predicted]
        ours = [
            self.rate.of("sequences"),
            f"{sum(len(set(sequence)) == 1 for sequence in missed)} of {len(missed)}",
            f"{(self.table['rank'] == 2).sum()} of {len(missed)}",
            self._elsewhere(real, others),
            self._gap_in_words(),
        ]
        return list(zip(PREDICTION, ours, strict=True))

    def _elsewhere(self, real: Collection[str], others: "FirstResidue | None") -> str:
        own = [
            name in real and self.sequences[name][self.target.residue or 0] != self.target.letter
            for name in self.table.subject
        ]
        tables = [self.table[own]] if others is None else [self.table[own], others.table]
        found = pd.concat(tables)
        if found.empty:
            return f"not applicable: every real protein here has {self.target.letter} there"
        proteins = found.protein if others is None else range(len(found))
        return rate(found["rank"] == 1, proteins).of("real proteins")

    def _gap_in_words(self) -> str:
        own = self.table[self.is_first]
        if own.empty:
            return "first in none"
        return f"{own.gap.mean():.2f}{between(mean_interval(own.protein, own.gap))} over {len(own)}"


def first_residue(survey: Survey, sequences: Mapping[str, str], target: Target) -> FirstResidue:
    """What the model predicts at the target's residue of every sequence, masked."""
    table = with_proteins(survey.table(predicted, sequences, target=target), sequences)
    return FirstResidue(target, {name: sequences[name] for name in table.subject}, table)
