"""What is measured on one labelled protein: tidy tables, computed on any worker. The sections put them together."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float

from core.alphabet import AMINO_ACIDS
from core.analyses.categorical_jacobian import (
    CHEAP,
    DTYPES,
    Numbers,
    jacobian,
    jacobian_map,
    representation_jacobian,
)
from core.analyses.contact_evaluation import RECALLS, precision_recall, precisions
from core.analyses.contact_probe import fit_contact_head, make_example
from core.analyses.head_ranking import head_precisions, top_k_precisions
from core.analyses.map_agreement import map_agreement
from core.contacts import contact_map, heads_map
from core.interventions import Head
from core.model import ContactHead, Model
from core.proteins.contact_scores import SEPARATIONS, Range, pairs_in_range
from core.proteins.labelled import LabelledProtein

CONTACT_HEAD, PROBE, BEST_HEAD, BEST_HEADS = "contact head", "fitted probe", "best head", "best heads averaged"
JACOBIAN, CHEAP_JACOBIAN, HIDDEN_JACOBIAN = "Categorical Jacobian", "cheap Jacobian", "representation Jacobian"


def heads(model: Model, protein: LabelledProtein) -> pd.DataFrame:
    """P@L/2 of every head's own map: separation, layer, head (0-based), precision."""
    return pd.DataFrame(
        [
            {"separation": separation, "layer": layer, "head": head, "precision": precision}
            for separation, grid in head_precisions(model, protein).items()
            for (layer, head), precision in np.ndenumerate(grid)
        ]
    )


def top_k(model: Model, protein: LabelledProtein, ranked: tuple[Head, ...]) -> pd.DataFrame:
    """Long-range P@L/2 of the average of the first 1, 2, 3 … heads: k, precision."""
    found = top_k_precisions(model, protein, ranked)
    return pd.DataFrame({"k": np.arange(1, len(found) + 1), "precision": found})


def probe(model: Model, proteins: tuple[LabelledProtein, ...], strength: float) -> pd.DataFrame:
    """The contact head that logistic regression on these proteins gives: weight (layer-major), the bias last."""
    head = fit_contact_head([make_example(model, protein) for protein in proteins], strength)
    return pd.DataFrame({"weight": [*head.weight.tolist(), float(head.bias)]})


def attention(
    model: Model, protein: LabelledProtein, ranked: tuple[Head, ...], fitted: tuple[float, ...]
) -> pd.DataFrame:
    """What attention gives in one pass, as `judged` tells it: the best heads, the probe whose weights and bias are
    `fitted`, and the model's own contact head where it has one."""
    *weight, bias = fitted
    fitted_head = ContactHead(torch.tensor(weight), torch.tensor(bias))
    maps = {
        BEST_HEAD: heads_map(model, protein.tokens, ranked[:1]),
        PROBE: contact_map(model.with_contact_head(fitted_head), protein.tokens),
    }
    if len(ranked) > 1:
        maps[BEST_HEADS] = heads_map(model, protein.tokens, ranked)
    if model.contact_head is not None:
        maps[CONTACT_HEAD] = contact_map(model, protein.tokens)
    return judged(protein, maps)


def jacobians(model: Model, protein: LabelledProtein, numbers: Numbers = "float32") -> pd.DataFrame:
    """What mutants give, as `judged` tells it, and how the cheap map agrees with the full one (measure "agreement")."""
    responses = jacobian(model.to(DTYPES[numbers]), protein.tokens)
    ids = [AMINO_ACIDS.index(letter) for letter in CHEAP]
    some, full = jacobian_map(responses[:, ids][..., ids]), jacobian_map(responses)
    agreement = map_agreement(some, full)
    found = {"rank correlation": agreement.rank_correlation, "top L shared": agreement.shared}
    extra = pd.DataFrame({"measure": "agreement", "method": list(found), "value": list(found.values())})
    return pd.concat([judged(protein, {JACOBIAN: full, CHEAP_JACOBIAN: some}), extra], ignore_index=True)


def hidden_jacobian(model: Model, protein: LabelledProtein, layer: int, numbers: Numbers = "float32") -> pd.DataFrame:
    """What mutants give in the hidden states after a layer (0-based), as `judged` tells it."""
    predicted = representation_jacobian(model.to(DTYPES[numbers]), protein.tokens, layer=layer)
    return judged(protein, {HIDDEN_JACOBIAN: predicted})


def judged(protein: LabelledProtein, maps: Mapping[str, Float[np.ndarray, "residue residue"]]) -> pd.DataFrame:
    """P@L/k and precision–recall curves of contact maps: measure, method, separation, at, value, chance.

    `at` is the k of P@L/k for the measure "precision", the recall for the measure "curve".
    """
    found = precisions(protein, maps).rename(columns={"per": "at", "precision": "value"}).assign(measure="precision")
    contacts, known = protein.truth()
    curves = [
        pd.DataFrame(
            {
                "measure": "curve",
                "method": method,
                "separation": separation,
                "at": RECALLS,
                "value": precision_recall(protein, predicted, separation),
            }
        )
        for separation in SEPARATIONS
        if _has_contacts(contacts & known, separation)
        for method, predicted in maps.items()
    ]
    return pd.concat([found, *curves], ignore_index=True)


def _has_contacts(contacts: np.ndarray, separation: Range) -> bool:
    return bool(contacts[pairs_in_range(len(contacts), separation)].any())
