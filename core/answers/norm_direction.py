"""Is the query shorter inside, or turned away? A head's score of BOS by band, at two places of the mask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Float

from core.alphabet import tokenize
from core.analyses.norm_direction import Attribution, NormDirection, aggregate, bos_bands, compare_bands
from core.answers.intervals import Interval, interval_of, pooled
from core.answers.subjects import TwoMasks, with_proteins
from core.answers.survey import Survey
from core.answers.words import Beside, counted, percent
from core.arrays import as_array
from core.errors import InputError
from core.interventions import Head
from core.model import Model
from core.paper_values import BAND_CONTRIBUTIONS, BAND_DIFFERENCES, NORM_DIRECTION, PaperValue
from core.progress import SILENT, Progress
from core.rope import wavelengths
from core.tables import means

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
    """`core.analyses.norm_direction.Attribution.bands`, both runs' q_norm, k_norm, cosine and contribution (each
    _clean and _internal), wavelength, and the norm's and direction's mean parts."""
    attribution: Attribution
    residual: float
    """The largest failure of the parts to add up, in any band of any sequence."""
    n: int
    """How many masks the means are over."""
    interval: Interval = None
    """Of the norm's share, proteins drawn anew, each band with its pooled ratio."""

    @property
    def wavelengths(self) -> Float[np.ndarray, " n_bands"]:
        return self.bands.wavelength.to_numpy()

    @property
    def shares(self) -> str:
        """The norm's share of the whole difference, with and without flagged bands, in words."""
        found, flagged = self.attribution, int(self.bands.flagged.sum())
        ends = f"A {percent(found.norm_share_a)}, B {percent(found.norm_share_b)}"
        if self.interval:
            ends = f"{percent(self.interval[0])} to {percent(self.interval[1])}; {ends}"
        if not flagged:
            return f"{percent(found.norm_share)} ({ends}; no band is flagged)"
        kept = found.norm_share_unflagged
        without = "all are flagged" if np.isnan(kept) else f"{percent(kept)} without the {flagged} flagged bands"
        return f"{percent(found.norm_share)} ({ends}); {without}; {percent(found.norm_share_printed)} by equation 7"

    @property
    def bands_are_the_papers(self) -> bool:
        """Whether each band can stand beside the paper's: with wider heads bands are finer, and each adds less."""
        return len(self.bands) <= len(BAND_CONTRIBUTIONS)

    def beside_paper(self) -> Beside:
        table, found = self.bands, self.attribution
        first = table.iloc[0]
        changes = (table.k_norm_internal / table.k_norm_clean - 1).abs()
        score = 100 * table.contribution_clean / table.contribution_clean.sum()
        scaled = (2 * len(table)) ** -0.5
        unscaled = f"{first.q_norm_clean:.2f} and {first.q_norm_internal:.2f} unscaled"
        ours = (
            f"{self.shares}, {counted(self.n, 'mask')}",
            percent(1 - found.norm_share),
            f"{unscaled}; times 1/√d_head, as fair-esm scales q, {scaled * first.q_norm_clean:.2f} and "
            f"{scaled * first.q_norm_internal:.2f}",
            f"{first.cosine_clean:.2f} and {first.cosine_internal:.2f}, means of {self.n}",
            percent(changes.max()),
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
            part = "flagged" if row.flagged else percent(row.norm_share)
            quantity = f"band {band}: score difference, weight, norm's share"
            value = PaperValue(quantity, ", ".join(stated), "Extended Data Table 5")
            beside.append((value, f"{row.difference:.3f}, {100 * row.weight:.1f}%, {part}"))
        for band, (period, part) in enumerate(BAND_CONTRIBUTIONS[: len(table)]):
            quantity = f"band {band}: period, contribution to the score"
            value = PaperValue(quantity, f"{period}, {part}%", "Extended Data Table 4")
            beside.append((value, f"{table.wavelength.iloc[band]:,.2f}, {score.iloc[band]:.1f}%"))
        return beside


def band_attribution(survey: Survey, compared: Mapping[str, TwoMasks], *, head: Head) -> BandAttribution:
    """The symmetric norm–direction attribution. Source: Jedryszek & Crook 2026, equations 4 to 7."""
    table = survey.table(band_parts, compared, head=head)
    proteins = [protein for _, protein in table.groupby("subject", sort=False)]
    attributions = [NormDirection(*(protein[part].to_numpy() for part in PARTS)) for protein in proteins]
    found = aggregate(attributions)
    ends = [column for column in table if column.endswith(("_clean", "_internal"))]
    lengths = wavelengths(survey.model.layers[head.layer].inv_freq).cpu().numpy()
    bands = found.bands.merge(means(table, ["band"], ends), on="band").assign(wavelength=lengths)
    bands["norm"] = np.mean([attribution.norm for attribution in attributions], axis=0)
    bands["direction"] = np.mean([attribution.direction for attribution in attributions], axis=0)
    residual = max(attribution.residual for attribution in attributions)
    n_bands = survey.model.shape.n_bands

    def share(*means_: np.ndarray) -> np.ndarray:
        """|difference|-weighted norm / difference: the norms, each with its difference's sign, over |differences|."""
        difference, norm = np.stack(means_[:n_bands]), np.stack(means_[n_bands:])
        return (norm * np.sign(difference)).sum(0) / np.abs(difference).sum(0)

    of_protein = with_proteins(pd.DataFrame({"subject": [str(name) for name in table.subject.unique()]}), compared)
    columns = [
        np.array([getattr(each, part)[band] for each in attributions])
        for part in ("difference", "norm")
        for band in range(n_bands)
    ]
    interval = interval_of(share, of_protein.protein, *columns)
    return BandAttribution(head, bands, found, residual, len(proteins), interval)


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
