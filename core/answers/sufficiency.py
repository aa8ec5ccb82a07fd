"""Is a circuit enough, and where must it work? Everything else ablated, at the masked residue and inside."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd

from core.analyses.sufficiency import gaps_along, keep_only, token_scopes, without_rope
from core.answers.subjects import INTERNAL, masked
from core.answers.survey import Survey
from core.answers.words import Beside, percent
from core.errors import InputError
from core.interventions import Component
from core.metrics import Target
from core.model import Model
from core.paper_values import SUFFICIENCY
from core.progress import SILENT, Progress
from core.tables import means, rows

WHOLE, ALONE, UNROTATED = "whole model", "circuit", "circuit without RoPE"
CONDITIONS: Final = (WHOLE, ALONE, UNROTATED)
INTERNAL_RESIDUES: Final = 5
"""How many internal residues over-prediction is counted at in each sequence: the paper's rates fit 57 times 5."""
MOST_RESIDUES: Final = 60
"""In a longer protein, the curve along it has this many evenly spaced residues."""


def scopes(
    model: Model, sequence: str, *, target: Target, circuit: tuple[Component, ...], progress: Progress = SILENT
) -> pd.DataFrame:
    """A circuit kept at some positions only: attention_at, mlps_at, gap, logit."""
    return token_scopes(model, masked(sequence, target), circuit, target=target, progress=progress)


def along(
    model: Model,
    sequence: str,
    *,
    target: Target,
    circuit: tuple[Component, ...],
    begin: int,
    count: int,
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """The gap at the target's residue and at `count` from `begin` (0-based) to the end: residue, condition, gap."""
    if begin >= len(sequence):
        raise InputError(f"it has {len(sequence)} residues: none from {begin + 1} on")
    spaced = np.linspace(begin, len(sequence) - 1, min(count, len(sequence) - begin)).astype(int).tolist()
    assert target.residue is not None
    residues = dict.fromkeys([target.residue, *spaced])
    alone = keep_only(model.shape, circuit)
    conditions = {WHOLE: (), ALONE: alone, UNROTATED: alone + without_rope(model.shape, circuit)}
    return gaps_along(model, sequence, list(residues), conditions, target=target, progress=progress)


@dataclass(frozen=True, eq=False)
class Sufficiency:
    """A circuit alone, in a set of sequences."""

    scopes: pd.DataFrame
    """Means by where the circuit's attention and MLPs are kept: attention_at, mlps_at, gap, m_first."""
    over_prediction: pd.DataFrame
    """By condition and place ("first", "inside"): gap, m_first (the share where the target ranks first)."""

    @cached_property
    def rates(self) -> dict[str, tuple[float, float]]:
        """By condition, the share where the target ranks first at its own residue, and inside."""
        rate = self.over_prediction.set_index(["condition", "at"]).m_first.to_dict()
        return {name: (rate[name, "first"], rate[name, "inside"]) for name in CONDITIONS}

    @cached_property
    def gaps(self) -> dict[str, float]:
        """By condition, the mean gap at the target's own residue."""
        return rows(self.over_prediction, at="first").set_index("condition").gap.to_dict()

    def beside_paper(self) -> Beside:
        kept = self.scopes.set_index(["attention_at", "mlps_at"]).m_first.to_dict()
        at_first, inside = map(percent, self.rates[UNROTATED])
        ours = (
            percent(self.rates[ALONE][1]),
            percent(self.rates[WHOLE][1]),
            f"mean gap {self.gaps[ALONE]:.1f}, whole model {self.gaps[WHOLE]:.1f}",
            f"first at {at_first} of first and {inside} of internal residues",
            "first in "
            + ", ".join(percent(kept["all", at]) for at in ("mask", "bos", "bos+mask"))
            + " (its attention everywhere)",
            f"first in {percent(kept['mask', 'bos'])}",
        )
        return list(zip(SUFFICIENCY, ours, strict=True))


def sufficiency(
    survey: Survey,
    sequences: Mapping[str, str],
    target: Target,
    *,
    circuit: tuple[Component, ...],
    inside: int = INTERNAL,
) -> Sufficiency:
    """The target with everything ablated but `circuit`; inside means five residues from `inside` (0-based) to the end,
    of the sequences that have any.

    Source: Jedryszek & Crook 2026, Methods, "Causal sufficiency testing".
    """
    kept = survey.table(scopes, sequences, target=target, circuit=circuit)
    mean = means(kept.assign(m_first=kept.gap > 0), ["attention_at", "mlps_at"], ["gap", "m_first"])
    settings = {"circuit": circuit, "begin": inside, "count": INTERNAL_RESIDUES}
    gaps = survey.table(along, sequences, target=target, **settings)
    gaps = gaps.assign(at=np.where(gaps.residue == target.residue, "first", "inside"))
    by_place = means(gaps.assign(m_first=gaps.gap > 0), ["condition", "at"], ["gap", "m_first"])
    return Sufficiency(mean, by_place)


def gaps_along_protein(
    survey: Survey, sequences: Mapping[str, str], target: Target, *, circuit: tuple[Component, ...]
) -> pd.DataFrame:
    """The gap with residues all along each protein masked in turn: subject, residue, condition, gap."""
    return survey.table(along, sequences, target=target, circuit=circuit, begin=0, count=MOST_RESIDUES)
