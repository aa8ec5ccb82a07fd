"""Contacts without labels: how does every residue's prediction respond when another residue is mutated?

The Categorical Jacobian of Zhang et al. (2024) on logits, and the same on hidden states for models without logits.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.alphabet import AMINO_ACIDS, token_id
from core.analyses.disk_cache import remembered
from core.analyses.mutants import mutant_responses
from core.contacts import apc
from core.errors import InputError
from core.forward import unembed
from core.interventions import Condition, condition_to_json
from core.model import Model
from core.progress import SILENT, Progress

LARGEST_JACOBIAN: Final = 4 * 2**30
"""Bytes of J beyond which a protein is refused."""
CHEAP: Final = "AEGLK"
"""The cheap mode's substitutions: small, negative, flexible, greasy, positive."""
Numbers = Literal["float32", "bfloat16"]
"""What the forward passes are computed in."""
DTYPES: Final[Mapping[Numbers, torch.dtype]] = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def categorical_jacobian(
    model: Model,
    tokens: Int[Tensor, " pos"],
    *,
    substitutions: str = AMINO_ACIDS,
    condition: Condition = (),
    progress: Progress = SILENT,
) -> Float[np.ndarray, "residue residue"]:
    """How strongly each two residues couple (logits, arbitrary zero; larger means more likely in contact).

    J centred over every axis, symmetrised, its Frobenius norm over pairs of amino acids, APC, and a diagonal of zeros
    before and after it, as in Zhang et al.'s code: a residue is in no contact with itself. Fewer
    `substitutions` are the cheap mode: J is then taken over these amino acids alone, on both sides. `condition` holds
    in every run. Raises `InputError` as `jacobian` does.
    """
    responses = jacobian(
        model,
        tokens,
        substitutions=substitutions,
        condition=condition,
        progress=progress,
    )
    return jacobian_map(responses)


def jacobian_map(
    responses: Float[Tensor, "residue substitution residue substitution"],
) -> Float[np.ndarray, "residue residue"]:
    """The map of a J that is at hand, as in `categorical_jacobian`; J, which can be large, is centred in place."""
    for axis in range(4):
        responses -= responses.mean(axis, keepdim=True)
    return _corrected(torch.stack([_coupling(responses, residue) for residue in range(len(responses))]))


def jacobian(
    model: Model,
    tokens: Int[Tensor, " pos"],
    *,
    substitutions: str = AMINO_ACIDS,
    condition: Condition = (),
    progress: Progress = SILENT,
) -> Float[Tensor, "residue substitution residue substitution"]:
    """J[i, a, j, b]: the logit of b at residue j when residue i is a, minus the same logit in the protein.

    float32 (float64 for a float64 model). Raises `InputError` for fewer than two substitutions, or one that is not an
    amino acid, or repeated, for fewer than two residues, and for a protein whose J passes 4 GiB.
    """
    ids = _ids(substitutions)
    _check_tokens(tokens)
    size = len(tokens) - 2, len(ids), len(tokens) - 2, len(ids)
    dtype = torch.promote_types(model.dtype, torch.float32)
    needed = torch.Size(size).numel() * dtype.itemsize
    if needed > LARGEST_JACOBIAN:
        raise InputError(f"the Jacobian of {size[0]} residues takes {needed / 2**30:.1f} GiB: 4 GiB is the limit")
    responses = torch.zeros(size, dtype=dtype)
    for residue, response in mutant_responses(
        model,
        tokens,
        ids,
        lambda resid: unembed(model, resid)[:, 1:-1, ids].to(dtype),
        condition=condition,
        progress=progress,
    ):
        responses[residue] = response.cpu()
    return responses


def representation_jacobian(
    model: Model,
    tokens: Int[Tensor, " pos"],
    *,
    layer: int = -1,
    substitutions: str = AMINO_ACIDS,
    condition: Condition = (),
    progress: Progress = SILENT,
) -> Float[np.ndarray, "residue residue"]:
    """The Jacobian's map from hidden states after `layer` (0-based, -1 the last) instead of logits.

    R[i, a, j, :] is centred over every axis; its norm over a and d_model is made symmetric (the two axes differ, so the
    tensor cannot be), then zero diagonal and APC. The mutants run twice, once for the mean over i: holding R would take
    L x 20 x L x d_model numbers. Raises `InputError` for a layer that does not exist, and as `jacobian` does.
    """
    if not -model.shape.n_layers <= layer < model.shape.n_layers:
        raise InputError(f"layer {layer + 1} does not exist: {model.name} has layers 1 to {model.shape.n_layers}")
    ids = _ids(substitutions)
    _check_tokens(tokens)
    n_residues = len(tokens) - 2
    wide = torch.promote_types(model.dtype, torch.float32)

    def centred(run: int) -> Iterator[Float[Tensor, "substitution residue d_model"]]:
        for _, response in mutant_responses(
            model,
            tokens,
            ids,
            lambda resid: resid[:, 1:-1].to(wide),
            layer=layer,
            condition=condition,
            progress=progress.stretch(run, 2),
        ):
            for axis in range(3):
                response = response - response.mean(axis, keepdim=True)
            yield response

    mean = sum(centred(0)) / n_residues
    norms = torch.stack([(response - mean).square().sum((0, 2)).sqrt() for response in centred(1)])
    return _corrected((norms + norms.T) / 2)


def stored_jacobian(
    model: Model,
    tokens: Int[Tensor, " pos"],
    *,
    layer: int | None = None,
    substitutions: str = AMINO_ACIDS,
    condition: Condition = (),
    dtype: torch.dtype | None = None,
    progress: Progress = SILENT,
    folder: Path | None = None,
) -> Float[np.ndarray, "residue residue"]:
    """`categorical_jacobian`, or with a `layer` `representation_jacobian`, from disk where it was computed before.

    The passes run in `dtype`, such as bfloat16; in the model's own when it is None.
    """
    model = model.to(dtype=dtype)
    settings = {"substitutions": substitutions, "condition": condition, "progress": progress}
    key = {
        "model": model.trunk_fingerprint,
        "dtype": model.dtype,
        "tokens": tokens.tolist(),
        "layer": layer,
        "substitutions": substitutions,
        "condition": condition_to_json(condition),
    }

    def compute() -> np.ndarray:
        if layer is None:
            return categorical_jacobian(model, tokens, **settings)
        return representation_jacobian(model, tokens, layer=layer, **settings)

    return remembered("jacobian", key, compute, folder)


def _ids(substitutions: str) -> list[int]:
    unknown = [letter for letter in substitutions if letter not in AMINO_ACIDS]
    if unknown or len(set(substitutions)) < max(2, len(substitutions)):
        raise InputError(f"substitutions are two or more of {AMINO_ACIDS}, each once, not '{substitutions}'")
    return [token_id(letter) for letter in substitutions]


def _check_tokens(tokens: Int[Tensor, " pos"]) -> None:
    n_residues = max(len(tokens) - 2, 0)
    if n_residues < 2:
        raise InputError(f"a Jacobian couples residues: it needs at least two, not {n_residues}")


def _coupling(centred: Tensor, residue: int) -> Float[Tensor, " residue"]:
    """The Frobenius norm of (J + J^T) / 2 between one residue and all: row by row, so that J stands only once."""
    both = centred[residue] + centred[:, :, residue].permute(2, 0, 1)
    return both.square().sum((0, 2)).sqrt() / 2


def _corrected(norms: Float[Tensor, "residue residue"]) -> Float[np.ndarray, "residue residue"]:
    return apc(norms.cpu().fill_diagonal_(0)).fill_diagonal_(0).float().numpy()
