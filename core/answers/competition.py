"""What outvotes the prediction? A repeat grown behind the mask, then destroyed mask by mask."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from core.analyses.competition import LENGTHS, crossing, destruction, elongation
from core.answers.survey import Survey
from core.answers.words import Beside, counted, crossed
from core.metrics import Target
from core.model import Model
from core.paper_values import COMPETITION
from core.progress import SILENT, Progress
from core.tables import means, rows

FIXED_SCALE: Final = 0.88
"""Token dropout's scale where nothing is masked, (1 - 0.12) / (1 - 0): what the control holds it at. One mask in a long
sequence comes close to it."""
OWN, HELD = "the model's own", "fixed"
"""Token dropout's scale: as the model makes it, or held at `FIXED_SCALE`."""


def growing_repeat(
    model: Model, letter: str, *, target: Target, lengths: tuple[int, ...], progress: Progress = SILENT
) -> pd.DataFrame:
    """A mask before ever longer poly-X, token dropout's scale free and, where there is any, held.

    Columns: `elongation`'s, dropout.
    """
    if not model.token_dropout:
        return elongation(model, letter, lengths, target=target, progress=progress).assign(dropout=OWN)
    free = elongation(model, letter, lengths, target=target, progress=progress.stretch(0, 2))
    held = elongation(model, letter, lengths, target=target, fixed_scale=FIXED_SCALE, progress=progress.stretch(1, 2))
    return pd.concat([free.assign(dropout=OWN), held.assign(dropout=HELD)], ignore_index=True)


def broken_repeat(model: Model, letter: str, *, target: Target, seed: int, progress: Progress = SILENT) -> pd.DataFrame:
    """Poly-X with ever more masks, token dropout's scale as in `growing_repeat`: `destruction`'s columns, dropout."""
    if not model.token_dropout:
        return destruction(model, letter, seed=seed, target=target, progress=progress).assign(dropout=OWN)
    free = destruction(model, letter, seed=seed, target=target, progress=progress.stretch(0, 2))
    held = destruction(
        model, letter, seed=seed, target=target, fixed_scale=FIXED_SCALE, progress=progress.stretch(1, 2)
    )
    return pd.concat([free.assign(dropout=OWN), held.assign(dropout=HELD)], ignore_index=True)


@dataclass(frozen=True, eq=False)
class Competition:
    """Repeats by name, as they grow and as they break."""

    target: Target
    letters: Mapping[str, str]
    grown: pd.DataFrame
    """subject (a repeat's name), and the columns of `growing_repeat`."""
    broken: pd.DataFrame
    """subject, and the columns of `broken_repeat`."""

    def crossings(self) -> pd.DataFrame:
        """Where each repeat outvotes the target as it grows, where the target is back as it breaks, how far both
        centred logits and the target's probability move: repeat, dropout, outvoted_at, back_at, m_range,
        repeated_range, p_least, p_most."""
        scales = self.grown.dropout.unique()
        return pd.DataFrame([self._crossings(repeat, dropout) for repeat in self.letters for dropout in scales])

    def _crossings(self, repeat: str, dropout: str) -> dict[str, object]:
        longer = rows(self.grown, subject=repeat, dropout=dropout)
        destroyed = self.destroyed(repeat, dropout)
        return {
            "repeat": repeat,
            "dropout": dropout,
            "outvoted_at": crossing(longer.length.to_numpy(), longer.gap.to_numpy()),
            "back_at": crossing(destroyed.masks.to_numpy(), destroyed.gap.to_numpy()),
            "m_range": np.ptp(longer.target.to_numpy()),
            "repeated_range": np.ptp(longer.repeated.to_numpy()),
            "p_least": longer.probability.min(),
            "p_most": longer.probability.max(),
        }

    def destroyed(self, repeat: str, dropout: str) -> pd.DataFrame:
        """Means over orders: masks, gap, target, repeated, probability."""
        chosen = rows(self.broken, subject=repeat, dropout=dropout)
        return means(chosen, ["masks"], ["gap", "target", "repeated", "probability"])

    @property
    def _n_orders(self) -> int:
        """In how many random orders each repeat is masked."""
        return int(self.broken.groupby(["subject", "dropout", "masks"]).size().to_numpy().max())

    def changes(self, repeat: str, dropout: str) -> str:
        """Where the larger of the two logits changes as the repeat grows, in words."""
        grown = rows(self.grown, subject=repeat, dropout=dropout)
        return crossed(grown.length.to_numpy(), grown.gap.to_numpy(), f"residues of {self.letters[repeat]}")

    def beside_paper(self, repeat: str) -> Beside:
        """Of one repeat, with the model's own scale; the paper's repeat is of alanines."""
        letter, grown = self.letters[repeat], rows(self.grown, subject=repeat, dropout=OWN)
        if letter != "A":
            return [(stated, f"not applicable: the repeat is of {letter}") for stated in COMPETITION]
        destroyed = self.destroyed(repeat, OWN)
        back = crossed(destroyed.masks.to_numpy(), destroyed.gap.to_numpy(), f"masks in {letter * 3}…")
        least, most = destroyed.iloc[0], destroyed.iloc[-1]
        moved = np.ptp(grown.repeated.to_numpy())
        ours = [
            self.changes(repeat, OWN),
            f"centred, moves by {np.ptp(grown.target.to_numpy()):.1f}, {letter}'s by {moved:.1f}; "
            f"P({self.target.letter}) from {grown.probability.iloc[0]:.2f} to {grown.probability.iloc[-1]:.2f}",
            "it never lost" if least.gap > 0 else back,
            f"centred, change by {most.target - least.target:+.1f} and {most.repeated - least.repeated:+.1f}, means of "
            f"{counted(self._n_orders, 'order')}",
        ]
        return list(zip(COMPETITION, ours, strict=True))


def competition(
    survey: Survey,
    letters: Mapping[str, str],
    target: Target,
    *,
    lengths: tuple[int, ...] = LENGTHS,
    seed: int = 0,
) -> Competition:
    """Repeats of `letters`, by name. Source: Jedryszek & Crook 2026, Methods, "Competition experiments"."""
    grown = survey.table(growing_repeat, letters, target=target, lengths=lengths)
    broken = survey.table(broken_repeat, letters, target=target, seed=seed)
    return Competition(target, letters, grown, broken)
