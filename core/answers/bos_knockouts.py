"""Does the prediction come from BOS? Heads that may not read it, or may read nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from jaxtyping import Float

from core.analyses import bos_knockouts as on_one
from core.analyses.rope_experiments import swap
from core.answers.intervals import Rate, between, mean_in, pooled, rate_in
from core.answers.rope_swap import Ends, rescue_in, rescued
from core.answers.subjects import TwoMasks, masked, with_proteins
from core.answers.survey import Survey
from core.answers.words import Beside, counted, percent
from core.bootstrap import interval_of
from core.components import by_head
from core.interventions import Head
from core.metrics import Target
from core.model import Model
from core.paper_values import BOS_KNOCKOUTS, BOS_READING, CORE, MAIN, MAIN_KNOCKOUT, OTHERS
from core.progress import SILENT, Progress
from core.run import Keep, run
from core.tables import grid, rows

Sets = Mapping[str, tuple[Head, ...]]
NO_SPREAD = 1e-9
"""A draw of proteins whose variance is less than this share of the set's is one protein many times."""


def attention(model: Model, sequence: str, *, target: Target, progress: Progress = SILENT) -> pd.DataFrame:
    """Each head's attention from the mask to BOS: layer, head (0-based), attention."""
    return by_head(model.shape, attention=on_one.bos_attention(model, masked(sequence, target)))


def pattern(model: Model, sequence: str, *, target: Target, head: Head, progress: Progress = SILENT) -> pd.DataFrame:
    """A head's whole pattern with the target's residue masked: query, key (positions, 0 is BOS), attention."""
    tokens = masked(sequence, target)
    weights = run(model, tokens, keep=Keep.of("pattern", layers=[head.layer]))["pattern", head.layer][0, head.index]
    queries, keys = np.indices(weights.shape)
    return pd.DataFrame({"query": queries.ravel(), "key": keys.ravel(), "attention": weights.cpu().numpy().ravel()})


def knockouts(
    model: Model, sequence: str, *, target: Target, heads: tuple[Head, ...], progress: Progress = SILENT
) -> pd.DataFrame:
    """What heads take from BOS at the target's residue: knockout, gap, logit, logit_drop."""
    return on_one.bos_knockouts(model, masked(sequence, target), heads, target=target, progress=progress)


