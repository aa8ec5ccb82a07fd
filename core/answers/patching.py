"""Which activations carry the prediction? Those of the clean run, put into the run with an internal mask."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.analyses.patching import PLACES, patch_around, patch_heads, patch_stream
from core.answers.rope_swap import Ends, rescue_in, rescued
from core.answers.subjects import TwoMasks
from core.answers.survey import Survey
from core.answers.words import Beside
from core.components import by_head
from core.interventions import Head, HeadSite, NamedScope, Scope, StreamSite
from core.metrics import Target
from core.model import Model
from core.paper_values import PATCHING
from core.progress import SILENT, Progress
from core.tables import grid, rows

Sites = tuple[tuple[HeadSite, NamedScope], ...]
"""Sites of heads, each with the positions that it is patched at."""


def stream(
    model: Model, masks: TwoMasks, *, target: Target, site: StreamSite, progress: Progress = SILENT
) -> pd.DataFrame:
    """A site of the stream at each layer, at the places that proteins have in common: layer, place, gap.

    Places are those of `core.analyses.patching.PLACES` that the protein has.
    """
    found = patch_around(model, masks.clean, masks.internal, site, target=target, progress=progress)
    layers, places = np.indices(found.gap.shape)
    named = {"layer": layers.ravel(), "place": [PLACES[place] for place in places.ravel()]}
    return pd.DataFrame({**named, "gap": found.gap.ravel()}).dropna()


def residues(
    model: Model, masks: TwoMasks, *, target: Target, site: StreamSite, progress: Progress = SILENT
) -> pd.DataFrame:
    """The same at the mask, BOS and every residue of one protein: layer, place ("mask to mask", "BOS", "0", …), gap."""
    everywhere: list[Scope] = ["mask", "bos", *((index,) for index in range(len(masks.sequence)))]
    found = patch_stream(model, masks.clean, masks.internal, site, scopes=everywhere, target=target, progress=progress)
    layers, places = np.indices(found.gap.shape)
    names = ["mask to mask", "BOS", *map(str, range(len(masks.sequence)))]
    return pd.DataFrame(
        {"layer": layers.ravel(), "place": [names[at] for at in places.ravel()], "gap": found.gap.ravel()}
    )


def modules(model: Model, masks: TwoMasks, *, target: Target, progress: Progress = SILENT) -> pd.DataFrame:
    """What each module writes at the mask, clean into internal: site, layer, gap."""
    sites: tuple[StreamSite, ...] = ("attn_out", "mlp_out")
    gaps = {
        site: patch_stream(model, masks.clean, masks.internal, site, scopes=["mask"], target=target).gap[:, 0]
        for site in sites
    }
    tables = [pd.DataFrame({"site": site, "layer": range(len(gap)), "gap": gap}) for site, gap in gaps.items()]
    return pd.concat(tables, ignore_index=True)


def heads(
    model: Model, masks: TwoMasks, *, target: Target, site: HeadSite, scope: NamedScope, progress: Progress = SILENT
) -> pd.DataFrame:
    """One site of each head, clean into internal: layer, head, gap."""
    found = patch_heads(model, masks.clean, masks.internal, site, scope=scope, target=target, progress=progress)
    return by_head(model.shape, gap=found.gap)


@dataclass(frozen=True, eq=False)
class Patched:
    """Mean gaps over internal masks, with the rescue that they mean."""

    mean: pd.DataFrame
    """The columns that a patch is named by, and those of `core.answers.rope_swap.rescued`."""
    ends: Ends
    n_masks: int

    def grid(self, index: str, columns: str, of: str = "rescue") -> pd.DataFrame:
        """One quantity laid out as a grid, rescue in %."""
        return grid(self.mean, index, columns, of)


def _patched(survey: Survey, compared: Mapping[str, TwoMasks], target: Target, table: pd.DataFrame) -> Patched:
    by = [column for column in table if column not in ("subject", "gap")]
    mean, between = rescued(survey, compared, target, table, by)
    return Patched(mean, between, table.subject.nunique())


def patched_stream(
    survey: Survey, compared: Mapping[str, TwoMasks], target: Target, *, site: StreamSite = "resid_pre"
) -> Patched:
    """By layer and place."""
    return _patched(survey, compared, target, survey.table(stream, compared, target=target, site=site))


def patched_residues(
    survey: Survey, compared: Mapping[str, TwoMasks], target: Target, *, site: StreamSite = "resid_pre"
) -> Patched:
    """By layer and residue, of one protein."""
    return _patched(survey, compared, target, survey.table(residues, compared, target=target, site=site))


def patched_modules(survey: Survey, compared: Mapping[str, TwoMasks], target: Target) -> Patched:
    """By site (attn_out, mlp_out) and layer, at the mask."""
    return _patched(survey, compared, target, survey.table(modules, compared, target=target))


def patched_heads(
    survey: Survey,
    compared: Mapping[str, TwoMasks],
    target: Target,
    *,
    sites: Sites,
) -> Patched:
    """By site, layer and head; each site at one scope. BOS's key is the same before and after RoPE, which turns
    position 0 by nothing."""
    tables = [
        survey.table(heads, compared, target=target, site=site, scope=scope).assign(site=site) for site, scope in sites
    ]
    return _patched(survey, compared, target, pd.concat(tables, ignore_index=True))


def before_last(stream: Patched) -> pd.DataFrame:
    """What patches before the last layer rescue, by place."""
    return rows(stream.mean, layer=stream.mean["layer"].max()).set_index("place")


def elsewhere(stream: Patched) -> str:
    """Between what the patches before the last layer lie that leave the mask alone, in words.

    Their whole intervals count: so many are compared that the furthest of them lies far by chance.
    """
    others = before_last(stream).drop(["0", "mask to mask", "all"], errors="ignore")
    low, high = others.rescue_low.fillna(others.rescue).min(), others.rescue_high.fillna(others.rescue).max()
    known = " with all of their intervals" if others.rescue_low.notna().all() else ""
    return f"patches at the {len(others)} other places bring back between {low:z.1f} and {high:z.1f}%{known}"


def beside_paper(stream: Patched, queries: Patched, head: Head) -> Beside:
    """`stream` has the residual stream before each layer by place, `queries` each head's q before RoPE.

    The query after RoPE stands beside the paper where its five internal masks are: `core.answers.rotations.PatchSets`.
    """
    over, last = f"mean of {queries.n_masks}", before_last(stream)
    of_head = rows(queries.mean, layer=head.layer, head=head.index).set_index("site")
    ours = (
        f"rescue {rescue_in(last.loc['BOS'])} before the last layer, {over}",
        f"rescue {rescue_in(last.loc['mask to mask'])} before the last layer, {over}",
        f"rescue {rescue_in(of_head.loc['q'], 1)} by {head}'s, {over}",
    )
    return list(zip(PATCHING, ours, strict=True))
