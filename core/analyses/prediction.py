"""What is predicted at a masked residue, and how surely?"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int

from core.alphabet import AMINO_ACID_IDS, AMINO_ACIDS
from core.metrics import Target, probabilities
from core.model import Model
from core.run import run


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What a run predicts at one residue."""

    probabilities: Float[np.ndarray, " amino_acid"]
    """Softmax over the whole vocabulary, the twenty amino acids of it, in the order of AMINO_ACIDS."""
    logits: Float[np.ndarray, " amino_acid"]
    target: str
    target_gap: float
    target_rank: int

    @property
    def target_probability(self) -> float:
        return float(self.probabilities[AMINO_ACIDS.index(self.target)])

    @property
    def target_logit(self) -> float:
        return float(self.logits[AMINO_ACIDS.index(self.target)])

    @property
    def first(self) -> str:
        """The amino acid that ranks first."""
        return AMINO_ACIDS[int(np.argmax(self.logits))]


def prediction(logits: Float[np.ndarray, " vocab"], target: Target = Target()) -> Prediction:
    """What one residue's logits say of `target`: its gap and rank among its competitors."""
    at_residue, columns = torch.from_numpy(logits), list(AMINO_ACID_IDS)
    return Prediction(
        probabilities=probabilities(at_residue)[columns].numpy(),
        logits=logits[columns],
        target=target.letter,
        target_gap=float(target.gap(at_residue)),
        target_rank=int(target.rank(at_residue)),
    )


def masked_residue(model: Model, tokens: Int[torch.Tensor, " pos"], target: Target = Target()) -> pd.DataFrame:
    """The target at the first masked residue, as a table of one row.

    Columns length (residues), gap and logit (the gap among the amino acids), probability (over the vocabulary), rank
    and first (the amino acid that ranks first). Raises `InputError` when nothing is masked.
    """
    logits = run(model, tokens, positions=[target.position(tokens)]).logits[0, 0]
    found = prediction(logits.float().numpy(force=True), target)
    return pd.DataFrame(
        {
            "length": [len(tokens) - 2],
            "gap": [found.target_gap],
            "logit": [found.target_logit],
            "probability": [found.target_probability],
            "rank": [found.target_rank],
            "first": [found.first],
        }
    )
