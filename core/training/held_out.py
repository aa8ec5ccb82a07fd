"""How well a network predicts masked residues of proteins it wasn't trained on."""

from collections.abc import Mapping, Sequence
from math import exp

import numpy as np
import torch
import torch.nn.functional as F

from core.alphabet import AMINO_ACID_IDS, MASK
from core.training.masking import MASKED
from core.training.network import Network
from core.training.pools import make_pool

LONGEST_PROTEIN = 1022
"""Residues beyond this are left out, as in ESM-2."""


def perplexity(
    network: Network, sequences: Sequence[str], whole_proteins: bool, seed: int = 0, n_masks: int = 1
) -> float:
    """exp of the mean cross-entropy at masked residues, in nats, over the whole alphabet.

    Each sequence is read whole, with 15% of its amino acids shown as `<mask>` (chosen by `seed` and the sequence's
    place in the list, `n_masks` times over) and none altered otherwise; whole proteins carry BOS and EOS.
    """
    pool = make_pool("held out", 1.0, [sequence[:LONGEST_PROTEIN] for sequence in sequences], whole_proteins)
    device = next(network.parameters()).device
    network.eval()
    total, n_asked = torch.zeros((), dtype=torch.float64, device=device), 0
    with torch.inference_mode():
        for index, (start, length) in enumerate(zip(pool.start, pool.length, strict=True)):
            rng = np.random.default_rng((seed, index))
            rows = np.repeat(pool.tokens[None, start : start + length], n_masks, axis=0)
            residues = (rows >= AMINO_ACID_IDS[0]) & (rows <= AMINO_ACID_IDS[-1])
            asked = residues & (rng.random(rows.shape) < MASKED)
            shown = np.where(asked, MASK, rows).astype(np.int64)
            logits = network(torch.from_numpy(shown).to(device), torch.from_numpy(asked).to(device))
            targets = torch.from_numpy(rows[asked].astype(np.int64)).to(device)
            total += F.cross_entropy(logits.float(), targets, reduction="sum")  # left on the device
            n_asked += int(asked.sum())
    return exp(total.item() / n_asked)


def perplexities(
    network: Network, at_large: Sequence[str], families: Mapping[str, tuple[Sequence[str], bool]]
) -> dict[str, float]:
    """Held-out perplexity of proteins at large and of each family, given as name -> (sequences, whole proteins?)."""
    return {"at large": perplexity(network, at_large, whole_proteins=True)} | {
        name: perplexity(network, sequences, whole_proteins) for name, (sequences, whole_proteins) in families.items()
    }
