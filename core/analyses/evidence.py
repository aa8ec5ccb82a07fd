"""Evidence or default? How much of a prediction comes from this protein's own order, and how much from anything else.

A masked residue's prediction is read under eight conditions, a chain of four contexts times two:

- *content gone*: every other residue masked; *order gone*: the others in a random order, so that composition stays;
  *copies gone*: real order, but stretches elsewhere that read like the residue's surroundings put in a random order
  (not masked: then their composition would go too, and poly-X would seem copied); *real*;
- *ends unread*: BOS's and EOS's values zeroed in every head, which is their attention blocked without renormalising.
  RoPE knows only distances, so nothing else says where in the protein the residue stands. *Ends read*: as it is.

Token dropout's scale is held at what one mask gives, so that masks take content away and nothing else.

With v a linear functional of the log-probabilities (`Contrast`), what is added step by step is

    v(real, read) = prior + position + composition + order + copying

where prior = v(content gone, unread), and each of the others is its increment averaged over the two orders in which
ends and content can come: ends first, or ends last. This is the Owen value of a game whose players are the ends and a
union {composition, order, copies} that can only enter in this sequence (Owen 1977; for precedence, Faigle & Kern 1992).
The plain average over all lattice paths would weigh the ends otherwise where there is no copy to take away; this one
doesn't change when a step is empty. Increments telescope in every repeat, so shares add up exactly in each.

A repeat is one random order, the same for all residues. A share's interval covers 95% of further orders (Student's t,
scaled by the square root of 1 + 1/n), not the mean's error: order counts as evidence only when the real one does what
another order of the same residues would not.

The interface that other modules build on: `measure_support(model, sequence, residues)` gives a `Support`;
`support.shares(residue, Contrast("M"))` or `support.shares(residue, Contrast("V", "A"))`, for the log-likelihood ratio
of two letters, gives `Shares`, whose parts have `mean`, `low`, `high`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
import scipy
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.alphabet import AMINO_ACIDS, MASK, tokenize
from core.analyses.masked_marginals import log_probabilities
from core.components import heads_of_layers
from core.errors import InputError
from core.forward import token_dropout_scale
from core.interventions import AblateValues, Condition, FixTokenDropout
from core.model import Model
from core.progress import SILENT, Progress
from core.proteins.copies import copies
from core.run import rows_within, run

Context = Literal["content gone", "order gone", "copies gone", "real"]
CONTEXTS: Final[tuple[Context, ...]] = get_args(Context)
Ends = Literal["unread", "read"]
ENDS: Final[tuple[Ends, ...]] = get_args(Ends)
Part = Literal["prior", "position", "composition", "order", "copying"]
PARTS: Final[tuple[Part, ...]] = get_args(Part)
"""What a prediction is made of: what the model says knowing nothing, and what each kind of support adds."""

REPEATS: Final = tuple(range(8))
"""Random orders, by number: the seed of each."""
COVERED: Final = 0.95
"""The share of further random orders that an interval covers."""

BACKGROUND: Final = dict(
    zip(
        "ARNDCQEGHILKMFPSTWYV",
        (
            8.25,
            5.52,
            4.06,
            5.46,
            1.38,
            3.93,
            6.71,
            7.07,
            2.27,
            5.91,
            9.65,
            5.80,
            2.41,
            3.86,
            4.74,
            6.65,
            5.36,
            1.10,
            2.92,
            6.85,
        ),
        strict=True,
    )
)
"""Amino acids in UniProtKB/Swiss-Prot, in % (its release statistics, 2023)."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """What is taken apart: log p(letter) minus log p(against); without `against`, minus the letter's log-frequency in
    proteins (`BACKGROUND`). In nats. Raises `InputError` for a letter that isn't one of the twenty amino acids."""

    letter: str
    against: str | None = None

    def __post_init__(self) -> None:
        for letter in (self.letter, self.against):
            if letter is not None and (len(letter) != 1 or letter not in AMINO_ACIDS):
                raise InputError(f"'{letter}' is not one of the amino acids {AMINO_ACIDS}")

    def of(self, log_p: Float[np.ndarray, "*lead amino_acid"]) -> Float[np.ndarray, "*lead"]:
        """The contrast of log-probabilities in the order of AMINO_ACIDS."""
        value = log_p[..., AMINO_ACIDS.index(self.letter)]
        if self.against is not None:
            return value - log_p[..., AMINO_ACIDS.index(self.against)]
        return value - np.log(BACKGROUND[self.letter] / sum(BACKGROUND.values()))


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over random orders, and where 95% of further ones fall; in nats."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Float[np.ndarray, " repeat"]) -> "Estimate":
        n, mean = len(values), float(values.mean())
        spread = float(values.std(ddof=1)) if n > 1 else 0.0
        half = float(scipy.special.stdtrit(n - 1, (1 + COVERED) / 2)) * spread * (1 + 1 / n) ** 0.5 if n > 1 else 0.0
        return cls(mean, mean - half, mean + half)


