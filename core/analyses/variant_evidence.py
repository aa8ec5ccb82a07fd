"""Is a variant's score evidence, or a default? Its ratio taken apart (see `core.analyses.evidence`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from typing import Final, Literal

import numpy as np
import pandas as pd
from jaxtyping import Float

from core.alphabet import AMINO_ACIDS
from core.analyses.evidence import PARTS, Contrast, Estimate, Part, Shares, Support
from core.proteins.variants import Substitution, Variant

RatioVerdict = Literal["evidence", "copied", "default", "unsettled", "undecided"]
Source = Literal["evidence", "copied", "default"]
SOURCES: Final[Mapping[Source, tuple[Part, ...]]] = {
    "evidence": ("order",),
    "copied": ("copying",),
    "default": ("prior", "position", "composition"),
}
"""What each verdict that names a source rests on."""
LEAST: Final = log(2)
"""Nats: letters within a factor of two are hardly told apart."""
RULE: Final = (
    "The verdict names what adds most to the ratio: order is evidence; position, composition and what the model says "
    "knowing nothing are together the default; copying is a repeat. It is given where that source, and its lead over "
    "the next one, have the ratio's sign with all of their intervals, and the letters differ by a factor of two."
)
"""The thresholds in words."""


@dataclass(frozen=True, slots=True, eq=False)
class RatioShares(Shares):
    """What a variant's ratio is made of, summed over its substitutions."""

    variant: Variant

    @property
    def verdict(self) -> RatioVerdict:
        """What the ratio rests on, never stronger than the intervals.

        See `RULE`.
        """
        if abs(self.total) < LEAST:
            return "undecided"
        sources: dict[Source, np.ndarray] = {source: np.sign(self.total) * self.source(source) for source in SOURCES}
        first, second, _ = sorted(sources, key=lambda source: sources[source].mean(), reverse=True)
        lead = sources[first] - sources[second]
        surely = Estimate.of(sources[first]).low > 0 and Estimate.of(lead).low > 0
        return first if surely else "unsettled"

    def source(self, source: Source) -> Float[np.ndarray, " repeat"]:
        """What a source adds to the ratio, in every repeat (nats)."""
        return self.by_repeat[[PARTS.index(part) for part in SOURCES[source]]].sum(0)


def ratio_shares(support: Support, variant: Variant) -> RatioShares:
    """A variant's shares; `InputError` where one of its residues was not measured."""
    parts = [
        support.shares(each.residue, Contrast(each.letter, support.sequence[each.residue])).by_repeat
        for each in variant.substitutions
    ]
    return RatioShares(np.sum(parts, axis=0), variant)


def verdicts(support: Support) -> pd.DataFrame:
    """Every substitution at the residues measured: residue (0-based), letter, verdict, and order with order_low and
    order_high, the evidence's part of the ratio (nats)."""
    found = []
    for residue in support.residues:
        own = support.sequence[residue]
        for letter in AMINO_ACIDS:
            if own in AMINO_ACIDS and letter != own:
                shares = ratio_shares(support, Variant(f"{own}{residue + 1}{letter}", (Substitution(residue, letter),)))
                order = shares.parts["order"]
                found.append((residue, letter, shares.verdict, order.mean, order.low, order.high))
    return pd.DataFrame(found, columns=["residue", "letter", "verdict", "order", "order_low", "order_high"])


def without_evidence(support: Support) -> tuple[int, ...]:
    """The residues (0-based) at which the order of the others does not speak for the protein's own letter: its part of
    the log-odds is not above zero with all of its interval."""
    own = {residue: support.sequence[residue] for residue in support.residues}
    return tuple(
        residue
        for residue, letter in own.items()
        if letter in AMINO_ACIDS and support.shares(residue, Contrast(letter)).part("order").low <= 0
    )
