"""What does the model need to see to predict a contact? Everything else masked, then unmasked in three orders.

Zhang et al. (2024): a model that looks up motifs recovers a contact from its flanks; one that recognises whole folds
from residues anywhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from core.alphabet import AMINO_ACID_IDS, tokenize
from core.analyses.contact_attribution import check_contact
from core.errors import InputError
from core.forward import token_dropout_scale
from core.interventions import Condition, FixTokenDropout
from core.model import Model
from core.progress import SILENT, Progress
from core.run import rows_within, run

FAR: Final = 30
"""Residues this far from both ends of the contact, or farther, are "far"."""
N_STEPS: Final = 8
APART: Final = 3
"""Residues of a control pair are at least this far from the contact's own."""


@dataclass(frozen=True, slots=True, eq=False)
class MotifRecovery:
    """The signal of one contact by how many residues are shown besides its own two; logits, not corrected."""

    n_shown: Int[np.ndarray, " step"]
    flanks: Float[np.ndarray, " step"]
    """The residues nearest to either end are shown first."""
    random: Float[np.ndarray, "repeat step"]
    """Residues are shown in random orders."""
    far: Float[np.ndarray, "repeat step"]
    """Random orders of the residues at least 30 away from both ends; nan where there are too few of them."""
    n_far: int
    """How many such residues there are."""
    whole: float
    """The signal in the unmasked sequence."""
    nothing: float
    """The signal when only the two residues are shown."""

    @property
    def as_control(self) -> dict[str, Float[np.ndarray, " step"]]:
        """What another pair's recovery is held against: flanks first, and the mean of the random orders."""
        return {"flanks first": self.flanks, "random": self.random.mean(0)}


def motif_recovery(
    model: Model,
    sequence: str,
    i: int,
    j: int,
    *,
    n_shown: Sequence[int] | None = None,
    repeats: int = 10,
    seed: int = 0,
    condition: Condition = (),
    hold_scale: bool = True,
    progress: Progress = SILENT,
) -> MotifRecovery:
    """How the coupling of residues i and j (0-based) comes back as others are unmasked, with `repeats` random orders.

    `n_shown` lists how many residues to show (by default eight steps up to all of them). `hold_scale` holds token
    dropout's scale where the unmasked protein has it, 0.88: left alone, it would multiply all embeddings by 17 with 74
    of 76 residues masked. Raises `InputError` for residues that are the same or
    outside the sequence, for a sequence without a third residue, and for steps beyond its length.
    """
    check_contact(len(sequence), i, j)
    if len(sequence) < 3:
        raise InputError("motif recovery shows residues besides the contact's two: this sequence has none")
    if hold_scale and model.token_dropout and not any(isinstance(each, FixTokenDropout) for each in condition):
        condition = (*condition, FixTokenDropout(float(token_dropout_scale(model, tokenize(sequence)[None]))))
    others = [residue for residue in range(len(sequence)) if residue not in (i, j)]
    steps = sorted(set(n_shown if n_shown is not None else _steps(len(others))))
    if not steps or steps[0] < 1 or steps[-1] > len(others):
        raise InputError(f"between 1 and {len(others)} residues can be shown besides the two, not {steps}")
    if repeats < 1:
        raise InputError(f"at least one random order is needed, not {repeats}")

    def distance(residue: int) -> int:
        return min(abs(residue - i), abs(residue - j))

    rng = np.random.default_rng(seed)
    far = [residue for residue in others if distance(residue) >= FAR]
    orders = [sorted(others, key=distance)]
    orders += [rng.permutation(others).tolist() for _ in range(repeats)]
    orders += [rng.permutation(far).tolist() for _ in range(repeats)]
    shown = {
        (at, step): frozenset(order[:step]) for at, order in enumerate(orders) for step in steps if step <= len(order)
    }
    contexts = list(dict.fromkeys([frozenset(), frozenset(others), *shown.values()]))
    signals: dict[frozenset[int], float] = {}
    per_batch = max(1, rows_within(model, len(sequence) + 2) // (2 * len(AMINO_ACID_IDS)))
    for first in range(0, len(contexts), per_batch):
        batch = contexts[first : first + per_batch]
        signals |= zip(batch, _couplings(model, sequence, i, j, batch, condition), strict=True)
        progress.report(len(signals), len(contexts))
    curves = np.array(
        [[signals[shown[at, step]] if (at, step) in shown else np.nan for step in steps] for at in range(len(orders))]
    )
    return MotifRecovery(
        n_shown=np.array(steps),
        flanks=curves[0],
        random=curves[1 : repeats + 1],
        far=curves[repeats + 1 :],
        n_far=len(far),
        whole=signals[frozenset(others)],
        nothing=signals[frozenset()],
    )


def control_pair(i: int, j: int, near: Bool[np.ndarray, "residue residue"], seed: int = 0) -> tuple[int, int] | None:
    """Two residues as far apart along the chain as i and j, drawn among those that are not `near` each other.

    None where there are none. What they do as residues are shown, is not the contact's doing.
    """
    apart = abs(j - i)
    first = np.arange(len(near) - apart)
    elsewhere = (np.abs(first - min(i, j)) >= APART) & (np.abs(first + apart - min(i, j)) >= APART)
    elsewhere &= np.abs(first - max(i, j)) >= APART
    free = first[elsewhere & ~near[first, first + apart]]
    if not len(free):
        return None
    drawn = int(np.random.default_rng(seed).choice(free))
    return drawn, drawn + apart


def most_passes(repeats: int) -> int:
    """How many passes one pair takes at most: every masking, with each of its two residues as every amino acid."""
    return 2 * len(AMINO_ACID_IDS) * (2 + N_STEPS * (1 + 2 * repeats))


def _steps(n_others: int) -> list[int]:
    """About eight numbers of residues, each a like factor above the one before, up to all."""
    return np.unique(np.geomspace(1, n_others, N_STEPS).round().astype(int)).tolist()


@torch.inference_mode()
def _couplings(
    model: Model, sequence: str, i: int, j: int, contexts: Sequence[frozenset[int]], condition: Condition
) -> list[float]:
    """The coupling of i and j with the residues of each context shown: the Categorical Jacobian's 20 x 20 block of the
    pair, centred over both amino acids, symmetrised, its Frobenius norm."""
    ids = list(AMINO_ACID_IDS)
    rows = []
    for context in contexts:
        hidden = set(range(len(sequence))) - {i, j} - context
        mutants = tokenize(sequence, hidden).repeat(2, len(ids), 1)
        mutants[0, :, i + 1] = mutants[1, :, j + 1] = torch.tensor(ids)
        rows.append(mutants.flatten(0, 1))
    logits = run(model, torch.cat(rows), (condition,), positions=[j + 1, i + 1]).logits[..., ids].float()
    # context, which residue is mutated, to what, where it is read (the other residue first), amino acid
    logits = logits.unflatten(0, (-1, 2, len(ids)))
    both = _centred(logits[:, 0, :, 0]) + _centred(logits[:, 1, :, 1]).transpose(-1, -2)
    return (both.square().sum((-1, -2)).sqrt() / 2).tolist()


def _centred(block: torch.Tensor) -> torch.Tensor:
    block = block - block.mean(-1, keepdim=True)
    return block - block.mean(-2, keepdim=True)
