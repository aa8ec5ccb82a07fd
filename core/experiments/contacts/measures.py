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
from core.analyses.contact_calibration import binned
from core.analyses.contact_evaluation import RECALLS, moved_curve, precision_recall, precisions
from core.analyses.contact_probe import choose_strength, fit_contact_head, make_example
from core.analyses.head_ranking import head_precisions, top_k_precisions
from core.analyses.map_agreement import map_agreement
from core.contacts import contact_map, heads_map
from core.interventions import Head
from core.model import ContactHead, Model
from core.proteins.labelled import LabelledProtein

CONTACT_HEAD, PROBE, BEST_HEAD, BEST_HEADS = "contact head", "fitted probe", "best head", "best heads averaged"
JACOBIAN, CHEAP_JACOBIAN, HIDDEN_JACOBIAN = "Categorical Jacobian", "cheap Jacobian", "representation Jacobian"
RANK_CORRELATION, TOP_L_SHARED = "rank correlation", "top L shared"


def heads(model: Model, protein: LabelledProtein, seed: int) -> pd.DataFrame:
    """P@L/2 of every head's own map: separation, layer, head (0-based), precision, and moved_0, moved_1 … for the
    contacts moved along the chain."""
    measured = head_precisions(model, protein, seed=seed)
    tables = []
    for separation, grid in measured.found.items():
        moved = measured.moved[separation].reshape(-1, grid.size).T
        layer, head = (index.ravel() for index in np.indices(grid.shape))
        table = pd.DataFrame({"separation": separation, "layer": layer, "head": head, "precision": grid.ravel()})
        tables.append(table.join(pd.DataFrame(moved).add_prefix("moved_")))
    return pd.concat(tables, ignore_index=True)


def top_k(model: Model, protein: LabelledProtein, rankings: tuple[tuple[Head, ...], ...]) -> pd.DataFrame:
    """Long-range P@L/2 of the average of the first 1, 2, 3 … heads of each ranking: ranking, k, precision."""
    found = top_k_precisions(model, protein, rankings)
    return pd.DataFrame(
        [
            {"ranking": number, "k": k, "precision": precision}
            for number, sweep in enumerate(found)
            for k, precision in enumerate(sweep, 1)
        ]
    )


def probe(model: Model, proteins: tuple[LabelledProtein, ...]) -> pd.DataFrame:
    """The contact head that logistic regression on these proteins gives, its penalty chosen by cross-validation:
    weight (layer-major), the bias last; strength (the C chosen)."""
    examples = [make_example(model, protein) for protein in proteins]
    strength, _ = choose_strength(examples)
    head = fit_contact_head(examples, strength)
    return pd.DataFrame({"weight": [*head.weight.tolist(), float(head.bias)], "strength": strength})


def reliability(model: Model, protein: LabelledProtein) -> pd.DataFrame:
    """Pairs by what the model's own contact head gives them (`core.analyses.contact_calibration.binned`)."""
    return binned(protein, contact_map(model, protein.tokens))


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


def jacobians(
    model: Model, protein: LabelledProtein, hidden_layer: int | None, numbers: Numbers = "float32"
) -> pd.DataFrame:
    """What mutants give, as `judged` tells it, and how the cheap map and, with a layer (0-based), the representation
    Jacobian agree with the full map (measure "agreement": method, kind, value, chance)."""
    model = model.to(DTYPES[numbers])
    responses = jacobian(model, protein.tokens)
    ids = [AMINO_ACIDS.index(letter) for letter in CHEAP]
    maps = {CHEAP_JACOBIAN: jacobian_map(responses[:, ids][..., ids])}
    full = jacobian_map(responses)
    if hidden_layer is not None:
        maps[HIDDEN_JACOBIAN] = representation_jacobian(model, protein.tokens, layer=hidden_layer)
    agreements = []
    for method, other in maps.items():
        agreement = map_agreement(other, full)
        agreements.append((method, RANK_CORRELATION, agreement.rank_correlation, agreement.correlation_by_chance))
        agreements.append((method, TOP_L_SHARED, agreement.shared, agreement.shared_by_chance))
    extra = pd.DataFrame(agreements, columns=["method", "kind", "value", "chance"]).assign(measure="agreement")
    return pd.concat([judged(protein, {JACOBIAN: full, **maps}), extra], ignore_index=True)


def judged(protein: LabelledProtein, maps: Mapping[str, Float[np.ndarray, "residue residue"]]) -> pd.DataFrame:
    """P@L/k and long-range precision–recall curves of maps: measure, method, separation, at, value, chance, moved.

    `at` is the k of P@L/k for the measure "precision", the recall for the measure "curve"; `moved` is the map's own
    chance, against contacts moved along the chain.
    """
    found = precisions(protein, maps).rename(columns={"per": "at", "precision": "value"}).assign(measure="precision")
    if protein.long_range_problem is not None:
        return found
    curves = [
        pd.DataFrame(
            {
                "measure": "curve",
                "method": method,
                "separation": "long",
                "at": RECALLS,
                "value": precision_recall(protein, predicted),
                "moved": moved_curve(protein, predicted),
            }
        )
        for method, predicted in maps.items()
    ]
    return pd.concat([found, *curves], ignore_index=True)
