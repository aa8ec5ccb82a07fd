"""Proteins with known contacts, chosen in the page: the examples, uploaded structures, or a folder on this machine.

Only who runs the app says which folder: `PLMSCOPE_STRUCTURES`. A visitor chooses among its subfolders.
"""

import os
from pathlib import Path

import streamlit as st

from core.errors import InputError
from core.proteins.examples import examples, load_example
from core.proteins.labelled import LabelledProtein, read_labelled
from core.proteins.protein import proteins_from_file
from core.proteins.structure import ContactAtom, Structure
from dashboard import engine
from dashboard.controls.protein import checked_upload
from dashboard.session import plain

EXAMPLES, UPLOADED, FOLDER = "The app's examples", "Uploaded structures", "A folder on this machine"
ATOMS: dict[ContactAtom, str] = {"cb": "Cβ (Cα for glycine)", "ca": "Cα"}


def choose_contact() -> tuple[ContactAtom, float]:
    """The two widgets that say what counts as a contact, side by side."""
    atom_column, cutoff_column = st.columns(2)
    atom: ContactAtom = atom_column.selectbox(
        "Distance between", ATOMS, format_func=ATOMS.__getitem__, key="atom", bind="query-params"
    )
    cutoff = cutoff_column.number_input("Closer than (Å)", 3.0, 20.0, 8.0, 0.5, key="cutoff", bind="query-params")
    return atom, cutoff


def choose_labelled(atom: ContactAtom, cutoff: float, at_first: int) -> dict[str, LabelledProtein]:
    """The chosen proteins by name: all that are uploaded, or `at_first` of the others unless the person says otherwise.

    What cannot be used is listed with its reason. Raises `InputError` for a folder that cannot be read.
    """
    source = st.segmented_control(
        "Labelled proteins",
        [EXAMPLES, UPLOADED, *([FOLDER] if os.environ.get("PLMSCOPE_STRUCTURES") else [])],
        default=EXAMPLES,
        required=True,
        key="labelled",
        bind="query-params",
    )
    left_out: dict[str, str] = {}
    if source == FOLDER:
        root = Path(os.environ["PLMSCOPE_STRUCTURES"])
        folders = {".": root} | {path.name: path for path in sorted(root.glob("*/"))}
        name = st.selectbox("Folder", list(folders), key="folder", bind="query-params")
        found, left_out = engine.computed(
            ("labelled", str(folders[name]), atom, cutoff),
            lambda _: read_labelled(folders[name], atom, cutoff),
            "Reading structures",
        )
    elif source == UPLOADED:
        found = _uploaded(atom, cutoff, left_out)
    else:
        found = {
            example.id: LabelledProtein.of(structure, atom, cutoff, example.id)
            for example in examples()
            if (structure := load_example(example.id).structure) is not None
        }
    usable = _usable(found, left_out)
    if left_out:
        with st.expander(f"{len(left_out)} left out"):
            for name, reason in left_out.items():
                st.caption(plain(f"{name}: {reason}"))
    chosen = usable
    if source != UPLOADED:  # who uploads has chosen already
        most = max(len(usable), 1)
        number = st.number_input("How many of them", 1, most, min(at_first, most), key="n", bind="query-params")
        chosen = dict(list(usable.items())[:number])
    st.caption(plain(f"Chosen: {', '.join(chosen) or 'none'}"))
    return chosen


def _uploaded(atom: ContactAtom, cutoff: float, left_out: dict[str, str]) -> dict[str, LabelledProtein]:
    """The chains chosen from the uploaded files, the first of each file unless the person says otherwise."""
    chains: dict[str, Structure] = {}
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
            else:
                chains[protein.name] = protein.structure
                if index == 0:
                    first_chains.append(protein.name)
    chosen = first_chains
    if len(chains) > len(first_chains):
        # Another set of files is another question: what was chosen among the former chains does not answer it.
        chosen = st.multiselect("Chains", list(chains), first_chains, key=f"chains {' '.join(chains)}")
    return {name: LabelledProtein.of(chains[name], atom, cutoff, name) for name in chosen}


def _usable(found: dict[str, LabelledProtein], left_out: dict[str, str]) -> dict[str, LabelledProtein]:
    usable = {}
    for name, protein in found.items():
        try:
            protein.require_long_range()
            usable[name] = protein
        except InputError as error:
            left_out[name] = str(error)
    return usable
