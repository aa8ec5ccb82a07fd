"""Is the query shorter inside, or turned away? A head's score of BOS by band, at two places of the mask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from core.alphabet import tokenize
from core.analyses.norm_direction import Attribution, NormDirection, aggregate, bos_bands, compare_bands
from core.answers.intervals import between, mean_in, pooled
from core.answers.split import Largest, largest
from core.answers.subjects import TwoMasks, protein_of, with_proteins
from core.answers.survey import Survey
from core.answers.words import Beside, counted, percent
from core.arrays import as_array
from core.bootstrap import Interval, interval_of, intervals_of
from core.errors import InputError
from core.interventions import Head
from core.model import Model
from core.paper_values import BAND_CONTRIBUTIONS, BAND_DIFFERENCES, NORM_DIRECTION, PaperValue
from core.progress import SILENT, Progress
from core.rope import wavelengths

ALONG: Final = (0, 1, 2, 3, 4, 6, 8, 10, 15, 20, 30, 40, 60)
"""How far from the first residue bands are shown: close together where position is told, then wider."""
PARTS = ("difference", "norm_a", "norm_b", "direction_a", "direction_b")


def band_parts(model: Model, masks: TwoMasks, *, head: Head, progress: Progress = SILENT) -> pd.DataFrame:
    """The score of BOS by band with the mask at two places, and the norm's and direction's part of the difference."""
    found = compare_bands(model, masks.clean, masks.internal, head)
    parts: dict[str, Sequence[float] | np.ndarray] = {"band": np.arange(model.shape.n_bands)}
    for run_name, scores in (("clean", found.clean), ("internal", found.internal)):
        for quantity in ("q_norm", "k_norm", "cosine", "contribution"):
            parts[f"{quantity}_{run_name}"] = as_array(getattr(scores, quantity))
    for quantity in PARTS:
        parts[quantity] = getattr(found.attribution, quantity)
    return pd.DataFrame(parts)


@dataclass(frozen=True, eq=False)
class BandAttribution:
    """Means over internal masks, a row per band, and the shares over all bands."""

    head: Head
    bands: pd.DataFrame
    """`core.analyses.norm_direction.Attribution.bands`, the intervals of difference, weight and norm_share, both runs'
    q_norm, k_norm, cosine and contribution (each _clean and _internal) and score_share (of the clean run's score) with
    theirs, wavelength, and the norm's and direction's mean parts."""
    attribution: Attribution
    residual: float
    """The largest failure of the parts to add up, in any band of any sequence."""
    n: int
    """How many masks the means are over."""
    ends: Mapping[str, Interval] = field(default_factory=dict)
    """The intervals, proteins drawn anew, of "norm_share"; of "by_direction", in how many unflagged bands the direction
    explains more (which are flagged stays as it is); and of "key_change", the largest change of BOS's key."""
    most: Largest | None = None
    """The band that carries most of the difference; None where all were given by hand."""

    @property
    def wavelengths(self) -> Float[np.ndarray, " n_bands"]:
        return self.bands.wavelength.to_numpy()

    @property
    def shares(self) -> str:
        """The norm's share of the whole difference, with and without flagged bands, in words."""
        found, flagged = self.attribution, int(self.bands.flagged.sum())
        ends = f"A {percent(found.norm_share_a)}, B {percent(found.norm_share_b)}"
        if known := self.ends.get("norm_share"):
            ends = f"{percent(known[0])} to {percent(known[1])}; {ends}"
        if not flagged:
            return f"{percent(found.norm_share)} ({ends}; no band is flagged)"
        kept = found.norm_share_unflagged
        without = "all are flagged" if np.isnan(kept) else f"{percent(kept)} without the {flagged} flagged bands"
        return f"{percent(found.norm_share)} ({ends}); {without}; {percent(found.norm_share_printed)} by equation 7"

    @property
    def widest(self) -> str:
        """The band that carries most of the difference, in words: its wavelength, weight and interval."""
        assert self.most is not None
        length = self.wavelengths[self.most.index]
        return f"of the whole difference the band of wavelength {length:,.1f} carries {self.most}"

    @property
    def by_direction(self) -> str:
        """In how many unflagged bands the direction explains more than the norm, in words."""
        kept = self.bands[~self.bands.flagged]
        n, known = int((kept.direction_share > kept.norm_share).sum()), between(self.ends.get("by_direction"), digits=0)
        return f"in {n} of {counted(len(kept), 'unflagged band')}{known} the direction explains more than the norm"

    @property
    def bands_are_the_papers(self) -> bool:
        """Whether each band can stand beside the paper's: with wider heads bands are finer, and each adds less."""
        return len(self.bands) <= len(BAND_CONTRIBUTIONS)

    def beside_paper(self) -> Beside:
        table, found = self.bands, self.attribution
        first = table.iloc[0]
        changes = (table.k_norm_internal / table.k_norm_clean - 1).abs()
        scaled = (2 * len(table)) ** -0.5
        unscaled = f"{mean_in(first, 'q_norm_clean')} and {mean_in(first, 'q_norm_internal')} unscaled"
        ours = (
            f"{self.shares}, {counted(self.n, 'mask')}",
            f"{percent(1 - found.norm_share)}{_rest(self.ends.get('norm_share'))}, {counted(self.n, 'mask')}",
            f"{unscaled}; times 1/√d_head, as fair-esm scales q, {scaled * first.q_norm_clean:.2f} and "
            f"{scaled * first.q_norm_internal:.2f}",
            f"{mean_in(first, 'cosine_clean')} and {mean_in(first, 'cosine_internal')}, means of {self.n}",
            f"{percent(changes.max())}{_percents(self.ends.get('key_change'))}, the largest of {len(table)} bands, "
            f"means of {self.n}",
        )
        beside: Beside = list(zip(NORM_DIRECTION, ours, strict=True))
        if not self.bands_are_the_papers:
            return beside
        for band, (difference, weight, share) in enumerate(BAND_DIFFERENCES[: len(table)]):
            row = table.iloc[band]
            stated = (
                "–" if difference is None else f"{difference:.3f}",
                f"{weight}%",
                "flagged" if share is None else percent(share),
            )
            part = "flagged" if row.flagged else mean_in(row, "norm_share", "%", 0, times=100)
            quantity = f"band {band}: score difference, weight, norm's share"
            value = PaperValue(quantity, ", ".join(stated), "Extended Data Table 5")
            weight = mean_in(row, "weight", "%", 1, times=100)
            beside.append((value, f"{mean_in(row, 'difference', digits=3)}, {weight}, {part}"))
        for band, (period, part) in enumerate(BAND_CONTRIBUTIONS[: len(table)]):
            quantity = f"band {band}: period, contribution to the score"
            value = PaperValue(quantity, f"{period}, {part}%", "Extended Data Table 4")
            row = table.iloc[band]
            beside.append((value, f"{row.wavelength:,.2f}, {mean_in(row, 'score_share', '%', 1, times=100)}"))
        return beside


def band_attribution(survey: Survey, compared: Mapping[str, TwoMasks], *, head: Head) -> BandAttribution:
    """The symmetric norm–direction attribution. Source: Jedryszek & Crook 2026, equations 4 to 7."""
    table = survey.table(band_parts, compared, head=head)
    proteins = [protein for _, protein in table.groupby("subject", sort=False)]
    attributions = [NormDirection(*(protein[part].to_numpy() for part in PARTS)) for protein in proteins]
    found = aggregate(attributions)
    ends = [column for column in table if column.endswith(("_clean", "_internal"))]
    lengths = wavelengths(survey.model.layers[head.layer].inv_freq).cpu().numpy()
    measured = pooled(with_proteins(table, compared), ["band"], ends).drop(columns=["n", "proteins"])
    bands = found.bands.merge(measured, on="band").assign(wavelength=lengths)
    difference, norm, direction = (
        np.stack([getattr(each, part) for each in attributions]) for part in ("difference", "norm", "direction")
    )
    bands["norm"], bands["direction"] = norm.mean(0), direction.mean(0)
    ratio = np.divide(norm, difference, out=np.full_like(norm, np.nan), where=difference != 0)
    key_0, key_i, score = (
        table[column].to_numpy().reshape(difference.shape)
        for column in ("k_norm_clean", "k_norm_internal", "contribution_clean")
    )
    bands["score_share"] = _shares(score.mean(0))
    sequences = {name: compared[name].sequence for name in table.subject.unique()}
    drawn = list(map(protein_of, sequences.values()))
    for column, shares, values in (
        ("difference", _itself, difference),
        ("weight", _weights, difference),
        ("norm_share", _itself, ratio),
        ("score_share", _shares, score),
    ):
        known = intervals_of(shares, drawn, values)
        bands[f"{column}_low"], bands[f"{column}_high"] = (np.nan, np.nan) if known is None else known
    flagged = found.bands.flagged.to_numpy()
    known = {
        "norm_share": interval_of(partial(_norm_share, flagged), drawn, difference, norm, ratio),
        "by_direction": interval_of(lambda mean: (mean[:, ~flagged] < 0.5).sum(-1), drawn, ratio),
        "key_change": interval_of(lambda clean, inside: np.abs(inside / clean - 1).max(-1), drawn, key_0, key_i),
    }
    residual = max(attribution.residual for attribution in attributions)
    most = largest(_weights, difference, sequences, what="mask")
    return BandAttribution(head, bands, found, residual, len(proteins), known, most)


def _itself(mean: np.ndarray) -> np.ndarray:
    return mean


def _shares(score: Float[np.ndarray, "*draw band"]) -> Float[np.ndarray, "*draw band"]:
    return score / score.sum(-1, keepdims=True)


def _weights(difference: Float[np.ndarray, "*draw band"]) -> Float[np.ndarray, "*draw band"]:
    return _shares(np.abs(difference))


def _norm_share(
    flagged: Bool[np.ndarray, " band"],
    difference: Float[np.ndarray, "draw band"],
    norm: Float[np.ndarray, "draw band"],
    ratio: Float[np.ndarray, "draw band"],
) -> Float[np.ndarray, " draw"]:
    """As `core.analyses.norm_direction.aggregate` has it: means of ratios, the pooled ratio where a band is flagged."""
    return (_weights(difference) * np.where(flagged, norm / difference, ratio)).sum(-1)


def _percents(ends: Interval) -> str:
    return between(ends and (100 * ends[0], 100 * ends[1]), "%", 0)


def _rest(ends: Interval) -> str:
    """The interval of what is left of a share, in words."""
    return _percents(ends and (1 - ends[1], 1 - ends[0]))


def bands_at(
    model: Model, sequence: str, *, head: Head, residues: tuple[int, ...], progress: Progress = SILENT
) -> pd.DataFrame:
    """The score of BOS by band with each of `residues` (0-based) masked in turn: residue, band, q_norm, cosine,
    contribution. Those that the sequence lacks have no rows; `InputError` where it has none of them."""
    here = [residue for residue in residues if residue < len(sequence)]
    if not here:
        raise InputError(f"it has {len(sequence)} residues: none of those that are masked")
    tables = []
    for residue in here:
        scores = bos_bands(model, tokenize(sequence, [residue]), head)
        found = {name: getattr(scores, name).numpy() for name in ("q_norm", "cosine", "contribution")}
        tables.append(pd.DataFrame({"residue": residue, "band": range(model.shape.n_bands), **found}))
    return pd.concat(tables, ignore_index=True)


def bands_along(survey: Survey, sequences: Mapping[str, str], *, head: Head, first: int = 0) -> pd.DataFrame:
    """Means by residue masked (0-based; `first` and those after it in `ALONG`) and band: residue, band, q_norm, cosine,
    contribution, n. Source: Jedryszek & Crook 2026, Figure 5F, G and Extended Data Figure 10."""
    residues = tuple(first + step for step in ALONG)
    table = with_proteins(survey.table(bands_at, sequences, head=head, residues=residues), sequences)
    return pooled(table, ["residue", "band"], ["q_norm", "cosine", "contribution"])