@dataclass(frozen=True, slots=True, eq=False)
class Shares:
    """What a contrast is made of; parts add up to its total in every repeat."""

    by_repeat: Float[np.ndarray, "part repeat"]
    """In the order of PARTS, in nats."""

    @property
    def total(self) -> float:
        """The contrast in the clean run."""
        return float(self.by_repeat.sum(0).mean())

    def part(self, part: Part) -> Estimate:
        """One part with its interval."""
        return Estimate.of(self.by_repeat[PARTS.index(part)])

    @property
    def parts(self) -> dict[Part, Estimate]:
        """All of them, in the order of PARTS."""
        return {part: self.part(part) for part in PARTS}

    def lead(self, part: Part, other: Part) -> Estimate:
        """How far one part is ahead of another."""
        return Estimate.of(self.by_repeat[PARTS.index(part)] - self.by_repeat[PARTS.index(other)])


@dataclass(frozen=True, slots=True, eq=False)
class Support:
    """Some residues of one protein, each masked, under every context, with ends unread and read, in every repeat."""

    sequence: str
    residues: tuple[int, ...]
    """0-based."""
    log_p: Float[np.ndarray, "residue context ends repeat amino_acid"]
    """Log-probabilities in nats over the twenty amino acids, in the orders of CONTEXTS, ENDS and AMINO_ACIDS."""
    copied: tuple[tuple[int, ...], ...]
    """For each residue, the residues of the copies of its surroundings; none where there is no copy."""

    def clean(self, residue: int) -> Float[np.ndarray, " amino_acid"]:
        """The unedited prediction at one residue (0-based)."""
        return self.log_p[self._place(residue), -1, -1, 0]

    def shares(self, residue: int, contrast: Contrast) -> Shares:
        """What the contrast is made of at one of the residues (0-based); `InputError` for one not measured."""
        return Shares(owen_values(contrast.of(self.log_p[self._place(residue)])))

    def _place(self, residue: int) -> int:
        if residue not in self.residues:
            raise InputError(f"residue {residue + 1} was not measured")
        return self.residues.index(residue)


def owen_values(values: Float[np.ndarray, "context ends repeat"]) -> Float[np.ndarray, "part repeat"]:
    """The parts, in the order of PARTS, of values under all eight conditions: their sum is the last one's value."""
    unread, read = values[:, 0], values[:, 1]
    position = ((read[0] - unread[0]) + (read[-1] - unread[-1])) / 2
    steps = (np.diff(unread, axis=0) + np.diff(read, axis=0)) / 2
    return np.stack([unread[0], position, *steps])


def ends_unread(model: Model) -> Condition:
    """BOS's and EOS's values zeroed in every head: nothing of them is read, and no other attention changes."""
    heads = heads_of_layers(model.shape, range(model.shape.n_layers))
    return tuple(AblateValues(head, "bos+eos") for head in heads)


