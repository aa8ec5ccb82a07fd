"""Which amino acid does a head write? Its write against the direction that raises each logit."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.alphabet import AMINO_ACID_IDS, residue_position
from core.arrays import as_array
from core.forward import unembed
from core.interventions import Condition
from core.model import Model
from core.run import Keep, run


@dataclass(frozen=True, slots=True, eq=False)
class WriteVectors:
    """How the last layer's heads' writes at a masked residue lie to the amino acids' logit gradients."""

    cosine: Float[np.ndarray, "n_heads amino_acids"]
    """Amino acids in the order of `core.alphabet.AMINO_ACIDS`."""
    length: Float[np.ndarray, " n_heads"]
    """How long each head's write is."""


def write_vectors(
    model: Model, tokens: Int[Tensor, " pos"], residue: int | None = None, condition: Condition = ()
) -> WriteVectors:
    """Cosine of each last-layer head's OV write with the gradient of each amino acid's logit.

    The gradient is taken with respect to the final residual stream (after the last layer, before the final
    LayerNorm) at the masked residue; the write is z times the head's slice of the output projection. Source: Jedryszek
    & Crook 2026, Methods, "Logit gradient analysis". A direction says nothing of size: see the effect of ablation.
    """
    position, last = residue_position(tokens, residue), model.shape.n_layers - 1
    keep = Keep.of("resid_post", "z", layers=[last])
    trace = run(model, tokens, [condition], keep=keep, positions=[position])
    writes = trace.head_out(last)[0, :, 0]
    gradients = logit_gradients(model, trace["resid_post", last][0, 0])
    cosine = torch.cosine_similarity(writes[:, None], gradients[None], dim=-1)
    return WriteVectors(as_array(cosine), as_array(writes.norm(dim=-1)))


def logit_gradients(model: Model, resid: Float[Tensor, " d_model"]) -> Float[Tensor, "amino_acids d_model"]:
    """The gradient of every amino acid's logit with respect to the final residual stream at one position."""
    with torch.inference_mode(False):
        point = resid.clone()
        columns = torch.tensor(AMINO_ACID_IDS, device=resid.device)
        return torch.func.jacrev(lambda stream: unembed(model, stream)[columns])(point)
