"""Fitting fair-esm's contact head: a sparse logistic regression on every head's corrected attention map."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from core.alphabet import tokenize
from core.contacts import Precision, head_maps, precision_at
from core.errors import InputError
from core.model import ContactHead, Esm2
from core.structure import Structure, contact_truth

MIN_SEPARATION: Final = 6
"""Pairs closer than this along the chain are not fitted: nearly all of them touch."""
STRENGTHS: Final = (0.15, 0.5, 1.5, 5.0)
"""scikit-learn's C, of which cross-validation chooses one; fair-esm's heads were fitted with 0.15."""
FOLDS: Final = 4


@dataclass(frozen=True, slots=True, eq=False)
class LabelledProtein:
    """A protein whose contacts are known from a structure."""

    name: str
    tokens: Int[Tensor, "pos"]
    contacts: Bool[np.ndarray, "residue residue"]
    known: Bool[np.ndarray, "residue residue"]
    """Pairs of which both residues are resolved."""

    @classmethod
    def of(cls, name: str, structure: Structure) -> "LabelledProtein":
        """A structure's chain; contacts are Cβ (Cα for glycine) closer than 8 Å."""
        contacts, known = contact_truth(structure)
        return cls(name, tokenize(structure.sequence), contacts, known)


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A labelled protein as the contact head sees it."""

    protein: LabelledProtein
    features: Float[np.ndarray, "residue residue n_layers_x_n_heads"]
    """A + A^T of each head, corrected (APC), layer-major: fair-esm's features."""

    @classmethod
    def of(cls, model: Esm2, protein: LabelledProtein) -> "Example":
        maps = torch.cat([layer_maps for _, layer_maps in head_maps(model, protein.tokens)])
        return cls(protein, maps.permute(1, 2, 0).float().numpy(force=True))

    def precision(self, head: ContactHead) -> Precision:
        """P@L/2 of long-range contacts."""
        scores = self.features @ head.weight.numpy()
        return precision_at(scores, self.protein.contacts, self.protein.known)


def fit_contact_head(examples: Sequence[Example], strength: float) -> ContactHead:
    """The logistic regression of contact (|i - j| >= 6) on all heads' maps over a few proteins.

    `strength` is scikit-learn's C: the smaller, the fewer heads are used (L1 penalty). Source: Rao et al. 2021.
    Raises `InputError` when the proteins have no contact to learn from.
    """
    features, labels = [], []
    for example in examples:
        pairs = np.triu(example.protein.known, MIN_SEPARATION)
        features.append(example.features[pairs])
        labels.append(example.protein.contacts[pairs])
    x, y = np.concatenate(features), np.concatenate(labels)
    if len(np.unique(y)) < 2:
        raise InputError(f"{len(examples)} proteins give {int(y.sum())} contacts in {len(y)} pairs: nothing to fit")
    regression = LogisticRegression(C=strength, l1_ratio=1.0, solver="liblinear", random_state=0).fit(x, y)
    weight = torch.tensor(regression.coef_[0], dtype=torch.float32)
    return ContactHead(weight, torch.tensor(regression.intercept_[0], dtype=torch.float32))


def cross_validated(examples: Sequence[Example], strength: float) -> float:
    """Mean long-range P@L/2 on proteins left out of the fit, each left out once."""
    precisions = []
    for fold in range(FOLDS):
        head = fit_contact_head([e for index, e in enumerate(examples) if index % FOLDS != fold], strength)
        precisions += [example.precision(head).precision for example in examples[fold::FOLDS]]
    return float(np.mean(precisions))


def choose_strength(examples: Sequence[Example]) -> tuple[float, dict[float, float]]:
    """The strength with the best cross-validated precision, and that precision for each."""
    precision = {strength: cross_validated(examples, strength) for strength in STRENGTHS}
    return max(precision, key=precision.__getitem__), precision
