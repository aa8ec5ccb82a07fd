"""What does a head take from BOS? Its attention to BOS, BOS's values, or everything else, knocked out."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.alphabet import BOS, residue_position
from core.analyses.reading import read
from core.arrays import as_array
from core.interventions import AblateHead, AblateValues, BlockAttention, Condition, Head
from core.metrics import Target
from core.model import Model
from core.progress import SILENT, Progress
from core.run import Trace, stream


def knockouts(heads: Sequence[Head]) -> dict[str, Condition]:
    """The knock-outs of a set of heads by name: their attention to BOS, and their values at BOS, everywhere, elsewhere.

    Attention is blocked for every query, without and with renormalising what is left of it. Source: Jedryszek & Crook
    2026, Table 1 (values) and Extended Data Figure 8 (attention).
    """
    return {
        "attention to BOS": tuple(BlockAttention(head) for head in heads),
        "attention to BOS, renormalised": tuple(BlockAttention(head, renormalise=True) for head in heads),
        "values of BOS": tuple(AblateValues(head, "bos") for head in heads),
        "all values": tuple(AblateValues(head, "all") for head in heads),
        "all values but BOS's": tuple(AblateValues(head, "not-bos") for head in heads),
    }


def bos_knockouts(
    model: Model,
    tokens: Int[Tensor, " pos"],
    heads: Sequence[Head],
    *,
    given: Condition = (),
    target: Target = Target(),
    baseline: Trace | None = None,
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """The target at the first mask under every knock-out of `heads`: columns knockout, gap, logit, logit_drop.

    `given` holds throughout, the first row ("none", with nothing knocked out) included: with RoPE swaps of an internal
    mask there, the table tells what suffices; without, what is necessary. Gaps and logits are in logits.
    """
    named = {"none": ()} | knockouts(heads)
    conditions = [given + condition for condition in named.values()]
    found = read(model, tokens, conditions, target=target, baseline=baseline, progress=progress)
    return pd.DataFrame(
        {"knockout": list(named), "gap": found.gap, "logit": found.logit, "logit_drop": found.logit[0] - found.logit}
    )


def ablated_and_blocked(
    model: Model, tokens: Int[Tensor, " pos"], head: Head, *, target: Target = Target()
) -> tuple[float, float]:
    """Changes of the target's logit at the first mask: one head ablated, and only its attention to BOS blocked.

    Where they are alike, BOS is all that the head brings. Source: Jedryszek & Crook 2026, Extended Data Figure 8.
    """
    conditions: list[Condition] = [(), (AblateHead(head),), (BlockAttention(head),)]
    whole, ablated, blocked = read(model, tokens, conditions, target=target).logit.tolist()
    return ablated - whole, blocked - whole


def bos_attention(
    model: Model, tokens: Int[Tensor, " pos"], residue: int | None = None, condition: Condition = ()
) -> Float[np.ndarray, "n_layers n_heads"]:
    """How much of its attention each head gives to BOS from a residue (0-based; the first masked one when None)."""
    position = residue_position(tokens, residue)
    bos = int(torch.nonzero(tokens == BOS)[0])
    by_layer = []
    for layer in stream(model, tokens, (condition,)):
        assert layer.pattern is not None
        by_layer.append(as_array(layer.pattern[0, :, position, bos]))
    return np.stack(by_layer)