def one_mask_scale(model: Model, n_pos: int) -> Condition:
    """Token dropout's scale held at what one mask among `n_pos` positions gives; nothing for models without any."""
    if not model.token_dropout:
        return ()
    tokens = torch.zeros(1, n_pos, dtype=torch.long)
    tokens[0, 0] = MASK
    return (FixTokenDropout(float(token_dropout_scale(model, tokens))),)


def in_random_order(
    tokens: Int[Tensor, " pos"], residues: Sequence[int], repeat: int, seed: int
) -> Int[Tensor, " pos"]:
    """The tokens with these residues (0-based) in a random order that depends on their number, `repeat` and `seed`."""
    places = torch.tensor(residues, dtype=torch.long) + 1
    order = np.random.default_rng((seed, repeat)).permutation(len(places))
    shuffled = tokens.clone()
    shuffled[places] = tokens[places[torch.from_numpy(order)]]
    return shuffled


def contexts(
    sequence: str, residue: int, copied: Sequence[int], repeats: Sequence[int], seed: int
) -> dict[Context, Int[Tensor, "row pos"]]:
    """The residue masked in each context: one row, or a row per repeat where something is in a random order."""
    tokens = tokenize(sequence, [residue])
    others = [other for other in range(len(sequence)) if other != residue]
    emptied = tokens.clone()
    emptied[1:-1] = MASK
    found: dict[Context, Int[Tensor, "row pos"]] = {
        "content gone": emptied[None],
        "order gone": torch.stack([in_random_order(tokens, others, repeat, seed) for repeat in repeats]),
        "real": tokens[None],
    }
    if copied:
        gone = [in_random_order(tokens, copied, repeat, seed) for repeat in repeats]
        found["copies gone"] = torch.stack(gone)
    return found


def measure_support(
    model: Model,
    sequence: str,
    residues: Sequence[int],
    *,
    repeats: Sequence[int] = REPEATS,
    seed: int = 0,
    progress: Progress = SILENT,
) -> Support:
    """Every residue named (0-based) under all eight conditions; `progress` hears of residues.

    Each costs two rows and four per repeat, or six where its surroundings have copies. Raises `InputError` for a
    residue outside the sequence, and where no repeat is asked for.
    """
    if not repeats:
        raise InputError("at least one random order is needed, not 0")
    scale = one_mask_scale(model, len(sequence) + 2)
    conditions: tuple[Condition, ...] = (ends_unread(model) + scale, scale)
    all_copies = tuple(copies(sequence, residue) for residue in residues)
    log_p = np.empty((len(residues), len(CONTEXTS), len(ENDS), len(repeats), len(AMINO_ACIDS)))
    for place, (residue, copied) in enumerate(zip(residues, all_copies, strict=True)):
        rows = contexts(sequence, residue, copied, repeats, seed)
        for ends, condition in enumerate(conditions):
            read = read_rows(model, torch.cat(list(rows.values())), condition, residue + 1)
            by_context = dict(
                zip(rows, np.split(read, np.cumsum([len(each) for each in rows.values()])[:-1]), strict=True)
            )
            by_context.setdefault("copies gone", by_context["real"])
            for context, found in by_context.items():
                log_p[place, CONTEXTS.index(context), ends] = found
        progress.report(place + 1, len(residues))
    return Support(sequence, tuple(residues), log_p, all_copies)


@torch.inference_mode()
def read_rows(
    model: Model, rows: Int[Tensor, "row pos"], condition: Condition, position: int
) -> Float[np.ndarray, "row amino_acid"]:
    """Log-probabilities (nats, over the twenty amino acids) at one position of every row, under one condition."""
    parts = rows.split(rows_within(model, rows.shape[1]))
    return np.concatenate(
        [log_probabilities(run(model, part, (condition,), positions=[position]).logits[:, 0]) for part in parts]
    )
