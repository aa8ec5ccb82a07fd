"""One model over one set of proteins: what the sections of the start-codon experiment share."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from core.analyses.rope_experiments import greedy_swap
from core.components import heads_of_layers, modules
from core.errors import InputError
from core.experiments.start_codon import measures
from core.experiments.start_codon.measures import TwoMasks
from core.experiments.survey import Survey
from core.interventions import Component, Head, component_name
from core.model import Model, ModelShape
from core.proteins.evaluation_sets import EvaluationSequence
from core.rope import wavelengths

SWAP_STEPS = 12
"""The paper's table of swapped heads has twelve rows."""
USUAL = 0.5
"""A component belongs to the set's circuit when the search can't spare it in this share of proteins."""


@dataclass(frozen=True)
class Study:
    """The set, the internal residues (0-based) that are compared with the first one, and the seed.

    What several sections need (which proteins start with M, the main head, the circuit) is derived here once, each
    from measurements that the survey keeps.
    """

    survey: Survey
    model: Model
    members: tuple[EvaluationSequence, ...]
    residues: tuple[int, ...]
    seed: int
    non_m_starters: Mapping[str, str]
    """Proteins whose own first residue isn't M, by name; may be empty."""

    @property
    def shape(self) -> ModelShape:
        return self.model.shape

    @property
    def wavelengths(self) -> np.ndarray:
        """Residues per turn of each RoPE band of the main head's layer."""
        return wavelengths(self.model.layers[self.main_head.layer].inv_freq).cpu().numpy()

    @cached_property
    def start(self) -> pd.DataFrame:
        """What is predicted at every member's masked first residue, with the member's group."""
        sequences = {member.name: member.sequence for member in self.members}
        groups = {member.name: member.group for member in self.members}
        table = self.survey.table(measures.start, sequences)
        return table.assign(group=table.subject.map(groups))

    @cached_property
    def predicting(self) -> dict[str, str]:
        """The sequences where M ranks first at the masked first residue: those whose circuit is studied.

        Raises `InputError` when there is none.
        """
        names = set(self.start.subject[self.start["rank"] == 1])
        chosen = {member.name: member.sequence for member in self.members if member.name in names}
        if not chosen:
            raise InputError("M ranks first at the masked first residue of no sequence: there is no circuit to study")
        return chosen

    @property
    def outvoted(self) -> dict[str, str]:
        """The sequences where M does not rank first; `InputError` when there is none."""
        chosen = {member.name: member.sequence for member in self.members if member.name not in self.predicting}
        if not chosen:
            raise InputError("M ranks first in every sequence of this set: none is left to rescue")
        return chosen

    @property
    def inside(self) -> str:
        """The internal residues in words, counted from 1: "residue 11", "residue 11 or 21"."""
        return "residue " + " or ".join(str(residue + 1) for residue in self.residues)

    @cached_property
    def compared(self) -> dict[str, TwoMasks]:
        """Every predicting sequence with each internal residue that it has; those that it lacks are noted as left out.

        Raises `InputError` when no sequence has any.
        """
        chosen: dict[str, TwoMasks] = {}
        lacking: dict[tuple[str, str], str] = {}
        for name, sequence in self.predicting.items():
            for residue in self.residues:
                if residue < len(sequence):
                    chosen[f"{name}, residue {residue + 1}"] = TwoMasks(sequence, residue)
                else:
                    reason = f"it has {len(sequence)} residues"
                    lacking[f"masked residue {residue + 1}", name] = reason
        if not chosen:
            longest = max(len(sequence) for sequence in self.predicting.values())
            raise InputError(f"cannot mask {self.inside}: the longest sequence where M ranks first has {longest}")
        self.survey.left_out.update(lacking)
        return chosen

    @property
    def long_enough(self) -> dict[str, str]:
        """The predicting sequences that have the first of the internal residues; `InputError` when there is none."""
        _ = self.compared
        return {name: sequence for name, sequence in self.predicting.items() if len(sequence) > self.residues[0]}

    @cached_property
    def ablations(self) -> pd.DataFrame:
        """Every component ablated at every scope, with the drop of M's logit and whether M still ranks first."""
        table = self.survey.table(measures.ablations, self.predicting)
        whole = table[table.component == "none"].set_index("subject")
        drop = table.subject.map(whole.logit) - table.logit
        return table.assign(logit_drop=drop, gap_change=table.gap - table.subject.map(whole.gap), fails=table.gap <= 0)

    @cached_property
    def heads(self) -> tuple[Head, ...]:
        """Every head, the one whose ablation at the mask costs M's logit most on average first."""
        masked = self.ablations[self.ablations.scope == "mask"]
        cost = masked.groupby("component").logit_drop.mean().to_dict()
        everything = heads_of_layers(self.shape, range(self.shape.n_layers))
        return tuple(sorted(everything, key=lambda head: cost[str(head)], reverse=True))

    @property
    def main_head(self) -> Head:
        """The head that the prediction rests on most: L6H8 in the paper."""
        return self.heads[0]

    @cached_property
    def circuits(self) -> pd.DataFrame:
        return self.survey.table(measures.circuits, self.predicting)

    def necessity(self, search: str, scope: str) -> dict[str, float]:
        """In which share of the proteins the search could not spare a component, most needed first."""
        found = self.circuits[(self.circuits.search == search) & (self.circuits.scope == scope)]
        counts = Counter(found.component)
        return {component: count / len(self.predicting) for component, count in counts.most_common()}

    @cached_property
    def circuit(self) -> tuple[Component, ...]:
        """The modules that most proteins need in the strict search (everywhere ablated), in the model's order.

        Raises `InputError` when no module is needed by most.
        """
        needed = self.necessity("modules", "all")
        usual = tuple(module for module in modules(self.shape) if needed.get(component_name(module), 0) >= USUAL)
        if not usual:
            raise InputError("no module is needed in most of the sequences: there is no circuit to keep")
        return usual

    @cached_property
    def mask_mlps(self) -> tuple[Component, ...]:
        """The MLPs that most proteins need at the mask alone."""
        needed = self.necessity("modules", "mask")
        mlps: list[Component] = [("mlp", layer) for layer in range(self.shape.n_layers)]
        return tuple(mlp for mlp in mlps if needed.get(component_name(mlp), 0) >= USUAL)

    @cached_property
    def pair(self) -> tuple[Head, Head]:
        """The two heads that searches at the mask need most often; ties go to the costlier one."""
        needed = self.necessity("heads", "mask")
        ranked = sorted(self.heads, key=lambda head: needed.get(str(head), 0.0), reverse=True)
        return ranked[0], ranked[1]

    @cached_property
    def key_heads(self) -> tuple[Head, ...]:
        """The heads whose swapped rotations rescue M inside, found greedily with the main head's swapped too.

        There are at most `SWAP_STEPS`, fewer where all of the clean runs' mean gap is back.
        """
        candidates, (_, clean) = heads_of_layers(self.shape, range(self.shape.n_layers)), self.mean_gaps
        return greedy_swap(self._swapped_gaps, [self.main_head], candidates, SWAP_STEPS, enough=clean)

    def swapped(self, heads: tuple[Head, ...]) -> np.ndarray:
        """The gap at every internal mask with `heads` turned as at residue 0."""
        return self._swaps(heads, ())["none"].to_numpy()

    @property
    def mean_gaps(self) -> tuple[float, float]:
        """The mean gap at the internal masks, and at residue 0 of the same sequences: 0 and 100% rescue."""
        gaps = self._swaps((), ())
        return float(gaps["none"].to_numpy().mean()), float(gaps["clean"].to_numpy().mean())

    def _swapped_gaps(self, chosen: tuple[Head, ...], candidates: Sequence[Head]) -> np.ndarray:
        return self._swaps(chosen, tuple(candidates))[[str(head) for head in candidates]].to_numpy()

    def _swaps(self, given: tuple[Head, ...], candidates: tuple[Head, ...]) -> pd.DataFrame:
        table = self.survey.table(measures.swaps, self.compared, given=given, candidates=candidates)
        return table.pivot(index="subject", columns="head", values="gap")
