"""Which protein: an example, or one that is pasted, uploaded or named; and its structure."""

import hashlib
from dataclasses import replace
from functools import partial

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core.errors import InputError
from core.proteins.databases import protein_from_identifier
from core.proteins.examples import examples, load_example
from core.proteins.protein import MAX_LENGTH, Protein, proteins_from_file, proteins_from_text
from core.proteins.structure import align_best_chain
from dashboard import engine
from dashboard.controls import bound
from dashboard.question import stop_with
from dashboard.session import plain

MAX_UPLOAD_BYTES = 5 * 2**20
LONGEST_ALLOWED = 4000


def choose_protein() -> Protein:
    sources = {"Example": _example, "Paste": _pasted, "Upload": _uploaded, "Identifier": _identified}
    try:
        protein = sources[bound.switch("Protein", list(sources), "from")]()
        if protein.structure is None:
            protein = _with_structure(protein)
    except InputError as error:
        stop_with(error)
    st.caption(f"**{plain(protein.name)}** · {len(protein.sequence)} residues")
    for note in protein.notes:
        st.caption(f":material/info: {plain(note)}")
    return protein


def _example() -> Protein:
    by_id = {example.id: example for example in examples()}
    titles = {id: example.title for id, example in by_id.items()}
    chosen = bound.select("Example", titles, "example", label_visibility="collapsed")
    st.caption(by_id[chosen].why)
    return load_example(chosen)


def _pasted() -> Protein:
    text = bound.lines("Sequence or FASTA", "sequence", height=120, placeholder="MQIFVKTLTGKTITLEVEPSD…")
    if not text.strip():
        st.info("Paste a sequence, or FASTA text with one or several entries.")
        st.stop()
    return _one_of(proteins_from_text(text, max_length=_longest()))


def _uploaded() -> Protein:
    file = st.file_uploader("FASTA, PDB or mmCIF, also .gz", key="file")
    if file is None:
        st.info("Upload a file. A link to this page cannot hold it: to share a sequence, paste it instead.")
        st.stop()
    data = checked_upload(file)
    longest = _longest()
    key = ("upload", file.name, hashlib.sha256(data).hexdigest(), longest)
    work = partial(proteins_from_file, file.name, data, max_length=longest)
    return _one_of(engine.computed(key, lambda _: work(), "Reading the file"))


def _identified() -> Protein:
    identifier = bound.text("Identifier", "identifier", placeholder="P0CG48, 1UBQ, 1AKE:A or AF-P0CG48")
    if not identifier.strip():
        st.info("A UniProt accession, a PDB entry, or AF- and an accession for AlphaFold DB; this needs network.")
        st.stop()
    longest = _longest()
    return engine.computed(
        ("identifier", identifier.strip(), longest),
        lambda _: protein_from_identifier(identifier, max_length=longest),
        "Fetching the protein",
        kind="network",
    )


def _with_structure(protein: Protein) -> Protein:
    """The protein with a structure that the person adds: its chain that fits best, aligned to the sequence."""
    with st.expander("Add its structure"):
        file = st.file_uploader("PDB or mmCIF, also .gz", key="structure file")
        if file is None:
            return protein
        data = checked_upload(file)
        key = ("aligned", protein.sequence, file.name, hashlib.sha256(data).hexdigest())
        structure = engine.computed(
            key, lambda _: align_best_chain(protein.sequence, data, source=file.name), "Aligning the structure"
        )
    return replace(protein, notes=protein.notes + structure.notes, structure=structure)


def checked_upload(file: UploadedFile) -> bytes:
    """The bytes of an upload; `InputError` when there are too many (a widget's own limit binds the browser alone)."""
    if file.size > MAX_UPLOAD_BYTES:
        megabytes, most = file.size / 2**20, MAX_UPLOAD_BYTES / 2**20
        raise InputError(f"{file.name} has {megabytes:.1f} MB: at most {most:.0f} MB are read")
    return file.getvalue()


def _longest() -> int:
    """How many residues are taken: as many as ESM-2 was trained on, unless the person allows more."""
    allowed = bound.toggle(
        f"Allow more than {MAX_LENGTH:,} residues",
        "long",
        help="ESM-2 was trained on no longer ones; time and memory grow with the square of the length.",
    )
    return LONGEST_ALLOWED if allowed else MAX_LENGTH


def _one_of(proteins: tuple[Protein, ...]) -> Protein:
    if len(proteins) == 1:
        return proteins[0]
    by_label = {f"{number}. {protein.name}": protein for number, protein in enumerate(proteins, start=1)}
    return by_label[bound.select(f"{len(proteins)} entries", list(by_label), "entry")]
