"""Is a variant's score evidence, or a default? Its ratio taken apart (see `core.analyses.evidence`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from typing import Final, Literal

import numpy as np
from jaxtyping import Float

from core.alphabet import AMINO_ACIDS
from core.analyses.evidence import PARTS, Contrast, Estimate, Part, Support
from core.proteins.variants import Variant

RatioVerdict = Literal["evidence", "partly evidence", "copied", "default", "undecided"]
WORDS: Final[Mapping[RatioVerdict, str]] = {
    "evidence": "Mostly evidence from this sequence",
    "partly evidence": "Partly evidence, and mostly not",
    "copied": "Copied from a repeat",
    "default": "Scored by default",
    "undecided": "The model tells the letters hardly apart",
}
DEFAULTS: Final[tuple[Part, ...]] = ("prior", "position", "composition")
LEAST: Final = log(2)
"""Nats: letters within a factor of two are told apart hardly at all."""
MOSTLY: Final = 0.5
"""The share of a ratio from which it is called mostly evidence."""


@dataclass(frozen=True, slots=True, eq=False)
class RatioShares:
    """What a variant's ratio is made of, summed over its substitutions; parts add up to it in every repeat."""

    variant: Variant
    by_repeat: Float[np.ndarray, "part repeat"]
    """In the order of PARTS, in nats."""

    @property
    def total(self) -> float:
        """The ratio in the clean run."""
        return float(self.by_repeat.sum(0).mean())

    @property
    def parts(self) -> dict[Part, Estimate]:
        """Each part with its interval, in the order of PARTS."""
        return {part: Estimate.of(values) for part, values in zip(PARTS, self.by_repeat, strict=True)}

    def share(self, *parts: Part) -> float:
        """How much of the ratio these parts make, 1 for all of it; beyond 0 and 1 where others pull the other way."""
        return float(self.by_repeat[[PARTS.index(part) for part in parts]].sum(0).mean()) / self.total

    @property
    def verdict(self) -> RatioVerdict:
        """What the ratio rests on, never stronger than the intervals.

        Undecided below a factor of two. Evidence needs an order part whose whole interval has the ratio's sign, and at
        least half of the ratio; copied the same of the copying part. Without either sign, it is a default.
        """
        if abs(self.total) < LEAST:
            return "undecided"
        if self._speaks("copying") and self.share("copying") >= MOSTLY:
            return "copied"
        if self._speaks("order"):
            return "evidence" if self.share("order") >= MOSTLY else "partly evidence"
        return "default"

    def _speaks(self, part: Part) -> bool:
        found = self.parts[part]
        return found.low > 0 if self.total > 0 else found.high < 0


def ratio_shares(support: Support, variant: Variant) -> RatioShares:
    """A variant's shares; `InputError` where one of its residues was not measured."""
    parts = [
        support.shares(each.residue, Contrast(each.letter, support.sequence[each.residue])).by_repeat
        for each in variant.substitutions
    ]
    return RatioShares(variant, np.sum(parts, axis=0))


def without_evidence(support: Support) -> tuple[int, ...]:
    """The residues (0-based) at which the order of the others does not speak for the protein's own letter: its part of
    the log-odds is not above zero with all of its interval."""
    own = {residue: support.sequence[residue] for residue in support.residues}
    return tuple(
        residue
        for residue, letter in own.items()
        if letter in AMINO_ACIDS and support.shares(residue, Contrast(letter)).part("order").low <= 0
    )
