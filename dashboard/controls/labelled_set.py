"""Proteins with known contacts, chosen in the page: the examples, uploaded structures, or a folder on this machine.

Only who runs the app says which folder: `PLMSCOPE_STRUCTURES`. A visitor chooses among its subfolders.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from core.errors import InputError
from core.proteins.labelled import LabelledProtein, labelled_examples, read_labelled
from core.proteins.protein import proteins_from_file
from core.proteins.structure import CONTACT_ATOMS, CONTACT_CUTOFF, ContactRule, Structure
from dashboard import engine
from dashboard.controls import bound
from dashboard.controls.uploads import checked_upload
from dashboard.script import Call
from dashboard.session import plain

EXAMPLES, UPLOADED, FOLDER = "The app's examples", "Uploaded structures", "A folder on this machine"


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """Proteins with known contacts by name."""

    proteins: dict[str, LabelledProtein]
    written: Call | dict[str, LabelledProtein]
    """How a script gets them: the examples by their names, others with all their contacts."""


def choose_contact() -> ContactRule:
    """The two widgets that say what counts as a contact, side by side."""
    atom_column, cutoff_column = st.columns(2)
    atom = bound.select("Distance between", CONTACT_ATOMS, "atom", atom_column)
    cutoff = bound.number("Closer than (Å)", 3.0, 20.0, CONTACT_CUTOFF, "cutoff", cutoff_column, step=0.5)
    return ContactRule(atom, cutoff)


def choose_labelled(rule: ContactRule, at_first: int) -> LabelledSet:
    """The chosen proteins: all that are uploaded, or `at_first` of the others unless the person says otherwise.

    What cannot be used is listed with its reason. Raises `InputError` for a folder that cannot be read.
    """
    offered = [FOLDER] if os.environ.get("PLMSCOPE_STRUCTURES") else []
    source = bound.switch("Labelled proteins", [EXAMPLES, UPLOADED, *offered], "labelled")
    left_out: dict[str, str] = {}
    if source == FOLDER:
        root = Path(os.environ["PLMSCOPE_STRUCTURES"])
        folders = {".": root} | {path.name: path for path in sorted(root.glob("*/"))}
        name = bound.select("Folder", list(folders), "folder")
        found, left_out = engine.computed(
            ("labelled", str(folders[name]), rule),
            lambda _: read_labelled(folders[name], *rule),
            "Reading structures",
        )
    elif source == UPLOADED:
        found = _uploaded(rule, left_out)
    else:
        found = labelled_examples(None, *rule)
    usable = _usable(found, left_out)
    if left_out:
        with st.expander(f"{len(left_out)} left out"):
            for name, reason in left_out.items():
                st.caption(plain(f"{name}: {reason}"))
    chosen = usable
    if source != UPLOADED:  # who uploads has chosen already
        most = max(len(usable), 1)
        number = bound.number("How many of them", 1, most, min(at_first, most), "n")
        chosen = dict(list(usable.items())[:number])
    st.caption(plain(f"Chosen: {', '.join(chosen) or 'none'}"))
    return LabelledSet(chosen, Call(labelled_examples, (list(chosen), *rule)) if source == EXAMPLES else chosen)


def _uploaded(rule: ContactRule, left_out: dict[str, str]) -> dict[str, LabelledProtein]:
    """The chains chosen from the uploaded files, the first of each file unless the person says otherwise."""
    chains: dict[str, Structure] = {}
    seen: dict[tuple[str, bytes], str] = {}
    first_chains: list[str] = []
    for file in st.file_uploader("PDB or mmCIF files", accept_multiple_files=True, key="structures") or []:
        try:
            proteins = proteins_from_file(file.name, checked_upload(file))
        except InputError as error:
            left_out[file.name] = str(error)
            continue
        for index, protein in enumerate(proteins):
            if protein.structure is None:
                left_out[file.name] = "it holds a sequence and no structure"
            elif protein.name in chains:
                left_out[f"{file.name}, {protein.name}"] = "another file holds a chain of that name"
            elif (again := seen.get(_atoms(protein.structure))) is not None:
                left_out[protein.name] = f"it is the same as {again}"
            else:
                seen[_atoms(protein.structure)] = protein.name
                chains[protein.name] = protein.structure
                if index == 0:
                    first_chains.append(protein.name)
    chosen = first_chains
    if len(chains) > len(first_chains):
        # Another set of files is another question: what was chosen among the former chains does not answer it.
        chosen = st.multiselect("Chains", list(chains), first_chains, key=f"chains {' '.join(chains)}")
    notes = [f"{name}: {note}" for name in chosen for note in chains[name].notes]
    if notes:
        with st.expander("What was made of the files"):
            for note in notes:
                st.caption(plain(note))
    return {name: LabelledProtein.of(chains[name], *rule, name) for name in chosen}


def _atoms(structure: Structure) -> tuple[str, bytes]:
    """What tells whether two files hold the same chain, whatever they are called."""
    return structure.sequence, structure.ca.tobytes()


def _usable(found: dict[str, LabelledProtein], left_out: dict[str, str]) -> dict[str, LabelledProtein]:
    usable = {}
    for name, protein in found.items():
        try:
            protein.require_long_range()
            usable[name] = protein
        except InputError as error:
            left_out[name] = str(error)
    return usable
