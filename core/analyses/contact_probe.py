"""A contact head for any model: fair-esm's sparse logistic regression on attention maps, fitted on a few proteins.

Rao et al. (2021): L1-penalised logistic regression on every head's symmetrised and corrected map, over pairs six or
more residues apart of about twenty proteins.
"""

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float

from core.analyses.head_ranking import mean_chance
from core.contacts import head_maps
from core.errors import InputError
from core.model import ContactHead, Model
from core.progress import SILENT, Progress
from core.proteins.contact_scores import MIN_SEPARATION, precision_at
from core.proteins.labelled import LabelledProtein

STRENGTH: Final = 0.15
"""scikit-learn's C in fair-esm's own heads: the smaller, the fewer heads are used."""
STRENGTHS: Final = (0.15, 0.5, 1.5, 5.0, 15.0)
"""Those that cross-validation chooses from."""
FOLDS: Final = 4
MIN_PROTEINS: Final = 3


class Example(NamedTuple):
    """A labelled protein as the regression sees it: its known pairs that are far enough apart to count."""

    protein: LabelledProtein
    features: Float[np.ndarray, "pair n_layers_x_n_heads"]
    """A + A^T of each head, corrected (APC), layer-major: fair-esm's features."""
    contact: Bool[np.ndarray, " pair"]


def make_example(model: Model, protein: LabelledProtein) -> Example:
    """A protein's features, from one pass, and its labels."""
    contacts, known = protein.truth()
    i, j = np.nonzero(np.triu(known, MIN_SEPARATION))
    features = [maps[:, i, j].float().numpy(force=True) for _, maps in head_maps(model, protein.tokens)]
    return Example(protein, np.concatenate(features).T, contacts[i, j])


def fit_contact_head(examples: Sequence[Example], strength: float = STRENGTH) -> ContactHead:
    """The regression over all pairs of some proteins; `strength` is scikit-learn's C.

    Raises `InputError` when the pairs are all contacts or none.
    """
    features = np.concatenate([example.features for example in examples])
    contact = np.concatenate([example.contact for example in examples])
    if contact.all() or not contact.any():
        raise InputError(
            f"{len(examples)} proteins give {contact.sum()} contacts in {len(contact)} pairs: nothing to fit"
        )
    from sklearn.linear_model import LogisticRegression  # read where it is used: it takes a second

    regression = LogisticRegression(C=strength, l1_ratio=1.0, solver="liblinear", max_iter=1000, random_state=0)
    regression.fit(features, contact)
    weight, bias = np.ravel(regression.coef_), np.ravel(regression.intercept_)
    return ContactHead(torch.tensor(weight, dtype=torch.float32), torch.tensor(bias[0], dtype=torch.float32))


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """A contact head fitted here, in its model, and how well such a head does on proteins that it has not seen."""

    model: Model
    strength: float
    """scikit-learn's C: given, or chosen by cross-validation on the same proteins."""
    precision: float
    """Mean long-range P@L/2 on proteins left out of the fit, each left out once; the head itself is fitted on all. A
    little too high where the strength was chosen by it."""
    chance: float
    """What picking pairs blindly finds on the same proteins."""


def fit_probe(
    model: Model,
    proteins: Mapping[str, LabelledProtein],
    strength: float | None = None,
    progress: Progress = SILENT,
) -> Probe:
    """A contact head fitted on labelled proteins; `progress` hears (steps done, all): each protein, and the fits.

    Without a `strength` cross-validation chooses it (`choose_strength`): one C does not suit every model, and
    fair-esm's can leave a single head with a weight. Raises `InputError` for fewer than three proteins, or proteins
    without contacts to learn from.
    """
    if len(proteins) < MIN_PROTEINS:
        raise InputError(f"a contact head is fitted on at least {MIN_PROTEINS} labelled proteins, not {len(proteins)}")
    n_steps = len(proteins) + 2
    examples = []
    for done, protein in enumerate(proteins.values()):
        examples.append(make_example(model, protein))
        progress.report(done + 1, n_steps)
    if strength is None:
        strength, found = choose_strength(examples)
        precision = found[strength]
    else:
        precision = cross_validated(examples, strength)
    progress.report(n_steps - 1, n_steps)
    fitted = model.with_contact_head(fit_contact_head(examples, strength))
    return Probe(fitted, strength, precision, mean_chance(proteins.values()))


def contact_head_bytes(head: ContactHead) -> bytes:
    """A contact head as fair-esm writes it: a `<model>-contact-regression.pt` that fair-esm itself can load."""
    state = {
        "contact_head.regression.weight": head.weight[None].cpu(),
        "contact_head.regression.bias": head.bias[None].cpu(),
    }
    buffer = BytesIO()
    torch.save({"model": state}, buffer)
    return buffer.getvalue()


def read_contact_head(model: Model, file: bytes | Path) -> Model:
    """The model with the contact head in a file that fair-esm or `contact_head_bytes` wrote.

    Raises `InputError` when the file is something else, or belongs to a model with another number of heads.
    """
    n_weights = model.shape.n_layers * model.shape.n_heads
    try:
        content = torch.load(BytesIO(file) if isinstance(file, bytes) else file, weights_only=True)
        weight, bias = (content["model"][f"contact_head.regression.{part}"] for part in ("weight", "bias"))
        weight, bias = weight.flatten().float(), bias.reshape(()).float()
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, TypeError, AttributeError, pickle.UnpicklingError):
        raise InputError(
            "not a contact head: fair-esm's <model>-contact-regression.pt holds a weight and a bias"
        ) from None
    if len(weight) != n_weights:
        raise InputError(f"a contact head for {len(weight)} heads does not fit {model.name}, which has {n_weights}")
    return model.with_contact_head(ContactHead(weight, bias))


def choose_strength(examples: Sequence[Example]) -> tuple[float, dict[float, float]]:
    """Of `STRENGTHS`, the one with the best cross-validated precision (of equal ones the sparsest), and that of each.

    Raises `InputError` for a single protein, and when those that are fitted on give nothing to fit.
    """
    if len(examples) < 2:
        raise InputError("cross-validation needs at least two labelled proteins, not 1")
    precision = {strength: cross_validated(examples, strength) for strength in STRENGTHS}
    return max(precision, key=precision.__getitem__), precision


def cross_validated(examples: Sequence[Example], strength: float) -> float:
    """Mean long-range P@L/2 on proteins left out of the fit, each left out once."""
    found = []
    for fold in range(min(FOLDS, len(examples))):
        head = fit_contact_head([each for at, each in enumerate(examples) if at % FOLDS != fold], strength)
        found += [_precision(example, head) for example in examples[fold::FOLDS]]
    return float(np.nanmean(found))


def _precision(example: Example, head: ContactHead) -> float:
    contacts, known = example.protein.truth()
    scores = np.zeros(contacts.shape)
    scores[np.triu(known, MIN_SEPARATION)] = example.features @ head.weight.numpy()
    return precision_at(scores, contacts, known).precision
