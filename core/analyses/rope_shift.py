"""How far may a head's positions slip? Its queries turned by a shift, keys left or taken along."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.alphabet import BOS, residue_position
from core.arrays import as_array
from core.interventions import Condition, Head, ShiftRope, Side
from core.metrics import Target
from core.model import Model
from core.progress import SILENT, Progress
from core.rope import band_scores, rotate
from core.run import RESUMABLE, Keep, Trace, run, sweep

SHIFTS: Final = tuple(range(-20, 21))


@dataclass(frozen=True, slots=True, eq=False)
class ShiftCurve:
    """The target at the mask as the positions of some heads are shifted."""

    shifts: tuple[int, ...]
    gap: Float[np.ndarray, " shifts"]
    logit: Float[np.ndarray, " shifts"]
    largest_change: Float[np.ndarray, " shifts"]
    """The largest change of any token's logit from the unshifted run."""


def shift_curve(
    model: Model,
    tokens: Int[Tensor, " pos"],
    heads: Sequence[Head],
    *,
    shifts: Sequence[int] = SHIFTS,
    side: Side = "q",
    given: Condition = (),
    target: Target = Target(),
    progress: Progress = SILENT,
) -> ShiftCurve:
    """The target at the first mask with the RoPE positions of `heads` moved by each of `shifts` residues.

    Side "q" moves queries and leaves keys; side "qk" moves both and is the control, which may change nothing but
    rounding (see `shift_control`). Source: Jedryszek & Crook 2026, Methods, "Global index shift".
    """
    position = target.position(tokens)
    baseline = run(model, tokens, keep=RESUMABLE)
    unshifted = run(model, tokens, [given], positions=[position]).logits[0, 0]

    def measure(trace: Trace) -> Tensor:
        logits = trace.logits[:, 0]
        change = (logits - unshifted).abs().amax(-1)
        return torch.stack((target.gap(logits), target.logit(logits), change), dim=-1)

    measured = sweep(
        model,
        baseline,
        [given + tuple(ShiftRope(head, shift, side) for head in heads) for shift in shifts],
        measure,
        positions=[position],
        progress=progress,
    )
    return ShiftCurve(tuple(shifts), measured[:, 0], measured[:, 1], measured[:, 2])


def shift_control(model: Model, tokens: Int[Tensor, " pos"], heads: Sequence[Head], **settings: Any) -> ShiftCurve:
    """The curve with queries and keys moved together, run in float64 whatever the model's own precision.

    What is left of a change is then the rotation's own, not float32's rounding, which alone reaches 1e-5 in a logit.
    `settings` are those of `shift_curve`.
    """
    return shift_curve(model.to(dtype=torch.float64), tokens, heads, side="qk", **settings)


@dataclass(frozen=True, slots=True, eq=False)
class ShiftedScore:
    """A head's score of BOS from the mask, by RoPE band, as its query is shifted."""

    shifts: tuple[int, ...]
    contribution: Float[np.ndarray, "shifts n_bands"]
    """What each band adds to the score before softmax."""
    cosine: Float[np.ndarray, " shifts"]
    """Cosine between the query as it is and as it is shifted, all bands together."""

    @property
    def band_share(self) -> Float[np.ndarray, " n_bands"]:
        """Each band's share of the score's variation with the shift: its variance over the sum of all bands'."""
        variance = self.contribution.var(0)
        return variance / variance.sum()


def shifted_score(
    model: Model, tokens: Int[Tensor, " pos"], head: Head, shifts: Sequence[int] = SHIFTS
) -> ShiftedScore:
    """How a shift of the query turns each band against BOS's key; nothing is run again, only rotated."""
    position, bos = residue_position(tokens, None), int(torch.nonzero(tokens == BOS)[0])
    trace = run(model, tokens, keep=Keep.of("q", "k_rot", layers=[head.layer]))
    q = trace["q", head.layer][:, head.index, position].expand(1, 1, len(shifts), -1)
    key = trace["k_rot", head.layer][0, head.index, bos]
    inv_freq = model.layers[head.layer].inv_freq
    positions = position + torch.tensor(shifts, device=q.device, dtype=inv_freq.dtype)
    shifted = rotate(q, positions, inv_freq)[0, 0]
    native = rotate(q[:, :, :1], positions.new_full((1,), position), inv_freq)[0, 0]
    contribution = band_scores(shifted, key.expand_as(shifted)).contribution
    cosine = torch.cosine_similarity(shifted, native, dim=-1)
    return ShiftedScore(tuple(shifts), as_array(contribution), as_array(cosine))
