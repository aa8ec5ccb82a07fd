"""Is the target expected at the masked residue, whatever the sequence?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.analyses.prediction import masked_residue
from core.answers.subjects import masked
from core.answers.survey import Survey
from core.answers.words import Beside
from core.metrics import Target
from core.model import Model
from core.paper_values import NON_M_STARTERS, PREDICTION
from core.progress import SILENT, Progress
from core.tables import rows


def predicted(model: Model, sequence: str, *, target: Target, progress: Progress = SILENT) -> pd.DataFrame:
    """What is predicted at the masked residue: length, gap, logit, probability, rank, first."""
    return masked_residue(model, masked(sequence, target), target)


@dataclass(frozen=True, slots=True, eq=False)
class FirstResidue:
    """What is predicted in every sequence, a row each: subject, and the columns of `predicted`."""

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

    def by_group(self, groups: Mapping[str, str], order: Iterable[str]) -> pd.DataFrame:
        """Rates by group, in this order: group, sequences, m_first, m_rate, mean_gap, mean_probability."""
        group = self.table.subject.map(dict(groups))
        found = [self.rates(name, pd.DataFrame(self.table[group == name])) for name in order if (group == name).any()]
        return pd.DataFrame(found)

    def rates(self, group: str, table: pd.DataFrame | None = None) -> dict[str, object]:
        """The share of a group's sequences where the target ranks first, its mean gap and probability."""
        table = self.table if table is None else table
        return {
            "group": group,
            "sequences": len(table),
            "m_first": len(rows(table, rank=1)),
            "m_rate": len(rows(table, rank=1)) / len(table),
            "mean_gap": table.gap.mean(),
            "mean_probability": table.probability.mean(),
        }

    def beside_paper(self, others: "FirstResidue | None" = None) -> Beside:
        """`others` are proteins given as such whose own residue isn't the target."""
        first, sequences = self.is_first, [self.sequences[name] for name in self.table.subject]
        missed = [sequence for sequence, predicted in zip(sequences, first, strict=True) if not predicted]
        own = np.array([sequence[self.target.residue or 0] == self.target.letter for sequence in sequences])
        ours = [
            f"{first.sum()} of {len(first)} sequences",
            f"{sum(len(set(sequence)) == 1 for sequence in missed)} of {len(missed)}",
            f"{(self.table['rank'] == 2).sum()} of {len(missed)}",
            f"{first[~own].sum()} of {(~own).sum()}",
            f"{self.table.gap[first].mean():.2f}" if first.any() else "first in none",
        ]
        beside = list(zip(PREDICTION, ours, strict=True))
        return beside if others is None else [*beside, (NON_M_STARTERS, _count(others))]


def _count(found: FirstResidue) -> str:
    return f"{found.is_first.sum()} of {len(found.table)}"


def first_residue(survey: Survey, sequences: Mapping[str, str], target: Target) -> FirstResidue:
    """What the model predicts at the target's residue of every sequence, masked."""
    table = survey.table(predicted, sequences, target=target)
    return FirstResidue(target, {name: sequences[name] for name in table.subject}, table)
