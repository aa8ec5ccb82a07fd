"""Which amino acid does each head of the last layer write?"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from core.alphabet import AMINO_ACIDS
from core.analyses.reading import read
from core.analyses.write_vectors import WriteVectors, write_vectors
from core.answers.intervals import mean_in, pooled
from core.answers.split import Split, split
from core.answers.subjects import masked, with_proteins
from core.answers.survey import Survey
from core.answers.words import Beside
from core.components import ablate, heads_of_layers
from core.interventions import Head
from core.metrics import Target
from core.model import Model
from core.paper_values import WRITE_VECTORS
from core.progress import SILENT, Progress
from core.tables import grid, means, rows


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
    """Means over a set of the last layer's writes, and what each head's loss costs.

    Which head and amino acid lie closest is chosen by half of the sequences, and the cosine judged by the other half.
    """

    target: Target
    layer: int
    mean: pd.DataFrame
    """head (0-based), amino_acid, cosine and length with their intervals, n, proteins: over all sequences."""
    drops: pd.DataFrame
    """head (0-based), drop of the target's logit without it, with its interval, n, proteins: over all sequences."""
    chosen: Float[np.ndarray, "n_heads amino_acids"]
    """Mean cosines over the sequences that choose."""
    judged: pd.DataFrame
    """Those of the sequences that judge, pooled as `mean`."""
    judged_drops: pd.DataFrame
    """Their drops, pooled as `drops`."""
    split: Split

    @property
    def vectors(self) -> WriteVectors:
        cosine, length = (grid(self.mean, "head", "amino_acid", column).to_numpy() for column in ("cosine", "length"))
        return WriteVectors(cosine, length[:, 0])

    @property
    def drop(self) -> Float[np.ndarray, " n_heads"]:
        """What the target's logit loses without each head, mean over all sequences."""
        return self.drops["drop"].to_numpy()

    @property
    def closest(self) -> Head:
        """The head whose write lies closest to the target's gradient."""
        return Head(self.layer, int(self.chosen[:, AMINO_ACIDS.index(self.target.letter)].argmax()))

    @property
    def opposed(self) -> Head:
        """The head whose write lies furthest from it."""
        return Head(self.layer, int(self.chosen[:, AMINO_ACIDS.index(self.target.letter)].argmin()))

    @property
    def largest(self) -> tuple[Head, str]:
        """The head and amino acid with the largest cosine of all."""
        head, letter = np.unravel_index(int(self.chosen.argmax()), self.chosen.shape)
        return Head(self.layer, int(head)), AMINO_ACIDS[letter]

    def cosine(self, head: Head, letter: str | None = None) -> str:
        """A head's cosine with a letter's (the target's) gradient where it is judged, with its interval."""
        return mean_in(rows(self.judged, head=head.index, amino_acid=letter or self.target.letter).iloc[0], "cosine")

    def cost(self, head: Head) -> str:
        """What the target's logit loses without a head where it is judged, with its interval."""
        return mean_in(rows(self.judged_drops, head=head.index).iloc[0], "drop")

    def stands_there(self, main: Head | None) -> str:
        """What the main head's rows say where it isn't in the last layer; "" where it is."""
        if main is None or main.layer == self.layer:
            return ""
        letter, opposed = self.target.letter, self.opposed
        return (
            f"not applicable: {main} isn't in the last layer. Of its {len(self.chosen)} heads {self.closest} writes "
            f"most towards {letter}, cosine {self.cosine(self.closest)}, and {opposed} most against it, "
            f"{self.cosine(opposed)} ({self.split})"
        )

    def beside_paper(self, main: Head | None = None) -> Beside:
        """`main` is the head that the prediction rests on most, where it is known."""
        (head, letter), closest = self.largest, self.closest
        own = f"{closest} with {self.target.letter}: {self.cosine(closest)}, its loss costs {self.cost(closest)}"
        lacking = self.stands_there(main)
        ours = (lacking or f"{head}, {letter}, {self.split}", lacking or f"{self.cosine(head, letter)} ({own})")
        return list(zip(WRITE_VECTORS, ours, strict=True))


def last_layer_writes(survey: Survey, sequences: Mapping[str, str], target: Target) -> Writes:
    """The last layer's heads: direction and cost. Source: Jedryszek & Crook 2026, "Logit gradient analysis"."""
    table = with_proteins(survey.table(writes, sequences, target=target), sequences)
    lost = with_proteins(survey.table(drops, sequences, target=target), sequences)
    halves = split({name: sequences[name] for name in dict.fromkeys(table.subject)})
    chosen = means(pd.DataFrame(table[table.subject.isin(halves.choosing)]), ["head", "amino_acid"], ["cosine"])
    judged, judged_drops = (pd.DataFrame(each[each.subject.isin(halves.judging)]) for each in (table, lost))
    return Writes(
        target,
        survey.model.shape.n_layers - 1,
        pooled(table, ["head", "amino_acid"], ["cosine", "length"]),
        pooled(lost, ["head"], ["drop"]),
        grid(chosen, "head", "amino_acid", "cosine").to_numpy(),
        pooled(judged, ["head", "amino_acid"], ["cosine", "length"]),
        pooled(judged_drops, ["head"], ["drop"]),
        halves,
    )
