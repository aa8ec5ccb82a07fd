"""How far may a head's positions slip? Its queries turned by a shift, and what of its score of BOS that turns."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from jaxtyping import Float

from core.analyses.rope_shift import (
    SHIFTS,
    ShiftCurve,
    shift_control,
    shift_curve,
    shifted_score,
)
from core.answers.nulls import Alike, Shape
from core.answers.split import Largest, largest
from core.answers.subjects import TwoMasks, masked, protein_of, with_proteins
from core.answers.survey import Survey
from core.answers.words import Beside, counted
from core.bootstrap import intervals_of
from core.interventions import Head, Side
from core.metrics import Target
from core.model import Model
from core.paper_values import SHIFT
from core.progress import SILENT, Progress
from core.rope import wavelengths
from core.tables import grid, means, rows


def shifts(model: Model, sequence: str, *, target: Target, head: Head, progress: Progress = SILENT) -> pd.DataFrame:
    """The target at its residue as a head's positions shift: side, shift, gap, logit, largest_change.

    Side "qk" is the control: queries and keys moved together, in float64.
    """
    tokens = masked(sequence, target)
    curve = shift_curve(model, tokens, [head], target=target, progress=progress.stretch(0, 2))
    control = shift_control(model, tokens, [head], target=target, progress=progress.stretch(1, 2))
    return pd.concat([_rows(curve, "q"), _rows(control, "qk")], ignore_index=True)


def shifts_inside(
    model: Model, masks: TwoMasks, *, target: Target, head: Head, progress: Progress = SILENT
) -> pd.DataFrame:
    """The same at the internal residue, without the control."""
    return _rows(shift_curve(model, masks.internal, [head], target=target.at_mask, progress=progress), "q")


def _rows(found: ShiftCurve, side: Side) -> pd.DataFrame:
    columns = {"gap": found.gap, "logit": found.logit, "largest_change": found.largest_change}
    return pd.DataFrame({"side": side, "shift": found.shifts, **columns})


def shifted_bands(
    model: Model, sequence: str, *, target: Target, head: Head, progress: Progress = SILENT
) -> pd.DataFrame:
    """What each band adds to the score of BOS as the query shifts: shift, cosine, band, contribution."""
    found = shifted_score(model, masked(sequence, target), head)
    n_shifts, n_bands = found.contribution.shape
    return pd.DataFrame(
        {
            "shift": np.repeat(found.shifts, n_bands),
            "cosine": np.repeat(found.cosine, n_bands),
            "band": np.tile(np.arange(n_bands), n_shifts),
            "contribution": found.contribution.ravel(),
        }
    )


@dataclass(frozen=True, eq=False)
class RopeShift:
    """Curves over the shift, by sequence, and what the head's score of BOS does meanwhile."""

    table: pd.DataFrame
    """subject, protein, side, shift, gap, logit, largest_change, mask ("first", "inside")."""
    cosines: pd.DataFrame
    """Means: shift, cosine (of the query as it is with itself shifted)."""
    cosine: Float[np.ndarray, "sequences shifts"]
    """The same by sequence, in the order of `curves`."""
    contribution: Float[np.ndarray, "shifts n_bands"]
    """Means of what each band adds to the score before softmax."""
    wavelengths: Float[np.ndarray, " n_bands"]
    share_ends: Float[np.ndarray, "ends n_bands"] | None = None
    """The intervals of `band_share`, where there are enough proteins."""
    most: Largest | None = None
    """The band that makes most of the score's variation; None where all were given by hand."""

    @cached_property
    def curves(self) -> dict[str, Float[np.ndarray, "sequences shifts"]]:
        """The gap of "first", "inside" and "control", by sequence."""
        kinds = (("first", "first", "q"), ("inside", "inside", "q"), ("control", "first", "qk"))
        return {
            name: grid(rows(self.table, mask=mask, side=side), "subject", "shift", "gap").to_numpy()
            for name, mask, side in kinds
        }

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """What each mean curve is, "first" and "inside"."""
        return {
            name: Shape(SHIFTS, self.curves[name].mean(0), self.curves[name], self._proteins(name))
            for name in ("first", "inside")
        }

    def _proteins(self, mask: str) -> list[int]:
        """The protein of each sequence of a curve."""
        return rows(self.table, mask=mask, side="q").drop_duplicates("subject").protein.tolist()

    @property
    def shapes_table(self) -> pd.DataFrame:
        """Each curve's fits and their nulls: mask, n, kind, low and high (of its period, or its centre), period,
        amplitude, explained, explained_in_noise, p, and the bump's centre, width, height, explained,
        explained_in_noise, p."""
        rows_ = []
        for name, shape in self.shapes.items():
            wave, bump, (noise, bump_noise) = shape.oscillation, shape.bump, shape.nulls
            first, _ = shape.ends
            rows_.append(
                {"mask": name, "n": len(self.curves[name]), "kind": shape.kind}
                | {"low": None if first is None else first[0], "high": None if first is None else first[1]}
                | {"period": wave.period, "amplitude": wave.amplitude, "explained": wave.explained}
                | {"explained_in_noise": noise.median, "p": noise.p}
                | {"bump_centre": bump.centre, "bump_width": bump.width, "bump_height": bump.height}
                | {
                    "bump_explained": bump.explained,
                    "bump_explained_in_noise": bump_noise.median,
                    "bump_p": bump_noise.p,
                }
            )
        return pd.DataFrame(rows_)

    @property
    def in_words(self) -> str:
        """What the curve at the target's residue is, how well that is known, and over how many sequences."""
        n = len(self.curves["first"])
        return f"The mean curve of {n} sequence{'s' if n > 1 else ''} {self.shapes['first'].in_words}."

    @property
    def mean_curves(self) -> pd.DataFrame:
        """Mean gaps and standard deviations: shift, gap, gap_sd, gap_inside, gap_inside_sd, gap_control."""
        first, inside, control = (self.curves[name] for name in ("first", "inside", "control"))
        return pd.DataFrame(
            {
                "shift": SHIFTS,
                "gap": first.mean(0),
                "gap_sd": first.std(0),
                "gap_inside": inside.mean(0),
                "gap_inside_sd": inside.std(0),
                "gap_control": control.mean(0),
            }
        )

    @property
    def band_share(self) -> Float[np.ndarray, " n_bands"]:
        """Each band's share of the variance, over shifts, of the score of BOS."""
        return _shares(self.contribution)

    @property
    def bands(self) -> pd.DataFrame:
        """The same as a table: wavelength, share with its interval, n."""
        low, high = (np.nan, np.nan) if self.share_ends is None else self.share_ends
        table = pd.DataFrame({"wavelength": self.wavelengths, "share": self.band_share})
        return table.assign(share_low=low, share_high=high, n=len(self.curves["first"]))

    @property
    def widest(self) -> str:
        """The band that makes most of the score's variation, in words."""
        assert self.most is not None
        length = self.wavelengths[self.most.index]
        return f"Of the score's variation (mean scores) the band of wavelength {length:,.1f} makes {self.most}."

    @property
    def largest_control(self) -> float:
        """The largest change of any logit in the control."""
        return float(rows(self.table, side="qk").largest_change.max())

    @property
    def n_control(self) -> str:
        """In how many runs the control was tried, in words."""
        return f"{counted(len(self.curves['control']), 'sequence')} at {len(SHIFTS)} shifts"

    def beside_paper(self) -> Beside:
        first, inside = self.shapes["first"], self.shapes["inside"]
        ours = (
            f"the mean of {len(self.curves['first'])} {first.in_words}",
            f"{self.wavelengths[0]:.2f} residues",
            Alike(self.curves["first"], self.cosine, self._proteins("first")).in_words,
            "not applicable: the curve at residue 1 is no oscillation"
            if first.kind != "oscillation"
            else f"the mean of {len(self.curves['inside'])} {inside.in_words}",
            f"{self.largest_control:.1e}, the largest in {self.n_control}",
        )
        return list(zip(SHIFT, ours, strict=True))


