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
from core.contacts import head_maps
from core.errors import InputError
from core.model import ContactHead, Esm2
from core.structure import Structure, contact_truth

MIN_SEPARATION: Final = 6
"""Pairs closer than this along the chain are not fitted: nearly all of them touch."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledProtein:
    """A protein whose contacts are known from a structure."""

    name: str
    tokens: Int[Tensor, "pos"]
    contacts: Bool[np.ndarray, "residue residue"]
    known: Bool[np.ndarray, "residue residue"]
    """Pairs of which both residues are resolved."""

    @classmethod
    def of(cls, structure: Structure) -> "LabelledProtein":
        """A structure's chain; contacts are Cβ (Cα for glycine) closer than 8 Å."""
        contacts, known = contact_truth(structure)
        return cls(structure.name, tokenize(structure.sequence), contacts, known)


def contact_features(
    model: Esm2, tokens: Int[Tensor, "pos"]
) -> Float[np.ndarray, "residue residue n_layers_x_n_heads"]:
    """What the contact head sees of every pair: A + A^T of each head, corrected (APC), layer-major."""
    maps = torch.cat([layer_maps for _, layer_maps in head_maps(model, tokens)])
    return maps.permute(1, 2, 0).float().numpy(force=True)


def fit_contact_head(model: Esm2, proteins: Sequence[LabelledProtein], strength: float) -> ContactHead:
    """The logistic regression of contact (|i - j| >= 6) on all heads' maps over a few proteins.

    `strength` is scikit-learn's C: the smaller, the fewer heads are used (L1 penalty). Source: Rao et al. 2021, who
    fitted 20 structures with C = 0.15. Raises `InputError` when the proteins have no contact to learn from.
    """
    features, labels = [], []
    for protein in proteins:
        pairs = np.triu(protein.known, MIN_SEPARATION)
        features.append(contact_features(model, protein.tokens)[pairs])
        labels.append(protein.contacts[pairs])
    x, y = np.concatenate(features), np.concatenate(labels)
    if len(np.unique(y)) < 2:
        raise InputError(f"{len(proteins)} proteins give {int(y.sum())} contacts in {len(y)} pairs: nothing to fit")
    regression = LogisticRegression(C=strength, l1_ratio=1.0, solver="liblinear", random_state=0).fit(x, y)
    weight = torch.tensor(regression.coef_[0], dtype=torch.float32)
    return ContactHead(weight, torch.tensor(regression.intercept_[0], dtype=torch.float32))
