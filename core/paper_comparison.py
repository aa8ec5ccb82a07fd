"""The start-codon paper's values with this app's own beside them, for the pages and for the report alike.

Every function takes what was measured over a set, and pairs each of `core.paper_values` with ours in words.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float, Real

from core.analyses.competition import crossings
from core.analyses.norm_direction import Attribution
from core.analyses.rope_experiments import EVERY_HEAD
from core.analyses.rope_shift import Oscillation
from core.interventions import Head
from core.paper_values import (
    BAND_CONTRIBUTIONS,
    BAND_DIFFERENCES,
    BOS_KNOCKOUTS,
    BOS_READING,
    COMPETITION,
    MAIN,
    MAIN_KNOCKOUT,
    MIMICKED_START,
    NORM_DIRECTION,
    PATCH_SETS,
    PATCHING,
    PREDICTION,
    SHIFT,
    PaperValue,
)

Beside = list[tuple[PaperValue, str]]


def prediction(table: pd.DataFrame, sequences: Sequence[str], residue: int = 0, target: str = "M") -> Beside:
    """`table` has a row per sequence, columns gap and rank; the first residue's own letter is told from `sequences`."""
    first = table["rank"].to_numpy() == 1
    missed = [sequence for sequence, predicted in zip(sequences, first, strict=True) if not predicted]
    own = np.array([sequence[residue] == target for sequence in sequences])
    ours = [
        f"{first.sum()} of {len(first)} sequences",
        f"{sum(len(set(sequence)) == 1 for sequence in missed)} of {len(missed)}",
        f"{(table['rank'] == 2).sum()} of {len(missed)}",
        f"{first[~own].sum()} of {(~own).sum()}",
        f"{table.gap[first].mean():.2f}" if first.any() else "first in none",
    ]
    return list(zip(PREDICTION, ours, strict=True))


def competition(grown: pd.DataFrame, broken: pd.DataFrame, letter: str) -> Beside:
    """`grown` and `broken` as `core.analyses.competition` gives them, of one repeat."""
    destroyed = pd.DataFrame(broken.groupby("masks")[["gap", "target", "repeated"]].mean())
    back = crossed(destroyed.index.to_numpy(), destroyed.gap.to_numpy(), f"masks in {letter * 3}…")
    least, most = destroyed.iloc[0], destroyed.iloc[-1]
    ours = [
        crossed(grown.length.to_numpy(), grown.gap.to_numpy(), f"residues of {letter}"),
        f"moves by {np.ptp(grown.target.to_numpy()):.1f}, {letter}'s by {np.ptp(grown.repeated.to_numpy()):.1f}",
        "it never lost" if least.gap > 0 else back,
        f"change by {most.target - least.target:+.1f}, {letter}'s by {most.repeated - least.repeated:+.1f}",
    ]
    return list(zip(COMPETITION, ours, strict=True))


def percent(share: float) -> str:
    """A share in words: 0.914 is 91%."""
    return f"{100 * share:z.0f}%"


def crossed(x: Real[np.ndarray, " points"], gap: Float[np.ndarray, " points"], unit: str) -> str:
    """Everywhere that a gap changes sign, in words: at 7.0 and 9.5 alanines."""
    places = [f"{place:.1f}" for place in crossings(x, gap)]
    if not places:
        return "nowhere"
    *most, last = places
    return f"at {', '.join(most)} and {last} {unit}" if most else f"at {last} {unit}"


def bos_reading(attention: float, ablated: Sequence[float], blocked: Sequence[float], head: Head) -> Beside:
    """The main head's attention from the mask to BOS, and the changes of each protein's target logit without either."""
    alike = (
        f"r = {np.corrcoef(ablated, blocked)[0, 1]:.2f} over {len(ablated)} sequences"
        if len(ablated) > 2
        else f"{np.mean(ablated):+.2f} and {np.mean(blocked):+.2f} (a correlation needs a set)"
    )
    return list(zip(BOS_READING, (f"{percent(attention)}, {head}", alike), strict=True))


def bos_knockouts(mean: pd.DataFrame) -> Beside:
    """`mean` has columns heads, test, knockout, rate, logit_drop and rescue (%)."""
    rows = mean.set_index(["heads", "test", "knockout"])
    found: Beside = []
    for key, stated in BOS_KNOCKOUTS.items():
        if key in rows.index:
            row, is_rescue = rows.loc[key], key[1] == "sufficiency"
            ours = f"{row.rate:.3f}, {row.rescue:.1f}%" if is_rescue else f"{row.rate:.3f}, {row.logit_drop:.2f}"
            found.append((stated, ours))
    alone = (MAIN, "necessity", "values of BOS")
    return [*found, (MAIN_KNOCKOUT, f"{rows.rate[alone]:.3f}")] if alone in rows.index else found


