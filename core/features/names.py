"""What features are called: the concept that each agrees with best, chosen on some proteins and told on others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float
from scipy.sparse import csr_array

from core.features.concepts import Labelled

THRESHOLDS: Final = (0.0, 0.25, 0.5, 0.75)
"""Shares of a feature's largest activation above which it counts as firing."""
LEAST_LIFT: Final = 2.0
"""A concept's share of the positions where a feature fires, over its share of all positions: helices are so common that
anything finds them."""
NAMED_FROM: Final = 0.5
"""Smallest F1 of a name, on the proteins it wasn't chosen on."""

Activations = csr_array
"""Positions x features of one protein, BOS and EOS among them."""
Group = Sequence[tuple[Labelled, Activations]]
"""Proteins about which the same concepts can be asked."""


@dataclass(frozen=True, slots=True, eq=False)
class Agreement:
    """How well firing says that a concept is true, for every feature and concept."""

    precision: Float[np.ndarray, "n_features concepts"]
    """Share of the positions where the feature fires at which the concept is true."""
    recall: Float[np.ndarray, "n_features concepts"]
    """Share of the proteins with the concept in which the feature fires where it is true."""
    share: Float[np.ndarray, " concepts"]
    """Of all positions."""

    @property
    def f1(self) -> Float[np.ndarray, "n_features concepts"]:
        """Harmonic mean of precision and recall, 0 where precision is below twice the concept's share."""
        total = self.precision + self.recall
        f1 = 2 * self.precision * self.recall / np.where(total > 0, total, 1)
        return np.where(self.precision >= LEAST_LIFT * self.share, f1, 0)


@dataclass(frozen=True, slots=True)
class Name:
    """A feature's best concept; `chosen_f1` on the proteins it was chosen on, the rest on the others."""

    concept: str
    threshold: float
    chosen_f1: float
    f1: float
    precision: float
    recall: float

    @property
    def holds(self) -> bool:
        return self.f1 >= NAMED_FROM


def name_features(groups: Sequence[Group], largest: Float[np.ndarray, " n_features"]) -> list[Name | None]:
    """For each feature its best concept over all groups; None for one that fires with no concept.

    Of every group, proteins at even places choose concept and threshold, those at odd places say how good it is.
    `largest` are the activations that thresholds are shares of.
    """
    best: list[Name | None] = [None] * len(largest)
    for group in groups:
        concepts = sorted({concept for protein, _ in group for concept in protein.concepts})
        column = {concept: index for index, concept in enumerate(concepts)}
        told = [(_labels(protein, column), activations) for protein, activations in group]
        choosing, telling = told[::2], told[1::2]
        chosen = np.zeros((len(THRESHOLDS), 2, len(largest)))
        for index, threshold in enumerate(THRESHOLDS):
            f1 = agreement(choosing, threshold * largest, len(concepts)).f1
            chosen[index] = f1.argmax(1), f1.max(1)
        threshold_of = chosen[:, 1].argmax(0)
        for index, threshold in enumerate(THRESHOLDS):
            found = agreement(telling, threshold * largest, len(concepts))
            f1 = found.f1
            for feature in np.flatnonzero(threshold_of == index):
                at, chosen_f1 = int(chosen[index, 0, feature]), float(chosen[index, 1, feature])
                held = best[feature]
                if chosen_f1 > (held.chosen_f1 if held else 0.0):
                    scores = (float(each[feature, at]) for each in (f1, found.precision, found.recall))
                    best[feature] = Name(concepts[at], threshold, chosen_f1, *scores)
    return best


def agreement(
    proteins: Sequence[tuple[csr_array, Activations]], above: Float[np.ndarray, " n_features"], n_concepts: int
) -> Agreement:
    """Precision and recall of every feature for every concept, a feature firing where it is larger than `above`."""
    true, hit = (np.zeros((len(above), n_concepts), dtype=np.int32) for _ in range(2))
    fired, carriers, positions, of_concept = np.zeros(len(above)), *(np.zeros(n_concepts) for _ in range(3))
    for labels, activations in proteins:
        firing = _firing(activations, above)
        together = (firing.T @ labels).tocoo()
        true[together.row, together.col] += together.data
        hit[together.row, together.col] += together.data > 0
        fired += firing.sum(0)
        here = np.asarray(labels.sum(0))
        carriers += here > 0
        of_concept += here
        positions += len(firing.indptr) - 1
    precision = true / np.maximum(fired, 1)[:, None]
    return Agreement(precision, hit / np.maximum(carriers, 1), of_concept / np.maximum(positions, 1))


def _firing(activations: Activations, above: Float[np.ndarray, " n_features"]) -> csr_array:
    firing = activations.copy()
    firing.data = (activations.data > above[activations.indices]).astype(np.int32)
    firing.eliminate_zeros()
    return firing


def _labels(protein: Labelled, column: dict[str, int]) -> csr_array:
    """Positions x concepts, 1 where the concept is true."""
    pairs = [(at, column[concept]) for concept, positions in protein.concepts.items() for at in positions]
    rows, columns = np.array(pairs).reshape(-1, 2).T
    ones = np.ones(len(pairs), dtype=np.int32)
    return csr_array((ones, (rows, columns)), shape=(len(protein.sequence) + 2, len(column)))
