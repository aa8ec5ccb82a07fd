"""Which amino acid does each head of the last layer write?"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from core.alphabet import AMINO_ACIDS
from core.analyses.reading import read
from core.analyses.write_vectors import WriteVectors, write_vectors
from core.answers.subjects import masked
from core.answers.survey import Survey
from core.answers.words import Beside
from core.components import ablate, heads_of_layers
from core.interventions import Head
from core.metrics import Target
from core.model import Model
from core.paper_values import WRITE_VECTORS
from core.progress import SILENT, Progress
from core.tables import grid, means


def writes(model: Model, sequence: str, *, target: Target, progress: Progress = SILENT) -> pd.DataFrame:
    """The last layer's writes against amino acids' gradients: head (0-based), amino_acid, cosine, length."""
    found = write_vectors(model, masked(sequence, target))
    heads, letters = np.indices(found.cosine.shape)
    return pd.DataFrame(
        {
            "head": heads.ravel(),
            "amino_acid": [AMINO_ACIDS[letter] for letter in letters.ravel()],
            "cosine": found.cosine.ravel(),
            "length": found.length[heads.ravel()],
        }
    )


def drops(model: Model, sequence: str, *, target: Target, progress: Progress = SILENT) -> pd.DataFrame:
    """What the target's logit loses without each head of the last layer at the mask: head (0-based), drop."""
    heads = heads_of_layers(model.shape, [model.shape.n_layers - 1])
    logits = read(model, masked(sequence, target), [(), *(ablate(head, "mask") for head in heads)], target=target).logit
    return pd.DataFrame({"head": [head.index for head in heads], "drop": logits[0] - logits[1:]})


@dataclass(frozen=True, eq=False)
class Writes:
    """Means over a set of the last layer's writes, and what each head's loss costs."""

    target: Target
    layer: int
    mean: pd.DataFrame
    """head (0-based), amino_acid, cosine, length."""
    drop: Float[np.ndarray, " n_heads"]

    @property
    def vectors(self) -> WriteVectors:
        cosine, length = (grid(self.mean, "head", "amino_acid", column).to_numpy() for column in ("cosine", "length"))
        return WriteVectors(cosine, length[:, 0])

    @property
    def to_target(self) -> Float[np.ndarray, " n_heads"]:
        """Each head's cosine with the target's gradient."""
        return self.vectors.cosine[:, AMINO_ACIDS.index(self.target.letter)]

    @property
    def closest(self) -> Head:
        """The head whose write lies closest to the target's gradient."""
        return Head(self.layer, int(self.to_target.argmax()))

    @property
    def largest(self) -> tuple[Head, str]:
        """The head and amino acid with the largest cosine of all."""
        cosine = self.vectors.cosine
        head, letter = np.unravel_index(int(cosine.argmax()), cosine.shape)
        return Head(self.layer, int(head)), AMINO_ACIDS[letter]

    def beside_paper(self) -> Beside:
        (head, letter), closest = self.largest, self.closest
        own = f"{closest} with {self.target.letter}: {self.to_target[closest.index]:.2f}"
        ours = (f"{head}, {letter}", f"{self.vectors.cosine.max():.2f} ({own})")
        return list(zip(WRITE_VECTORS, ours, strict=True))


def last_layer_writes(survey: Survey, sequences: Mapping[str, str], target: Target) -> Writes:
    """The last layer's heads: direction and cost. Source: Jedryszek & Crook 2026, "Logit gradient analysis"."""
    table = survey.table(writes, sequences, target=target)
    cost = means(survey.table(drops, sequences, target=target), ["head"], ["drop"])
    layer = survey.model.shape.n_layers - 1
    return Writes(target, layer, means(table, ["head", "amino_acid"], ["cosine", "length"]), cost["drop"].to_numpy())
