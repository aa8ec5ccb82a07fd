"""Sections on the geometry of a head's query: shifted positions, and its score of BOS band by band."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from core.analyses.norm_direction import NormDirection, aggregate
from core.analyses.rope_shift import SHIFTS, fit_oscillation
from core.experiments.report import Comparison, Section, percent
from core.experiments.start_codon import measures
from core.experiments.start_codon.study import Study
from core.experiments.tables import grid, means, rows
from core.figures import rope as figures
from core.figures.style import OTHER, TARGET, bars
from core.paper_values import BAND_CONTRIBUTIONS, NORM_DIRECTION, SHIFT


def rope_shift(study: Study) -> Section:
    """Queries turned by a shift; the control; the period."""
    head, inside = study.main_head, study.residue
    table = study.survey.table(measures.shifts, study.compared, residue=inside, head=head)
    curves = {
        name: grid(rows(table, masked=masked, side=side), "subject", "shift", "gap").to_numpy()
        for name, masked, side in (("first", 0, "q"), ("inside", inside, "q"), ("control", 0, "qk"))
    }
    fits = {name: fit_oscillation(SHIFTS, curves[name].mean(0)) for name in ("first", "inside")}
    fit = fits["first"]
    score = study.survey.table(measures.shifted_bands, study.predicting, head=head)
    contribution = grid(means(score, ["shift", "band"], ["contribution"]), "shift", "band", "contribution")
    variance = contribution.to_numpy().var(0)
    share = variance / variance.sum()
    largest = rows(table, side="qk").largest_change.max()
    mimic = rows(table, masked=inside, side="q", shift=-inside)
    lengths = study.wavelengths
    return Section(
        title="How far may positions slip?",
        question=f"If {head}'s queries are rotated as if they stood some residues away, does M come and go?",
        reading=(
            f"{head}'s query positions move by −20 to 20 residues while keys stay, with residue 1 and with residue "
            f"{inside + 1} masked; bands are one standard deviation over sequences. The dotted control moves queries "
            "and keys together, in float64, and can change nothing. The period is that of the sinusoid which, on top "
            "of a parabola, fits the mean curve best; the bars show how much of the score's variation with the shift "
            "each RoPE band makes."
        ),
        finding=(
            f"At the first residue the M-gap oscillates with a period of {fit.period:.1f} residues (the sinusoid "
            f"explains {percent(fit.explained)} of the curve's variance around the parabola, amplitude "
            f"{fit.amplitude:.2f}). The band of wavelength {lengths[share.argmax()]:,.1f} makes {percent(share.max())} "
            f"of the score's variation. Queries and keys moved together change no logit by more than {largest:.1e}. "
            f"Inside, a shift of {-inside} (the rotation of residue 1, in this head alone) leaves M first in "
            f"{percent((mimic.gap > 0).mean())} of sequences."
        ),
        figures={
            "M-gap against the shift.": figures.shift(
                SHIFTS, curves["first"], curves["inside"], curves["control"], "M"
            ),
            "Cosine between the query as it is and as it is shifted.": figures.shifted_cosine(
                SHIFTS, means(score, ["shift"], ["cosine"]).cosine.to_numpy()
            ),
            "Share of the score's variation with the shift, by RoPE band.": figures.band_shares(lengths, share),
        },
        tables={
            "rope-shift": means(table, ["masked", "side", "shift"], ["gap", "logit", "largest_change"]),
            "rope-shift-period": pd.DataFrame(
                [
                    {"mask": name, "period": found.period, "amplitude": found.amplitude, "explained": found.explained}
                    for name, found in fits.items()
                ]
            ),
            "rope-shift-bands": pd.DataFrame({"wavelength": lengths, "share": share}),
        },
        comparisons=(
            Comparison.of(SHIFT[0], f"{fit.period:.1f} residues"),
            Comparison.of(SHIFT[1], f"{lengths[0]:.2f} residues"),
            Comparison("largest logit change in the control", "below 1e-5", "Methods", f"{largest:.1e}"),
        ),
    )


def norm_direction(study: Study) -> Section:
    """The score difference by band, into norm and direction."""
    head, lengths = study.main_head, study.wavelengths
    table = study.survey.table(measures.band_parts, study.compared, residue=study.residue, head=head)
    attributions = list(_attributions(table))
    found = aggregate(attributions)
    residual = max(attribution.residual for attribution in attributions)
    ends = [column for column in table if column.endswith(("_clean", "_internal"))]
    bands = found.bands.merge(means(table, ["band"], ends), on="band").assign(wavelength=lengths)
    bands["norm"] = np.mean([attribution.norm for attribution in attributions], axis=0)
    bands["direction"] = np.mean([attribution.direction for attribution in attributions], axis=0)
    first = bands.iloc[0]
    top = bands.loc[bands.weight.idxmax()]
    kept = bands[~bands.flagged]
    by_direction = (kept.direction_share > kept.norm_share).sum()
    key_change = (bands.k_norm_internal / bands.k_norm_clean - 1).abs().max()
    paper_share = dict(enumerate(BAND_CONTRIBUTIONS))
    labels = figures.band_labels(lengths)
    return Section(
        title="Is the query shorter inside, or turned away?",
        question=f"Of the difference in {head}'s score of BOS between residue 1 and inside, how much is the norm's?",
        reading=(
            "The score before softmax is a sum over RoPE bands of |q||k|cos θ/√d. Its difference between the mask at "
            f"residue 1 and at residue {study.residue + 1} is split in each band into what the query's length explains "
            "and what its direction explains, once from each end (A: the internal query's direction, B: the clean "
            "one's), and averaged; the key is the mean of both runs'. Hatched bands are flagged: they differ too "
            "little, or not with one sign, to be divided by."
        ),
        finding=(
            f"{percent(found.norm_share)} of the difference is the norm's and {percent(1 - found.norm_share)} the "
            f"direction's (for the norm A {percent(found.norm_share_a)}, B {percent(found.norm_share_b)}). The band of "
            f"wavelength {top.wavelength:,.1f} carries {percent(top.weight)} of it. In {by_direction} of {len(kept)} "
            f"unflagged bands the direction explains more. Parts add up to the difference within {residual:.0e}."
        ),
        figures={
            "Both runs, band by band.": figures.two_positions(bands, lengths),
            "What the query's length and its direction add to each band's difference.": figures.norm_and_direction(
                bands, lengths
            ),
            "Each band's share of the score difference.": bars(
                labels,
                {
                    "here": 100 * bands.weight.to_numpy(),
                    "paper, ESM-2 8M": np.array([paper_share.get(band, np.nan) for band in bands.band]),
                },
                colours={"here": TARGET, "paper, ESM-2 8M": OTHER[1]},
                x_title="Wavelength of the band (residues)",
                y_title="Share (%)",
            ).update_xaxes(type="category"),
        },
        tables={"bands": bands},
        comparisons=(
            Comparison.of(NORM_DIRECTION[0], percent(found.norm_share)),
            Comparison.of(NORM_DIRECTION[1], percent(1 - found.norm_share)),
            Comparison.of(NORM_DIRECTION[2], "flagged" if first.flagged else percent(first.norm_share)),
            Comparison(
                "BOS's key, change of its length in a band", "2 to 7 %", "Methods", f"up to {percent(key_change)}"
            ),
            Comparison.of(NORM_DIRECTION[3], f"{first.q_norm_clean:.2f} and {first.q_norm_internal:.2f}"),
        ),
    )


def _attributions(table: pd.DataFrame) -> Iterable[NormDirection]:
    columns = ("difference", "norm_a", "norm_b", "direction_a", "direction_b")
    for _, protein in table.groupby("subject", sort=False):
        yield NormDirection(*(protein[column].to_numpy() for column in columns))
