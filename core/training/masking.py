"""A planned micro-batch, drawn on the device that trains: its crops, and the masks of masked language modelling."""

from typing import Final, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from core.alphabet import AMINO_ACID_IDS, BOS, MASK
from core.training.batches import Plan

MASKED, BLANKED, REPLACED = 0.15, 0.8, 0.1
"""Share of residues to predict, and which of those are shown as `<mask>` or as a random amino acid."""
MASKED_IN_FAMILIES: Final = (0.1, 0.5)
"""Families are seen many times over: the share, drawn anew for each row, makes a member hard to know by heart, and what
is left of it has to say the rest through couplings."""
NOT_ASKED: Final = -100


class Batch(NamedTuple):
    """What the network reads, and the amino acid to predict at each place, `NOT_ASKED` where it isn't asked."""

    tokens: Int[Tensor, "rows pos"]
    targets: Int[Tensor, "rows pos"]


def draw(tokens: UInt8[Tensor, " tokens"], plan: Plan) -> Batch:
    """The plan's crops of all the tokens, masked; of the plan alone on one kind of device.

    Seeds PyTorch's generators, so that whatever the network draws next is of the plan alone too.
    """
    torch.manual_seed(plan.seed)
    device = tokens.device
    start, begins = (torch.from_numpy(values).to(device, non_blocking=True) for values in (plan.start, plan.begins))
    rows = tokens[start[:, None] + torch.arange(plan.length, device=device)].long()
    rows[:, 0] = torch.where(begins, BOS, rows[:, 0])
    if plan.kind == "at large":
        return mask(rows, torch.full((len(rows), 1), MASKED, device=device))
    least, most = MASKED_IN_FAMILIES
    return mask(rows, least + (most - least) * torch.rand((len(rows), 1), device=device))


def mask(rows: Int[Tensor, "rows pos"], rates: Float[Tensor, "rows 1"]) -> Batch:
    """Choose a share of each row's amino acids to predict: 80% become `<mask>`, 10% a random amino acid, 10% stay.

    Source: ESM-2's objective (Lin et al. 2023), after BERT; there the share is 15%.
    """
    first, last = AMINO_ACID_IDS[0], AMINO_ACID_IDS[-1]
    asked = (rows >= first) & (rows <= last) & (torch.rand(rows.shape, device=rows.device) < rates)
    fate = torch.rand(rows.shape, device=rows.device)
    shown = torch.where(asked & (fate < BLANKED), MASK, rows)
    replaced = asked & (fate >= BLANKED) & (fate < BLANKED + REPLACED)
    shown = torch.where(replaced, torch.randint(first, last + 1, rows.shape, device=rows.device), shown)
    return Batch(shown, torch.where(asked, rows, NOT_ASKED))


def cross_entropy(logits: Float[Tensor, "rows pos tokens"], batch: Batch) -> Float[Tensor, ""]:
    """Mean over what is asked, in nats; zero for a batch that asks nothing."""
    targets = batch.targets.flatten()
    total = F.cross_entropy(logits.flatten(0, 1).float(), targets, ignore_index=NOT_ASKED, reduction="sum")
    return total / (targets != NOT_ASKED).sum().clamp(min=1)
