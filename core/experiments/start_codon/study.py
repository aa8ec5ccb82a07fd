"""One model over one set of proteins: what the sections of the start-codon experiment share."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from core.answers.ablation import Ablation, ablation
from core.answers.first_residue import FirstResidue, first_residue
from core.answers.minimal_circuit import MinimalCircuits, Search, minimal_circuits
from core.answers.random_circuits import BesideRandom, beside_random
from core.answers.rope_swap import SwapPath, swap_path
from core.answers.split import Split, split
from core.answers.subjects import TwoMasks, protein_of, several_masks, two_masks
from core.answers.survey import Survey
from core.bootstrap import LEAST
from core.errors import InputError
from core.interventions import Component, Head, NamedScope
from core.metrics import Target
from core.model import ModelShape
from core.proteins.evaluation_sets import EvaluationSequence

M_FIRST = Target("M", 0)
"""What this experiment follows: M at the masked first residue, among the amino acids."""


@dataclass(frozen=True)
class Study:
    """The set, the internal residues (0-based) that are compared with the first one, and the seed.

    What several sections need (which proteins start with M, the main head, the circuit) is an answer that is asked for
    here once.
    """

    survey: Survey
    members: tuple[EvaluationSequence, ...]
    residues: tuple[int, ...]
    seed: int
    non_m_starters: Mapping[str, str]
    """Proteins whose own first residue isn't M, by name; may be empty."""

    @property
    def shape(self) -> ModelShape:
        return self.survey.model.shape

    @cached_property
    def start(self) -> FirstResidue:
        """What is predicted at every member's masked first residue."""
        return first_residue(self.survey, {member.name: member.sequence for member in self.members}, M_FIRST)

    @cached_property
    def predicting(self) -> dict[str, str]:
        """The sequences where M ranks first at the masked first residue: those whose circuit is studied.

        Raises `InputError` when there is none.
        """
        if not self.start.predicting:
            raise InputError("M ranks first at the masked first residue of no sequence: there is no circuit to study")
        return self.start.predicting

    @cached_property
    def split(self) -> Split:
        """The half of these on which heads and circuits are chosen, and the half that judges them."""
        return split(self.predicting)

    @property
    def judging(self) -> Mapping[str, str]:
        """The half that judges: what sections on chosen heads and circuits are measured on."""
        return self.split.judging

    @property
    def known(self) -> set[str]:
        """The names of the real proteins among the members."""
        return {member.name for member in self.members if member.group == "known"}

    @property
    def judged_proteins(self) -> Mapping[str, str]:
        """The real proteins among the judging sequences, or all of these where there are none."""
        return {name: each for name, each in self.judging.items() if name in self.known} or self.judging

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
        """Every judging sequence with each internal residue that it has; those that it lacks are noted as left out.

        Raises `InputError` when no sequence has any.
        """
        chosen: dict[str, TwoMasks] = {}
        lacking: dict[tuple[str, str], str] = {}
        for name, sequence in self.judging.items():
            for residue in self.residues:
                if residue < len(sequence):
                    pair = two_masks({name: sequence}, M_FIRST, residue)
                    chosen[f"{name}, residue {residue + 1}"] = pair[name]
                else:
                    reason = f"it has {len(sequence)} residues"
                    lacking[f"masked residue {residue + 1}", name] = reason
        if not chosen:
            longest = max(len(sequence) for sequence in self.judging.values())
            raise InputError(f"cannot mask {self.inside}: the longest sequence where M ranks first has {longest}")
        self.survey.left_out.update(lacking)
        return chosen

    @cached_property
    def rated(self) -> dict[str, TwoMasks]:
        """The same sequences with five internal masks each, from the first of `residues` on: what rates are over."""
        first = self.residues[0]
        long_enough = {name: each for name, each in self.judging.items() if len(each) > first}
        if not long_enough:
            raise InputError(f"cannot mask {self.inside}: no judging sequence has residue {first + 1}")
        return several_masks(long_enough, M_FIRST, first)

    @cached_property
    def ablation(self) -> Ablation:
        """Every component ablated at every scope."""
        return ablation(self.survey, self.predicting, M_FIRST)

    @property
    def main_head(self) -> Head:
        """The head that the prediction rests on most: L6H8 in the paper."""
        return self.ablation.heads[0]

    @cached_property
    def circuits(self) -> dict[tuple[Search, NamedScope], MinimalCircuits]:
        """The greedy searches, among modules and then heads, ablating at the mask and everywhere."""
        searches: tuple[Search, ...] = ("modules", "heads")
        scopes: tuple[NamedScope, ...] = ("mask", "all")
        return {
            (search, scope): minimal_circuits(self.survey, self.predicting, M_FIRST, search=search, scope=scope)
            for search in searches
            for scope in scopes
        }

    @cached_property
    def circuit(self) -> tuple[Component, ...]:
        """The modules that most choosing sequences need in the strict search (everywhere ablated), in order.

        Raises `InputError` when no module is needed by most.
        """
        usual = self.circuits["modules", "all"].circuit
        if not usual:
            raise InputError("no module is needed in most of the sequences: there is no circuit to keep")
        return usual

    @cached_property
    def beside_random(self) -> dict[tuple[Search, NamedScope], BesideRandom]:
        """Each search's circuit, kept alone in the judging sequences beside random ones of its size.

        A search that finds nothing that most need has none.
        """
        found: dict[tuple[Search, NamedScope], BesideRandom] = {}
        for (search, scope), searched in self.circuits.items():
            settings = {"circuit": searched.circuit, "scope": scope}
            with suppress(InputError):
                found[search, scope] = beside_random(self.survey, self.judging, M_FIRST, **settings)
        return found

    @cached_property
    def mask_mlps(self) -> tuple[Component, ...]:
        """The MLPs that most choosing sequences need at the mask alone."""
        usual = self.circuits["modules", "mask"].circuit
        return tuple(module for module in usual if not isinstance(module, Head) and module[0] == "mlp")

    @cached_property
    def pair(self) -> tuple[Head, Head]:
        """The two heads that choosing sequences' searches at the mask need most often; ties go to the costlier one."""
        needed = self.circuits["heads", "mask"].over(self.split.choosing).necessity
        ranked = sorted(self.ablation.heads, key=lambda head: needed.get(str(head), 0.0), reverse=True)
        return ranked[0], ranked[1]

    @cached_property
    def swap_path(self) -> SwapPath:
        """The heads whose swapped rotations rescue M inside, found greedily with the main head's swapped too."""
        return swap_path(self.survey, self.predicting, M_FIRST, main=self.main_head, inside=self.residues[0])

    @property
    def key_heads(self) -> tuple[Head, ...]:
        """Those heads, the most helpful first."""
        return self.swap_path.heads


def said_of(sequences: Mapping[str, str], finding: str) -> str:
    """A finding on these sequences, or that they are too few proteins for one."""
    n = len(set(map(protein_of, sequences.values())))
    if n >= LEAST:
        return finding
    return f"No finding from {n} of at least {LEAST} proteins: the numbers below describe these alone."