def rope_shift(
    survey: Survey, sequences: Mapping[str, str], target: Target, *, compared: Mapping[str, TwoMasks], head: Head
) -> RopeShift:
    """One head's queries shifted, in every sequence and at every internal mask of `compared`.

    Source: Jedryszek & Crook 2026, Methods, "Global index shift".
    """
    first = with_proteins(survey.table(shifts, sequences, target=target, head=head), sequences)
    within = with_proteins(survey.table(shifts_inside, compared, target=target, head=head), compared)
    score = with_proteins(survey.table(shifted_bands, sequences, target=target, head=head), sequences)
    n_bands = survey.model.shape.n_bands
    by_sequence = score.contribution.to_numpy().reshape(-1, len(SHIFTS), n_bands)
    measured = {name: sequences[name] for name in dict.fromkeys(score.subject)}
    return RopeShift(
        pd.concat([first.assign(mask="first"), within.assign(mask="inside")], ignore_index=True),
        means(score, ["shift"], ["cosine"]),
        score.cosine.to_numpy().reshape(-1, len(SHIFTS), n_bands)[:, :, 0],
        by_sequence.mean(0),
        wavelengths(survey.model.layers[head.layer].inv_freq).cpu().numpy(),
        intervals_of(_shares, map(protein_of, measured.values()), by_sequence),
        largest(_shares, by_sequence, measured),
    )


def _shares(contribution: Float[np.ndarray, "*draw shifts n_bands"]) -> Float[np.ndarray, "*draw n_bands"]:
    """Each band's share of the variance over shifts."""
    variance = contribution.var(-2)
    return variance / variance.sum(-1, keepdims=True)
