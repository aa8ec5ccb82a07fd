"""What would each substitution do to a protein? The log-likelihood ratio of every letter against the protein's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd
from jaxtyping import Float

from core.alphabet import AMINO_ACIDS, tokenize
from core.analyses.map_agreement import rank_correlation
from core.analyses.masked_marginals import log_probabilities, masked_marginals
from core.model import Model
from core.progress import SILENT, Progress
from core.proteins.variants import Substitution, Variant
from core.run import run

Marginal = Literal["masked", "wild type"]
"""How a residue is read: masked alone, a pass for each; or all at once in the unmasked protein, which is one pass."""
FEWEST: Final = 6
"""Measured variants below which no correlation is stated."""


@dataclass(frozen=True, slots=True, eq=False)
class Substitutions:
    """log p(letter) − log p(the protein's own letter) at every residue, in nats: negative is less likely."""

    sequence: str
    marginal: Marginal
    ratios: Float[np.ndarray, "residue amino_acid"]
    """Columns as AMINO_ACIDS, 0 at the protein's own letter; nan where that is none of the twenty."""

    @property
    def mean(self) -> Float[np.ndarray, " residue"]:
        """The mean over a residue's 19 substitutions: the more negative, the surer the model is of its own letter."""
        return self.ratios.sum(1) / (len(AMINO_ACIDS) - 1)

    def of(self, variant: Variant) -> float:
        """The variant's ratio: the sum over its substitutions, each read in the protein without the others."""
        return sum(self.ratio(part) for part in variant.substitutions)

    def ratio(self, substitution: Substitution) -> float:
        """One substitution's ratio."""
        return float(self.ratios[substitution.residue, AMINO_ACIDS.index(substitution.letter)])

    @property
    def table(self) -> pd.DataFrame:
        """A row per substitution: residue (0-based), own, letter, ratio; residues without ratios are left out."""
        rows = [
            (residue, own, letter, self.ratios[residue, column])
            for residue, own in enumerate(self.sequence)
            for column, letter in enumerate(AMINO_ACIDS)
            if own in AMINO_ACIDS and letter != own
        ]
        return pd.DataFrame(rows, columns=["residue", "own", "letter", "ratio"])


def substitutions(
    model: Model, sequence: str, marginal: Marginal = "masked", *, progress: Progress = SILENT
) -> Substitutions:
    """All substitutions of a protein; `progress` hears of residues.

    Source: Meier et al. 2021, Language models enable zero-shot prediction of the effects of mutations on protein
    function, equation 1 (masked marginals) and appendix A (wild-type marginals).
    """
    if marginal == "masked":
        log_p = masked_marginals(model, sequence, progress=progress)
    else:
        log_p = log_probabilities(run(model, tokenize(sequence)).logits[0, 1:-1])
        progress.report(len(sequence), len(sequence))
    own = [AMINO_ACIDS.find(letter) for letter in sequence]
    ratios = log_p - log_p[np.arange(len(sequence)), own][:, None]
    ratios[np.array(own) < 0] = np.nan
    return Substitutions(sequence, marginal, ratios)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Spearman's correlation of ratios and measured scores, with its 95% interval."""

    correlation: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.correlation:z.2f} [{self.low:z.2f}, {self.high:z.2f}], N = {self.n}"


def agreement(ratios: Sequence[float], scores: Sequence[float]) -> Agreement | None:
    """How well the order of ratios is that of measured scores; None for fewer than six, or where either is constant.

    The interval is Fisher's, with the standard error sqrt((1 + r²/2) / (n − 3)) of Bonett & Wright 2000; it takes
    variants as independent.
    """
    one, other = np.array(ratios), np.array(scores)
    if len(one) < FEWEST or np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    correlation = min(1.0, max(-1.0, rank_correlation(one, other)))
    if abs(correlation) == 1:
        return Agreement(correlation, correlation, correlation, len(one))
    half = 1.96 * np.sqrt((1 + correlation**2 / 2) / (len(one) - 3))
    low, high = np.tanh(np.arctanh(correlation) + np.array([-half, half]))
    return Agreement(correlation, float(low), float(high), len(one))
