"""What does one residue's prediction rest on? Its shares, from how far support comes, and the heads it needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from core.alphabet import AMINO_ACIDS, tokenize
from core.analyses.head_ablation import component_sweep
from core.analyses.masked_marginals import masked_marginals
from core.analyses.reading import read
from core.analyses.support_distance import distance_ladder, moved
from core.answers.evidence import Chosen, letters
from core.answers.survey import Survey
from core.components import heads_of_layers
from core.interventions import AblateValues, Condition
from core.metrics import Target
from core.model import Model
from core.progress import SILENT, Progress
from core.tables import rows

N_READERS: Final = 3
"""Heads that are made blind to BOS together."""


def ladders(model: Model, chosen: Chosen, *, seed: int, progress: Progress = SILENT) -> pd.DataFrame:
    """Log-odds of the top letter and the runner-up at the chosen residue, near only, far only, and moved.

    Columns letter, kept, window (0 where the protein was moved), place, log_odds, low, high.
    """
    [residue] = chosen.residues
    two = _two(model, chosen.sequence, residue)
    ladder = distance_ladder(model, chosen.sequence, residue, two, seed=seed, progress=progress)
    elsewhere = moved(model, chosen.sequence, residue, two, seed=seed)
    return pd.concat([ladder.assign(place=""), elsewhere.assign(kept="moved", window=0)], ignore_index=True)


def heads(model: Model, chosen: Chosen, *, progress: Progress = SILENT) -> pd.DataFrame:
    """What every head does for the top letter at the chosen residue: head, gap_change and blind_to_bos (logits).

    `gap_change` is what its ablation at every position does to the letter's lead, `blind_to_bos` what zeroing BOS's
    values in it does. The last row, named by several heads, is the `N_READERS` that lose most when blind, together.
    """
    [residue] = chosen.residues
    tokens, target = tokenize(chosen.sequence, [residue]), Target(_two(model, chosen.sequence, residue)[0], residue)
    listed = heads_of_layers(model.shape, range(model.shape.n_layers))
    ablated = component_sweep(model, tokens, target, progress=progress.stretch(0, 2)).heads.ravel()
    blind: list[Condition] = [(), *((AblateValues(head, "bos"),) for head in listed)]
    gaps = read(model, tokens, blind, target=target, progress=progress.stretch(1, 2)).gap
    readers = np.argsort(gaps[1:], kind="stable")[:N_READERS]
    together: Condition = tuple(AblateValues(listed[index], "bos") for index in readers)
    all_blind = read(model, tokens, [(), together], target=target).gap
    table = pd.DataFrame({"head": map(str, listed), "gap_change": ablated, "blind_to_bos": gaps[1:] - gaps[0]})
    names = ", ".join(str(listed[index]) for index in readers)
    table.loc[len(table)] = [names, np.nan, all_blind[1] - all_blind[0]]
    return table


def _two(model: Model, sequence: str, residue: int) -> tuple[str, str]:
    """The letter that ranks first at a masked residue, and the second."""
    order = np.argsort(-masked_marginals(model, sequence, [residue])[0], kind="stable")
    return AMINO_ACIDS[order[0]], AMINO_ACIDS[order[1]]


@dataclass(frozen=True, slots=True, eq=False)
class ResidueCard:
    """One residue taken apart."""

    letters: pd.DataFrame
    """The columns of `core.answers.evidence.residue_rows`: the top letter, the runner-up, and the own one."""
    ladder: pd.DataFrame
    """The columns of `distance_ladder`."""
    moved: pd.DataFrame
    """The columns of `moved`."""
    heads: pd.DataFrame
    """The columns of `heads`, without the last row."""
    readers: str
    """The heads that lose most when blind to BOS."""
    blind_readers: float
    """What the top letter's lead loses when these are blind to BOS together (logits)."""

    @property
    def needed(self) -> pd.DataFrame:
        """The heads whose ablation costs most, most important first."""
        return self.heads.sort_values(by="gap_change").head(5)


def residue_card(survey: Survey, chosen: Mapping[str, Chosen], *, seed: int = 0) -> ResidueCard:
    """The card of one residue of one protein."""
    ladder = survey.table(ladders, chosen, seed=seed)
    by_head = survey.table(heads, chosen)
    together = by_head.iloc[-1]
    return ResidueCard(
        letters(survey, chosen, seed=seed),
        pd.DataFrame(ladder[ladder.window > 0]).drop(columns=["subject", "place"]),
        rows(ladder, kept="moved").drop(columns=["subject", "kept", "window"]),
        pd.DataFrame(by_head.iloc[:-1]),
        str(together["head"]),
        float(together["blind_to_bos"]),
    )
