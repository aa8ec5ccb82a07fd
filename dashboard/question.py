"""What is asked: the model, protein, masked residues and target that every page starts from."""

from dataclasses import dataclass
from typing import NoReturn

import streamlit as st
import torch

from core.alphabet import tokenize
from core.errors import InputError
from core.metrics import Target
from core.model import Model
from core.proteins.numbering import Numbering
from core.proteins.protein import Protein
from dashboard.session import plain

NUMBERS, BY_AUTHOR = "numbers", "structure"
"""The choice of what typed numbers mean, and its value when they are the structure's own."""


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What every page starts from: a model, a protein, the masked residues, and the target at the residue read."""

    model: Model
    protein: Protein
    masked: tuple[int, ...]
    residue: int
    """The masked residue that is written first: the one whose prediction is read."""
    letter: str
    """The target amino acid: whose logit is followed."""

    @property
    def alone(self) -> dict[str, str]:
        """The protein as a set of one: its sequence by its name."""
        return {self.protein.name: self.protein.sequence}

    @property
    def tokens(self) -> torch.Tensor:
        return tokenize(self.protein.sequence, self.masked)

    @property
    def run_key(self) -> tuple:
        """What its runs depend on, whatever is read off them."""
        model = self.model
        return (model.fingerprint, model.features_fingerprint, self.protein.sequence, self.masked)

    @property
    def key(self) -> tuple:
        """What identifies this question in the cache of results."""
        return (*self.run_key, self.residue, self.letter)

    @property
    def target(self) -> Target:
        """The target amino acid at the residue read, among the amino acids."""
        return Target(self.letter, self.residue)

    @property
    def numbering(self) -> Numbering:
        """What residues are called, and what typed numbers mean."""
        return numbering_of(self.protein)

    @property
    def residue_label(self) -> str:
        return self.numbering.name(self.residue)


def numbering_of(protein: Protein) -> Numbering:
    """A protein's numbering as the person has chosen it."""
    return Numbering.of(protein, by_author=st.session_state.get(NUMBERS) == BY_AUTHOR)


def stop_with(error: InputError) -> NoReturn:
    """Says in one line what is wrong and ends this run of the page; what was computed stays in the cache."""
    say(error)
    st.stop()


def say(error: InputError) -> None:
    """Says in one line what is wrong."""
    st.error(plain(str(error)), icon=":material/error:")
