"""How well contacts are seen: the contact head, the best single head and the Categorical Jacobian, against chance."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Float

from core.analyses.categorical_jacobian import categorical_jacobian
from core.contacts import SEPARATIONS, contact_map, heads_map, precision_at
from core.interventions import Head
from core.model import Esm2
from core.training.contact_head import Example, LabelledProtein

PER: Final = (1, 2, 5)
"""k of P@L/k."""


def precisions(
    name: str, family: str | None, method: str, scores: Float[np.ndarray, "residue residue"], protein: LabelledProtein
) -> list[dict[str, object]]:
    """One row for each separation and each k: columns protein, family, residues, method, separation, per, ..."""
    return [
        {
            "protein": name,
            "family": family,
            "residues": len(scores),
            "method": method,
            "separation": separation,
            "per": per,
            "precision": (found := precision_at(scores, protein.contacts, protein.known, separation, per)).precision,
            "chance": found.chance,
        }
        for separation in SEPARATIONS
        for per in PER
    ]


def best_single_head(examples: Sequence[Example], n_heads: int) -> Head:
    """The head whose own map has the best mean long-range P@L/2."""
    n_features = examples[0].features.shape[-1]
    mean = [
        np.nanmean([precision_at(e.features[..., f], e.protein.contacts, e.protein.known).precision for e in examples])
        for f in range(n_features)
    ]
    return Head(*divmod(int(np.argmax(mean)), n_heads))


def score_contacts(
    model: Esm2,
    proteins: Mapping[str, LabelledProtein],
    families: Mapping[str, str],
    single_head: Head,
    with_jacobian: Collection[str],
) -> pd.DataFrame:
    """P@L, L/2 and L/5 of every method on every protein; the Jacobian, which is slow, on those named."""
    rows: list[dict[str, object]] = []
    for name, protein in proteins.items():
        maps = {
            "contact head": contact_map(model, protein.tokens),
            f"head {single_head}": heads_map(model, protein.tokens, [single_head]),
        }
        if name in with_jacobian:
            maps["Categorical Jacobian"] = categorical_jacobian(model, protein.tokens)
        for method, scores in maps.items():
            rows += precisions(name, families.get(name), method, scores, protein)
    return pd.DataFrame(rows)
