"""Is the query shorter inside, or turned away? A head's score of BOS by band, at two places of the mask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from core.analyses.norm_direction import Attribution, NormDirection, aggregate, compare_bands
from core.answers.subjects import TwoMasks
from core.answers.survey import Survey
from core.answers.words import Beside, percent
from core.arrays import as_array
from core.interventions import Head
from core.model import Model
from core.paper_values import BAND_CONTRIBUTIONS, BAND_DIFFERENCES, NORM_DIRECTION, PaperValue
from core.progress import SILENT, Progress
from core.rope import wavelengths
from core.tables import means

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

    @property
    def wavelengths(self) -> Float[np.ndarray, " n_bands"]:
        return self.bands.wavelength.to_numpy()

    @property
    def bands_are_the_papers(self) -> bool:
        """Whether each band can stand beside the paper's: with wider heads bands are finer, and each adds less."""
        return len(self.bands) <= len(BAND_CONTRIBUTIONS)

    def beside_paper(self) -> Beside:
        table, found = self.bands, self.attribution
        first = table.iloc[0]
        changes = (table.k_norm_internal / table.k_norm_clean - 1).abs()
        score = 100 * table.contribution_clean / table.contribution_clean.sum()
        ours = (
            f"{percent(found.norm_share)} (A {percent(found.norm_share_a)}, B {percent(found.norm_share_b)})",
            percent(1 - found.norm_share),
            f"{first.q_norm_clean:.2f} and {first.q_norm_internal:.2f}",
            f"{first.cosine_clean:.2f} and {first.cosine_internal:.2f}",
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
    return BandAttribution(head, bands, found, max(attribution.residual for attribution in attributions))
