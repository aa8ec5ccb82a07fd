"""What does a layer say of this protein? Its features, most specific first, and what an edit changes in them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from core.features.activations import feature_activations
from core.interventions import Condition
from core.model import Model


@dataclass(frozen=True, slots=True, eq=False)
class ProteinFeatures:
    """The features that are active anywhere in a protein, the most specific first."""

    layer: int
    features: Int[np.ndarray, " active"]
    activation: Float[np.ndarray, "active pos"]
    """BOS, residues, EOS."""
    score: Float[np.ndarray, " active"]
    """Largest activation in the protein over the largest known, times the feature's idf, where its file has both."""

    def at(self, position: int) -> Int[np.ndarray, " here"]:
        """The features active at a position, strongest first."""
        here = np.flatnonzero(self.activation[:, position])
        return self.features[here[self.activation[here, position].argsort()[::-1]]]

    def most_specific(self, n: int, kept: int | None = None) -> Int[np.ndarray, " rows"]:
        """The rows of the first n features; where the feature `kept` comes later, its row is the last of them."""
        rows = np.arange(min(n, len(self.features)))
        found = np.flatnonzero(self.features == kept)
        if len(found):
            rows[-1] = max(rows[-1], found[0])
        return rows

    def of(self, feature: int) -> Float[np.ndarray, " pos"]:
        """One feature's activation at every position; zeros where it is active nowhere."""
        found = np.flatnonzero(self.features == feature)
        return self.activation[found[0]] if len(found) else np.zeros(self.activation.shape[1])


def protein_features(
    model: Model, tokens: Int[Tensor, " pos"], layer: int, condition: Condition = ()
) -> ProteinFeatures:
    """The features of one layer (0-based) in a protein, ranked as Biohub ranks them: f / max x idf.

    Without idf in the dictionary's file, by f / max; without either, by f. Raises `InputError` when the model has no
    dictionary there.
    """
    dictionary = model.dictionary(layer)
    dense = feature_activations(model, tokens, layer, condition).float().cpu().numpy()
    strongest = dense.max(0)
    active = np.flatnonzero(strongest)
    score = strongest[active].astype(float)
    if dictionary.largest is not None:
        score /= np.maximum(dictionary.largest.float().cpu().numpy()[active], 1e-6)
    if dictionary.idf is not None:
        score *= dictionary.idf.float().cpu().numpy()[active]
    order = score.argsort()[::-1]
    return ProteinFeatures(layer, active[order], dense[:, active[order]].T.copy(), score[order])


def together(activation: Float[np.ndarray, " residue"]) -> Float[np.ndarray, "residue residue"]:
    """For every pair of residues how strongly a feature fires at both: the lower of the two activations."""
    return np.minimum.outer(activation, activation)


@dataclass(frozen=True, slots=True, eq=False)
class FeatureChanges:
    """How an edit changes the features of a protein, the largest change first."""

    layer: int
    features: Int[np.ndarray, " changed"]
    change: Float[np.ndarray, "changed pos"]
    """Edited minus clean."""


def feature_changes(clean: ProteinFeatures, edited: ProteinFeatures) -> FeatureChanges:
    """Every feature that is active in either run and differs somewhere."""
    every = np.union1d(clean.features, edited.features)
    change = np.zeros((len(every), clean.activation.shape[1]))
    change[np.searchsorted(every, edited.features)] += edited.activation
    change[np.searchsorted(every, clean.features)] -= clean.activation
    largest = np.abs(change).max(1)
    order = largest.argsort()[::-1]
    order = order[largest[order] > 0]
    return FeatureChanges(clean.layer, every[order], change[order])
