"""Is a circuit enough, and where must it work? Everything else ablated, at the masked residue and inside."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd

from core.analyses.resampling import source_for
from core.analyses.sufficiency import gaps_along, keep_only, token_scopes, without_rope
from core.answers.intervals import Rate, mean_in, pooled, rate_in
from core.answers.subjects import INTERNAL, INTERNAL_MASKS, masked, spaced, with_proteins
from core.answers.survey import Survey
from core.answers.words import Beside
from core.errors import InputError
from core.interventions import Component, Head
from core.metrics import Target
from core.model import Model
from core.paper_values import SUFFICIENCY
from core.progress import SILENT, Progress
from core.tables import rows

WHOLE, ALONE, UNROTATED = "whole model", "circuit", "circuit without RoPE"
MEAN, RESAMPLED = "circuit, rest at its mean", "circuit, rest resampled"
CONDITIONS: Final = (WHOLE, ALONE, MEAN, RESAMPLED, UNROTATED)
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
    assert target.residue is not None
    residues = dict.fromkeys([target.residue, *spaced(len(sequence), begin, count)])
    alone = keep_only(model.shape, circuit)
    conditions = {
        WHOLE: (),
        ALONE: alone,
        MEAN: keep_only(model.shape, circuit, mode="mean"),
        RESAMPLED: lambda tokens: keep_only(
            model.shape, circuit, mode="resample", source=source_for("resample", tokens)
        ),
        UNROTATED: alone + without_rope(model.shape, circuit),
    }
    return gaps_along(model, sequence, list(residues), conditions, target=target, progress=progress)


@dataclass(frozen=True, eq=False)
class Sufficiency:
    """A circuit alone, in a set of sequences."""

    circuit: tuple[Component, ...]
    scopes: pd.DataFrame
    """By where the circuit's attention and MLPs are kept: attention_at, mlps_at, gap and m_first with their intervals,
    n, proteins."""
    over_prediction: pd.DataFrame
    """By condition and place ("first", "inside"): gap and m_first (where the target ranks first) with their intervals,
    n, proteins."""

    @cached_property
    def counts(self) -> dict[tuple[str, str], Rate]:
        """By condition and place, how often the target ranks first."""
        return {
            (str(row["condition"]), str(row["at"])): rate_in(row, "m_first")
            for _, row in self.over_prediction.iterrows()
        }

    @cached_property
    def rates(self) -> dict[str, tuple[float, float]]:
        """By condition, the share where the target ranks first at its own residue, and inside."""
        return {name: (self.counts[name, "first"].share, self.counts[name, "inside"].share) for name in CONDITIONS}

    @cached_property
    def gaps(self) -> dict[str, str]:
        """By condition, the mean gap at the target's own residue, with its interval, in words."""
        return {
            str(row["condition"]): mean_in(row, "gap") for _, row in rows(self.over_prediction, at="first").iterrows()
        }

    @property
    def strength(self) -> str:
        """The circuit's mean gap at the target's own residue beside the whole model's, in words."""
        return f"mean gap {self.gaps[ALONE]}, whole model {self.gaps[WHOLE]}"

    @property
    def has_attention(self) -> bool:
        return any(isinstance(each, Head) or each[0] == "attention" for each in self.circuit)

    @property
    def has_mlps(self) -> bool:
        return any(not isinstance(each, Head) and each[0] == "mlp" for each in self.circuit)

    def beside_paper(self) -> Beside:
        kept = {(row.attention_at, row.mlps_at): str(rate_in(row, "m_first")) for _, row in self.scopes.iterrows()}
        count = self.counts
        inside = ", ".join(
            f"{word} {count[name, 'inside']}"
            for word, name in (("zeroed", ALONE), ("mean", MEAN), ("resampled", RESAMPLED))
        )
        at_first, elsewhere = count[UNROTATED, "first"], count[UNROTATED, "inside"]
        scopes = " · ".join(kept["all", at] for at in ("mask", "bos", "bos+mask"))
        lacking = "attention" if not self.has_attention else "MLPs"
        nothing = f"not applicable: the circuit has no {lacking}"
        ours = (
            f"the rest {inside}",
            str(count[WHOLE, "inside"]),
            f"{self.strength}, over {count[ALONE, 'first'].n}",
            f"first at {at_first.of('first residues')} and {elsewhere.of('inside')}" if self.has_attention else nothing,
            f"first in {scopes} (its attention everywhere)" if self.has_mlps else nothing,
            f"first in {kept['mask', 'bos']}" if self.has_mlps and self.has_attention else nothing,
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
    kept = with_proteins(survey.table(scopes, sequences, target=target, circuit=circuit), sequences)
    mean = pooled(kept.assign(m_first=kept.gap > 0), ["attention_at", "mlps_at"], ["gap", "m_first"])
    settings = {"circuit": circuit, "begin": inside, "count": INTERNAL_MASKS}
    gaps = with_proteins(survey.table(along, sequences, target=target, **settings), sequences)
    gaps = gaps.assign(at=np.where(gaps.residue == target.residue, "first", "inside"))
    by_place = pooled(gaps.assign(m_first=gaps.gap > 0), ["condition", "at"], ["gap", "m_first"])
    return Sufficiency(circuit, mean, by_place)


def gaps_along_protein(
    survey: Survey, sequences: Mapping[str, str], target: Target, *, circuit: tuple[Component, ...]
) -> pd.DataFrame:
    """The gap with residues all along each protein masked in turn: subject, residue, condition, gap."""
    return survey.table(along, sequences, target=target, circuit=circuit, begin=0, count=MOST_RESIDUES)
