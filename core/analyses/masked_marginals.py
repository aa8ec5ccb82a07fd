"""What does the model say at every residue, each masked in turn? Masked marginals (Meier et al. 2021)."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float

from core.alphabet import AMINO_ACID_IDS, AMINO_ACIDS, MASK, tokenize
from core.model import Model
from core.progress import SILENT, Progress
from core.run import rows_within, run


def masked_marginals(
    model: Model, sequence: str, residues: Sequence[int] | None = None, *, progress: Progress = SILENT
) -> Float[np.ndarray, "residue amino_acid"]:
    """Log-probabilities (nats, over the twenty amino acids in the order of AMINO_ACIDS) at each residue, it alone
    masked; all residues, or the 0-based ones named. `progress` hears of residues."""
    tokens = tokenize(sequence)
    chosen = torch.arange(len(sequence)) if residues is None else torch.tensor(residues, dtype=torch.long)
    found = [np.empty((0, len(AMINO_ACIDS)))]
    done = 0
    for part in (chosen + 1).split(rows_within(model, len(tokens))):
        rows = tokens.repeat(len(part), 1)
        each = torch.arange(len(part))
        rows[each, part] = MASK
        logits = run(model, rows, positions=part.tolist()).logits[each, each]
        found.append(log_probabilities(logits))
        done += len(part)
        progress.report(done, len(chosen))
    return np.concatenate(found)


def log_probabilities(logits: Float[torch.Tensor, "*lead vocab"]) -> Float[np.ndarray, "*lead amino_acid"]:
    """Logits as log-probabilities over the twenty amino acids alone, in float64."""
    return logits[..., list(AMINO_ACID_IDS)].double().log_softmax(-1).numpy(force=True)


def pseudo_perplexity(log_p: Float[np.ndarray, "residue amino_acid"], sequence: str) -> float:
    """exp of the mean surprise (nats) at the protein's own letters, each masked in turn; rare letters are left out."""
    own = [AMINO_ACIDS.index(letter) if letter in AMINO_ACIDS else -1 for letter in sequence]
    known = np.array(own) >= 0
    return float(np.exp(-log_p[known, np.array(own)[known]].mean()))