def patching(head: Head, bos: float, mask: float, content: float, rate: float, query: float) -> Beside:
    """Rescues in % by the stream at BOS and at the mask before the last layer, and by `head`'s q before RoPE; then the
    target's rate and the rescue with its q after RoPE."""
    ours = (
        f"rescue {bos:z.0f}% before the last layer",
        f"rescue {mask:z.0f}% before the last layer",
        f"rescue {content:z.1f}% by {head}'s",
        f"{rate:.3f}, {query:z.1f}% by {head}'s",
    )
    return list(zip(PATCHING, ours, strict=True))


def patch_sets(mean: pd.DataFrame) -> Beside:
    """`mean` has columns condition, gap, rate and rescue (%)."""
    rows = mean.set_index("condition")
    everywhere = (MIMICKED_START, f"in {percent(rows.rate[EVERY_HEAD])}, every head's rotated at the mask")
    return [
        (
            PaperValue(
                f"{name}: M-gap, M-rate, rescue".replace("readout", "main head"),
                f"{gap:.2f}, {rate:.3f}, {part:.1f}%",
                "Extended Data Table 3",
            ),
            f"{rows.gap[name]:.2f}, {rows.rate[name]:.3f}, {rows.rescue[name]:z.1f}%",
        )
        for name, (gap, rate, part) in PATCH_SETS.items()
    ] + [everywhere]


def shift(
    fit: Oscillation,
    inside: Oscillation,
    fastest: float,
    gap: Float[np.ndarray, " shifts"],
    cosine: Float[np.ndarray, " shifts"],
    largest: float,
) -> Beside:
    """Fits at the first residue and inside, the fastest band's wavelength, mean gap and cosine over the shifts, and the
    control's largest change of a logit."""
    ours = (
        f"{fit.period:.1f} residues (explains {percent(fit.explained)})",
        f"{fastest:.2f} residues",
        f"r = {np.corrcoef(gap, cosine)[0, 1]:.2f}",
        f"amplitude {inside.amplitude:.2f} against {fit.amplitude:.2f}, explains {percent(inside.explained)}",
        f"{largest:.1e}",
    )
    return list(zip(SHIFT, ours, strict=True))


def bands(table: pd.DataFrame, attribution: Attribution) -> Beside:
    """`table` is the attribution's bands with their wavelength and both runs' mean q_norm, k_norm, cosine and
    contribution."""
    first = table.iloc[0]
    changes = (table.k_norm_internal / table.k_norm_clean - 1).abs()
    score = 100 * table.contribution_clean / table.contribution_clean.sum()
    share_a, share_b = percent(attribution.norm_share_a), percent(attribution.norm_share_b)
    ours = (
        f"{percent(attribution.norm_share)} (A {share_a}, B {share_b})",
        percent(1 - attribution.norm_share),
        f"{first.q_norm_clean:.2f} and {first.q_norm_internal:.2f}",
        f"{first.cosine_clean:.2f} and {first.cosine_internal:.2f}",
        percent(changes.max()),
    )
    found: Beside = list(zip(NORM_DIRECTION, ours, strict=True))
    for band, (difference, weight, share) in enumerate(BAND_DIFFERENCES[: len(table)]):
        row = table.iloc[band]
        stated = (
            "–" if difference is None else f"{difference:.3f}",
            f"{weight}%",
            "flagged" if share is None else percent(share),
        )
        here = f"{row.difference:.3f}, {100 * row.weight:.1f}%, {'flagged' if row.flagged else percent(row.norm_share)}"
        quantity = f"band {band}: score difference, weight, norm's share"
        found.append((PaperValue(quantity, ", ".join(stated), "Extended Data Table 5"), here))
    for band, (period, part) in enumerate(BAND_CONTRIBUTIONS[: len(table)]):
        quantity = f"band {band}: period, contribution to the score"
        here = f"{table.wavelength.iloc[band]:,.2f}, {score.iloc[band]:.1f}%"
        found.append((PaperValue(quantity, f"{period}, {part}%", "Extended Data Table 4"), here))
    return found
