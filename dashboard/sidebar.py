"""The sidebar that every page shares: model, protein, masked residue, target amino acid."""

import hashlib
from dataclasses import dataclass, replace
from functools import partial
from typing import NoReturn

import streamlit as st
import torch
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core.alphabet import AMINO_ACIDS, tokenize
from core.checkpoints import PUBLISHED
from core.errors import InputError
from core.model import Model
from core.proteins.databases import protein_from_identifier
from core.proteins.examples import examples, load_example
from core.proteins.protein import MAX_LENGTH, Protein, proteins_from_file, proteins_from_text, residue_name
from core.proteins.structure import align_best_chain
from dashboard import engine
from dashboard.session import WILD_TYPE, parse_residues, plain, target_letter, written_residues

EXAMPLE, PASTE, UPLOAD, IDENTIFIER = "Example", "Paste", "Upload", "Identifier"
MAX_UPLOAD_BYTES = 5 * 2**20
LONGEST_ALLOWED = 4000


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What every page starts from: a model, a protein, the masked residues, and the target at the residue read."""

    model: Model
    protein: Protein
    masked: tuple[int, ...]
    residue: int
    """The masked residue that is written first: the one whose prediction is read."""
    target: str

    @property
    def tokens(self) -> torch.Tensor:
        return tokenize(self.protein.sequence, self.masked)

    @property
    def key(self) -> tuple:
        """What identifies this question in the cache of results."""
        return (self.model.fingerprint, self.protein.sequence, self.masked, self.residue, self.target)

    @property
    def residue_label(self) -> str:
        return residue_name(self.protein.sequence, self.residue)


def ask() -> Question:
    """Draws the sidebar and returns the question; stops the page with one line where something cannot be used."""
    with st.sidebar:
        model = _choose_model()
        protein = _choose_protein()
        return _choose_mask_and_target(model, protein)


def stop_with(error: InputError) -> NoReturn:
    """Says in one line what is wrong and ends this run of the page; what was computed stays in the cache."""
    st.error(plain(str(error)), icon=":material/error:")
    st.stop()


def keep_contact_head(model: Model) -> None:
    """From now on in this session, `model` (with the contact head it has) stands for the model of its name."""
    st.session_state.setdefault("contact heads", {})[model.name] = model


def _choose_model() -> Model:
    names = engine.model_names()
    name = st.selectbox("Model", list(names), format_func=names.__getitem__, key="model", bind="query-params")
    _ask_before_large(name)
    missing = engine.needs_download(name)
    if missing is not None:
        gigabytes = missing.n_parameters * 4 / 1e9
        size = f"{gigabytes:.1f} GB" if gigabytes >= 1 else f"{gigabytes * 1000:.0f} MB"
        st.caption(f"{missing.label} is not on this machine: a download of about {size}.")
        if not st.button(f"Download {missing.label}", type="primary", width="stretch"):
            st.info("Until then, choose the embedded model: it needs no network.")
            st.stop()
        try:
            engine.fetch(name)
        except InputError as error:
            stop_with(error)
        st.rerun()
    try:
        with st.spinner("Loading the model …", show_time=True):
            model = engine.model(name)
    except InputError as error:
        stop_with(error)
    model = st.session_state.get("contact heads", {}).get(model.name, model)
    shape = model.shape
    size = (
        f"{shape.n_layers} layers × {shape.n_heads} heads × {shape.d_model}, {model.n_parameters / 1e6:.1f} M weights"
    )
    if model.teaching:
        st.caption(f":material/school: A small teaching model trained for this app, **not ESM-2**: {size}.")
    else:
        st.caption(size)
    return model


def _ask_before_large(name: str) -> None:
    """Stops the page until the person agrees to what a large model needs."""
    published = next((each for each in PUBLISHED if each.name == name and each.is_large), None)
    if published is None:
        return
    st.warning(
        f"{published.label} needs about {published.n_parameters * 4 / 1e9:.0f} GB of memory, and minutes for each run.",
        icon=":material/memory:",
    )
    if not st.toggle("Use it all the same", key="large", bind="query-params"):
        st.stop()


def _choose_protein() -> Protein:
    source = st.segmented_control(
        "Protein", [EXAMPLE, PASTE, UPLOAD, IDENTIFIER], default=EXAMPLE, required=True, key="from", bind="query-params"
    )
    try:
        protein = {EXAMPLE: _example, PASTE: _pasted, UPLOAD: _uploaded, IDENTIFIER: _identified}[source]()
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
    chosen = st.selectbox(
        "Example",
        list(by_id),
        format_func=lambda id: by_id[id].title,
        key="example",
        bind="query-params",
        label_visibility="collapsed",
    )
    st.caption(by_id[chosen].why)
    return load_example(chosen)


def _pasted() -> Protein:
    text = st.text_area(
        "Sequence or FASTA", key="sequence", bind="query-params", height=120, placeholder="MQIFVKTLTGKTITLEVEPSD…"
    )
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
    identifier = st.text_input(
        "Identifier", key="identifier", bind="query-params", placeholder="P0CG48, 1UBQ, 1AKE:A or AF-P0CG48"
    )
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
    allowed = st.toggle(
        f"Allow more than {MAX_LENGTH:,} residues",
        key="long",
        bind="query-params",
        help="ESM-2 was trained on no longer ones; time and memory grow with the square of the length.",
    )
    return LONGEST_ALLOWED if allowed else MAX_LENGTH


def _one_of(proteins: tuple[Protein, ...]) -> Protein:
    if len(proteins) == 1:
        return proteins[0]
    names = [protein.name for protein in proteins]
    labels = [f"{number}. {name}" for number, name in enumerate(names, start=1)]
    chosen = st.selectbox(f"{len(proteins)} entries", labels, key="entry", bind="query-params")
    return proteins[labels.index(chosen)]


def _choose_mask_and_target(model: Model, protein: Protein) -> Question:
    sequence = protein.sequence
    text = st.text_input(
        "Masked residues",
        value="1",
        key="mask",
        bind="query-params",
        help="Residues as people write them: M1, 5, 8-12. The one written first is the one whose prediction is read.",
    )
    try:
        written = parse_residues(text, sequence)
        if not written:
            raise InputError("mask at least one residue: the prediction is read there")
    except InputError as error:
        stop_with(error)
    target = st.selectbox(
        "Target amino acid",
        [WILD_TYPE, *sorted(AMINO_ACIDS)],
        key="target",
        bind="query-params",
        help="Whose logit is followed: the residue's own amino acid, or one that you choose.",
    )
    letter = target_letter(target, sequence, written[0])
    st.caption(f"Reading **{written_residues(written[:1], sequence)}**, target **{letter}**")
    return Question(model, protein, tuple(sorted(written)), written[0], letter)