def knockouts_inside(
    model: Model,
    masks: TwoMasks,
    *,
    target: Target,
    heads: tuple[Head, ...],
    swapped: tuple[Head, ...],
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """The same at the internal residue, with `swapped` turned as at the other one."""
    given = swap(swapped, masks.first)
    settings = {"given": given, "target": target.at_mask, "progress": progress}
    return on_one.bos_knockouts(model, masks.internal, heads, **settings)


def head_effects(
    model: Model, sequence: str, *, target: Target, head: Head, progress: Progress = SILENT
) -> pd.DataFrame:
    """One head ablated, and only its attention to BOS blocked: ablated, blocked (changes of the target's logit)."""
    ablated, blocked = on_one.ablated_and_blocked(model, masked(sequence, target), head, target=target)
    return pd.DataFrame({"ablated": [ablated], "blocked": [blocked]})


@dataclass(frozen=True, eq=False)
class BosKnockouts:
    """What a set of sequences loses where heads may not read BOS."""

    main: Head
    sets: Sets
    """Sets of heads by name: the main head, the key heads, both; the main head alone where there are no key heads."""
    mean: pd.DataFrame
    """heads, test ("necessity", "sufficiency"), knockout, rate, gap, logit_drop and rescue (%, of sufficiency), each
    with its interval, n, proteins."""
    attention: pd.DataFrame
    """Means: layer, head, attention with its interval, n, proteins."""
    effects: pd.DataFrame
    """By sequence: subject, ablated, blocked (changes of the target's logit with the main head's), protein."""
    ends: Ends

    @cached_property
    def attention_by_head(self) -> Float[np.ndarray, "n_layers n_heads"]:
        return grid(self.attention, "layer", "head", "attention").to_numpy()

    @property
    def attention_named(self) -> pd.DataFrame:
        """Heads by name: head, attention."""
        names = [str(Head(layer, head)) for layer, head in self.attention[["layer", "head"]].itertuples(index=False)]
        return self.attention.drop(columns="layer").assign(head=names)

    @property
    def main_attention(self) -> str:
        """How much of its attention the main head gives to BOS, with its interval and over how many, in words."""
        row = rows(self.attention, layer=self.main.layer, head=self.main.index).iloc[0]
        return f"{mean_in(row, 'attention', '%', 0, times=100)}, mean of {counted(int(row.n), 'sequence')}"

    @property
    def correlation(self) -> float:
        """Between the main head ablated and its attention to BOS blocked, over sequences; nan for fewer than three."""
        if len(self.effects) < 3:
            return float("nan")
        return float(np.corrcoef(self.effects.ablated.to_numpy(), self.effects.blocked.to_numpy())[0, 1])

    @property
    def slope(self) -> float:
        """By how much the logit changes blocked for each that it changes ablated, through the origin: 1 is the same."""
        ablated, blocked = self.effects.ablated.to_numpy(), self.effects.blocked.to_numpy()
        return float(ablated @ blocked / (ablated @ ablated))

    @property
    def alike(self) -> str:
        """Whether both changes go together, in words: r and slope with their intervals; without a set the two means."""
        ablated, blocked = self.effects.ablated.to_numpy(), self.effects.blocked.to_numpy()
        if len(ablated) < 3:
            return f"{ablated.mean():+.2f} and {blocked.mean():+.2f} (a correlation needs a set)"
        x, y = (_standardised(each) for each in (ablated, blocked))
        proteins = self.effects.protein
        r = between(interval_of(_correlation, proteins, x, y, x * x, y * y, x * y))
        slope = between(interval_of(lambda xy, xx: xy / xx, proteins, ablated * blocked, ablated**2))
        return f"r = {self.correlation:.2f}{r}, slope {self.slope:.2f}{slope}, over {len(ablated)} sequences"

    @cached_property
    def rate(self) -> dict[tuple[str, str, str], Rate]:
        """By set of heads, test and knock-out, at how many masks the target ranks first."""
        return {(row.heads, row.test, row.knockout): rate_in(row, "rate") for _, row in self.mean.iterrows()}

    def in_words(self, letter: str) -> pd.DataFrame:
        """A row per test, set of heads and knock-out, as people read it; the target is called `letter`."""
        found = [
            {
                "Test": row.test,
                "Heads": row.heads,
                "Knocked out": row.knockout,
                f"{letter} first in": str(rate_in(row, "rate")),
                f"{letter} gap": mean_in(row, "gap"),
                f"Drop of {letter}'s logit": mean_in(row, "logit_drop"),
                "Rescue": rescue_in(row) if row.test == "sufficiency" else "–",
            }
            for _, row in self.mean.iterrows()
        ]
        return pd.DataFrame(found)

    def beside_paper(self) -> Beside:
        read = list(zip(BOS_READING, (f"{self.main}: {self.main_attention}", self.alike), strict=True))
        by_knockout = self.mean.set_index(["heads", "test", "knockout"])
        for key, stated in BOS_KNOCKOUTS.items():
            if key in by_knockout.index:
                row = by_knockout.loc[key]
                then = rescue_in(row, 1) if key[1] == "sufficiency" else mean_in(row, "logit_drop")
                read.append((stated, f"{row.rate:.3f}, {then}; {self.rate[key]}"))
        alone = self.rate[MAIN, "necessity", "values of BOS"]
        return [*read, (MAIN_KNOCKOUT, f"{alone.share:.3f}; {alone}")]


def bos_knockouts(
    survey: Survey,
    sequences: Mapping[str, str],
    target: Target,
    *,
    compared: Mapping[str, TwoMasks],
    main: Head,
    key_heads: tuple[Head, ...],
) -> BosKnockouts:
    """Necessity in every sequence, sufficiency at every internal mask of `compared`.

    Source: Jedryszek & Crook 2026, Table 1, Extended Data Figures 6 and 8.
    """
    core = (*key_heads, main)
    sets: Sets = {MAIN: (main,), OTHERS: key_heads, CORE: core} if key_heads else {MAIN: (main,)}
    tables, by = [], ["heads", "test", "knockout"]
    for name, heads in sets.items():
        needed = survey.table(knockouts, sequences, target=target, heads=heads)
        enough = survey.table(knockouts_inside, compared, target=target, heads=heads, swapped=core)
        needed, enough = with_proteins(needed, sequences), with_proteins(enough, compared)
        tables += [needed.assign(heads=name, test="necessity"), enough.assign(heads=name, test="sufficiency")]
    every = pd.concat(tables, ignore_index=True)
    mean = pooled(every.assign(rate=every.gap > 0), by, ["rate", "gap", "logit_drop"])
    back, between_ends = rescued(survey, compared, target, rows(every, test="sufficiency"), by)
    mean = mean.merge(back[[*by, "rescue", "rescue_low", "rescue_high"]], on=by, how="left")
    seen = with_proteins(survey.table(attention, sequences, target=target), sequences)
    effects = with_proteins(survey.table(head_effects, sequences, target=target, head=main), sequences)
    return BosKnockouts(main, sets, mean, pooled(seen, ["layer", "head"], ["attention"]), effects, between_ends)


def _standardised(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    return (values - values.mean()) / (values.std() or 1.0)


def _correlation(*means: Float[np.ndarray, " draws"]) -> Float[np.ndarray, " draws"]:
    """Pearson's from the means of x, y (standardised), x², y² and xy; nan where a draw doesn't vary."""
    x, y, xx, yy, xy = means
    varies = ((xx - x**2) > NO_SPREAD) & ((yy - y**2) > NO_SPREAD)
    spread = np.where(varies, (xx - x**2) * (yy - y**2), np.nan)
    return (xy - x * y) / np.sqrt(spread)


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """One head's whole attention pattern in one sequence, the target's residue masked."""

    head: Head
    name: str
    sequence: str
    residue: int
    """The masked one, 0-based."""
    attention: Float[np.ndarray, "query key"]
    """BOS first, EOS last."""

    @property
    def in_words(self) -> str:
        """How much of its attention goes to BOS, from the mask and from every other residue."""
        to_bos = self.attention[1:-1, 0]
        others = np.delete(to_bos, self.residue)
        return (
            f"{self.head} gives BOS {percent(float(to_bos[self.residue]))} of its attention from the mask, and "
            f"{percent(float(others.mean()))} on average from the {len(others)} other residues of {self.name}"
        )

    @property
    def table(self) -> pd.DataFrame:
        """A row per query, a column per key."""
        names = ["BOS", *(f"{letter}{place}" for place, letter in enumerate(self.sequence, start=1)), "EOS"]
        names[self.residue + 1] = f"mask{self.residue + 1}"
        return pd.DataFrame(self.attention, columns=names).assign(query=names).set_index("query").reset_index()


def whole_pattern(survey: Survey, sequences: Mapping[str, str], target: Target, *, head: Head) -> Pattern:
    """The pattern in the shortest of some sequences, so that single residues are seen. Source: Extended Data Fig. 6."""
    name = min(sequences, key=lambda each: len(sequences[each]))
    table = survey.table(pattern, {name: sequences[name]}, target=target, head=head)
    attention = grid(table, "query", "key", "attention").to_numpy()
    return Pattern(head, name, sequences[name], target.residue or 0, attention)
