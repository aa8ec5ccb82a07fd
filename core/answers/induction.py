"""Does a model copy repeats, and which heads do it? Random segments that stand twice, pooled."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

import numpy as np
import pandas as pd
from jaxtyping import Float

from core.analyses.contact_evaluation import Mean, mean_over_proteins
from core.analyses.induction import NO_REPEAT, NOTHING, Repeat, copying, twin_attention
from core.answers.survey import Survey
from core.errors import InputError
from core.interventions import Head
from core.tables import grid, means, rows

BLOCKED: Final = (1, 2, 4, 8)
"""How many of the best heads are blocked."""
FLIPS: Final = 4000
"""Random changes of sign that make the null of the best head."""
COPIES: Final = 0.2
"""The twin's probability from which a model is said to copy: four times that of a guess among twenty."""
FEWEST: Final = 4
"""Segments, so that each half has two."""
Verdict = Literal["copies", "trace", "none"]


def random_set(n_heads: int) -> str:
    """What as many heads, drawn from all but the best ones, are called."""
    return f"{n_heads} other heads"


def best_set(n_heads: int) -> str:
    """What the best heads are called."""
    return "best head" if n_heads == 1 else f"best {n_heads} heads"


EVERY_HEAD: Final = "every head"


@dataclass(frozen=True, eq=False)
class Induction:
    """Attention of every head to twins, and what is left of copying with the best of them blocked."""

    repeats: Mapping[str, Repeat]
    attention: pd.DataFrame
    """subject, layer, head, twin, elsewhere, once: as `twin_attention`."""
    best: tuple[Head, ...]
    """By their gain on the first half of the segments."""
    copied: pd.DataFrame
    """subject, and the columns of `copying`: sets of heads on the second half alone."""
    judged_on: tuple[str, ...]
    """The second half."""

    @cached_property
    def heads(self) -> pd.DataFrame:
        """A row per head, means over all segments: layer, head, twin, elsewhere, once, gain (twin less once)."""
        return _with_gain(means(self.attention, ["layer", "head"], ["twin", "elsewhere", "once"]))

    @cached_property
    def gain(self) -> Float[np.ndarray, "n_layers n_heads"]:
        """How much more of its attention each head gives to a twin than to the same place where nothing repeats."""
        return grid(self.heads, "layer", "head", "gain").to_numpy()

    @cached_property
    def best_null(self) -> Float[np.ndarray, " flips"]:
        """The best head's mean gain where there is none: signs of whole segments changed at random.

        The maximum over heads keeps the chance of any false head at that of one (Westfall & Young 1993).
        """
        gains = _with_gain(self.attention).gain.to_numpy().reshape(len(self.repeats), -1)
        signs = np.random.default_rng(0).choice([-1.0, 1.0], size=(FLIPS, len(gains)))
        return (signs @ gains / len(gains)).max(1)

    @property
    def threshold(self) -> float:
        """The gain that the best of all heads passes in 5% of the null."""
        return float(np.quantile(self.best_null, 0.95))

    @property
    def chance(self) -> float:
        """Attention that one position gets of an even spread."""
        lengths = [len(repeat.twice) + 2 for repeat in self.repeats.values()]
        return 1 / float(np.mean(lengths))

    @property
    def found(self) -> tuple[Head, ...]:
        """The heads whose gain passes the threshold, best first."""
        return tuple(head for head in self.ranked if self.gain[head.layer, head.index] > self.threshold)

    @cached_property
    def ranked(self) -> tuple[Head, ...]:
        """All heads by their gain over all segments, best first."""
        return _ranked(self.gain)

    def probability(self, blocked: str, among: tuple[str, ...] = ()) -> Mean:
        """The twin's probability, mean over segments (all, or those named) with a bootstrap interval."""
        return mean_over_proteins(self._by_segment(blocked, "probability", among))

    def rank(self, blocked: str, among: tuple[str, ...] = ()) -> Mean:
        """The twin's mean rank among the amino acids, as `probability`."""
        return mean_over_proteins(self._by_segment(blocked, "rank", among))

    @property
    def rise(self) -> Mean:
        """How much likelier the twin's letter is for the repeat, over the same segments."""
        twice, once = (self._by_segment(blocked, "probability") for blocked in (NOTHING, NO_REPEAT))
        return mean_over_proteins(twice - once)

    @property
    def verdict(self) -> Verdict:
        """Whether the model copies, copies a trace (a rise with all its interval, below `COPIES`), or does not."""
        if not self.rise.low > 0:
            return "none"
        return "copies" if self.probability(NOTHING).low >= COPIES else "trace"

    @cached_property
    def blocking(self) -> pd.DataFrame:
        """On the second half of the segments: blocked, probability, low, high, rank."""
        told = []
        for blocked in dict.fromkeys(self.copied.blocked):
            found = self.probability(blocked, self.judged_on)
            told.append((blocked, found.mean, found.low, found.high, self.rank(blocked, self.judged_on).mean))
        return pd.DataFrame(told, columns=["blocked", "probability", "low", "high", "rank"])

    def _by_segment(self, blocked: str, column: str, among: tuple[str, ...] = ()) -> Float[np.ndarray, " segment"]:
        found = means(rows(self.copied, blocked=blocked), ["subject"], [column])
        chosen = found.subject.isin(among or found.subject)
        return found[column].to_numpy(dtype=float)[chosen]


def induction(survey: Survey, repeats: Mapping[str, Repeat]) -> Induction:
    """Heads chosen on the first half of the segments, blocked on the second half.

    Raises `InputError` for fewer than four segments. Source of the name: Olsson et al. 2022, In-context learning and
    induction heads.
    """
    if len(repeats) < FEWEST:
        raise InputError(
            f"{len(repeats)} segments are too few: {FEWEST} or more, half choose heads and half judge them"
        )
    names = list(repeats)
    half = len(names) // 2
    attention = survey.table(twin_attention, repeats)
    first_half = means(
        pd.DataFrame(_with_gain(attention)[attention.subject.isin(names[:half])]), ["layer", "head"], ["gain"]
    )
    ranked = _ranked(grid(first_half, "layer", "head", "gain").to_numpy())
    most = min(max(BLOCKED), len(ranked) // 2)
    others = np.random.default_rng(0).choice(len(ranked) - most, most, replace=False) + most
    sets = [(best_set(size), ranked[:size]) for size in BLOCKED if size <= most]
    sets += [(random_set(most), tuple(ranked[place] for place in others)), (EVERY_HEAD, ranked)]
    chose = survey.table(copying, {name: repeats[name] for name in names[:half]}, blocked=())
    judged = survey.table(copying, {name: repeats[name] for name in names[half:]}, blocked=tuple(sets))
    copied = pd.concat([chose, judged], ignore_index=True)
    return Induction(repeats, attention, ranked[:most], copied, tuple(names[half:]))


def _with_gain(attention: pd.DataFrame) -> pd.DataFrame:
    return attention.assign(gain=attention.twin - attention.once)


def _ranked(gain: Float[np.ndarray, "n_layers n_heads"]) -> tuple[Head, ...]:
    """All heads, the largest gain first."""
    layers, heads = np.unravel_index(np.argsort(-gain, axis=None, kind="stable"), gain.shape)
    return tuple(Head(int(layer), int(head)) for layer, head in zip(layers, heads, strict=True))
