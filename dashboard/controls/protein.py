"""Which protein: an example, or one that is pasted, uploaded or named; and its structure."""

import hashlib
from dataclasses import replace
from functools import partial
from typing import Final, TypedDict

import streamlit as st

from core.errors import InputError
from core.proteins.databases import protein_from_identifier
from core.proteins.examples import examples, load_example
from core.proteins.nucleic import holds_nucleic
from core.proteins.protein import LONGEST_ALLOWED, MAX_LENGTH, Protein, Reading, read_file, read_text
from core.proteins.sequence_text import alignment_rows
from core.proteins.structure import align_best_chain
from core.proteins.uploads import one_line, upload_text
from core.proteins.variants import on_wild_types_structure
from dashboard import engine
from dashboard.controls import bound
from dashboard.controls.uploads import upload
from dashboard.question import say
from dashboard.session import plain

SHOWN: Final = "protein shown"
"""In the session: the protein that was chosen last."""


def choose_protein(of: str = "", wild_type: Protein | None = None) -> Protein:
    """Draws the choice of a protein; `of` stands before the keys where a page asks for another one too, whose structure
    is that of `wild_type` where it is a variant of it and has none.

    Until one is given that can be used, the page keeps the one that was there.
    """
    sources = {"Example": _example, "Paste": _pasted, "Upload": _uploaded, "Identifier": _identified}
    try:
        protein = sources[bound.switch("Protein", list(sources), f"{of}from")](of)
        if protein is not None and protein.structure is None:
            protein = _with_structure(protein, of)
        if protein is not None and wild_type is not None:
            protein = on_wild_types_structure(protein, wild_type)
    except InputError as error:
        say(error)
        protein = None
    if protein is None:
        protein = protein_shown(of) or st.stop()
        st.caption("The page still shows:")
    st.session_state[f"{of}{SHOWN}"] = protein
    st.caption(f"**{plain(protein.name)}** · {len(protein.sequence)} residues")
    for note in protein.notes:
        st.caption(f":material/info: {plain(note)}")
    return protein


def protein_shown(of: str = "") -> Protein | None:
    """The protein that was there when the page was drawn last, if any."""
    return st.session_state.get(f"{of}{SHOWN}")


def _example(of: str) -> Protein:
    by_id = {example.id: example for example in examples()}
    titles = {id: example.title for id, example in by_id.items()}
    chosen = bound.linked("example", "Example", titles, f"{of}example", label_visibility="collapsed")
    st.caption(by_id[chosen].why)
    return load_example(chosen)


def _pasted(of: str) -> Protein | None:
    text = bound.lines("Sequence or FASTA", f"{of}sequence", height=120, placeholder="MQIFVKTLTGKTITLEVEPSD…")
    if not text.strip():
        st.info("Paste a sequence, or FASTA text with one or several entries.")
        return None
    options = _reading_options(text, "pasted protein", of)
    return _one_of(read_text(text, **options), of)


def _uploaded(of: str) -> Protein | None:
    file = upload("FASTA, an alignment, GenPept, PDB or mmCIF, also .gz", f"{of}file")
    if file is None:
        st.info("Upload a file. A link to this page cannot hold it: to share a sequence, paste it instead.")
        return None
    data = file.data
    options = _reading_options(upload_text(file.name, data), file.name, of)
    key = ("upload", file.name, hashlib.sha256(data).hexdigest(), *options.values())
    work = partial(read_file, file.name, data, **options)
    return _one_of(engine.computed(key, lambda _: work(), "Reading the file"), of)


def _identified(of: str) -> Protein | None:
    identifier = bound.text("Identifier", f"{of}identifier", placeholder="P0CG48, UBC_HUMAN, 1UBQ, 1AKE:A or AF-P0CG48")
    if not identifier.strip():
        st.info("A UniProt accession, a PDB entry, or AF- and an accession for AlphaFold DB; this needs network.")
        return None
    longest = _longest(of)
    return engine.computed(
        ("identifier", identifier.strip(), longest),
        lambda _: protein_from_identifier(identifier, max_length=longest),
        "Fetching the protein",
        lane="network",
    )


def _with_structure(protein: Protein, of: str) -> Protein:
    """The protein with a structure that the person adds: its chain that fits best, aligned to the sequence."""
    with st.expander("Add its structure"):
        file = upload("PDB or mmCIF, also .gz", f"{of}structure file")
        if file is None:
            return protein
        data = file.data
        key = ("aligned", protein.sequence, file.name, hashlib.sha256(data).hexdigest())
        structure = engine.computed(
            key, lambda _: align_best_chain(protein.sequence, data, source=file.name), "Aligning the structure"
        )
    return replace(protein, notes=protein.notes + structure.notes, structure=structure)


def _longest(of: str) -> int:
    """How many residues are taken: as many as ESM-2 was trained on, unless the person allows more."""
    allowed = bound.toggle(
        f"Allow more than {MAX_LENGTH:,} residues",
        f"{of}long",
        help="ESM-2 was trained on no longer ones, ESMC on up to about twice that; time and memory grow with the "
        "square of the length.",
    )
    return LONGEST_ALLOWED if allowed else MAX_LENGTH


class ReadingOptions(TypedDict):
    """What a person says of how a text is to be read."""

    max_length: int
    row: int | None
    translate: bool


def _reading_options(text: str, name: str, of: str) -> ReadingOptions:
    """Draws what the text asks for: which row where it is an alignment, and whether DNA is to be translated."""
    rows = alignment_rows(text, name)
    names = {number: f"{number}. {one_line(header)}" for number, (header, _) in enumerate(rows, start=1)}
    row = bound.select("Row of the alignment", names, f"{of}row") if len(rows) > 1 else None
    translate = holds_nucleic(text) and bound.toggle(
        "Translate DNA and RNA", f"{of}translate", help="The first reading frame, by the standard code."
    )
    return {"max_length": _longest(of), "row": row, "translate": translate}


def _one_of(reading: Reading, of: str) -> Protein:
    """The protein that the person chooses of several, with a note on what is left out."""
    protein = reading.proteins[0]
    if len(reading.proteins) > 1:
        by_label = {f"{number}. {each.name}": each for number, each in enumerate(reading.proteins, start=1)}
        protein = by_label[bound.linked("protein", f"{len(by_label)} entries", list(by_label), f"{of}entry")]
    return replace(protein, notes=protein.notes + reading.notes)
