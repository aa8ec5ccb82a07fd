"""Which model: chosen, downloaded if need be, and large ones only when the person says so."""

from typing import Final

import streamlit as st

from core.errors import InputError
from core.memory import in_words
from core.model import Model
from core.model_files import bytes_on_disk
from core.published import PUBLISHED_BY_NAME, PublishedModel
from dashboard import engine
from dashboard.controls import bound
from dashboard.question import stop_with
from dashboard.script import MADE_HERE, Call
from dashboard.session import plain

HALF_OFFERED_ABOVE: Final = 400_000_000
"""Bytes of float32 weights from which bfloat16 is offered."""


def choose_model(of: str = "") -> Model:
    """Draws the choice of a model and loads it; `of` stands before the keys where a page asks for another one too."""
    name = bound.linked("model", "Model", engine.model_names(), f"{of}model")
    _ask_before_large(name, of)
    missing = engine.needs_download(name)
    if missing is not None:
        _ask_before_download(missing)
    in_half = _choose_precision(name, of)
    try:
        with st.spinner("Loading the model …", show_time=True):
            model = engine.model(name, in_half)
    except InputError as error:
        stop_with(error)
    model = st.session_state.get("contact heads", {}).get(model.trunk_fingerprint, model)
    _describe(model)
    return model


def _describe(model: Model) -> None:
    shape = model.shape
    size = (
        f"{shape.n_layers} layers × {shape.n_heads} heads × {shape.d_model}, {model.n_parameters / 1e6:.1f} M weights"
    )
    if model.teaching:
        st.caption(f":material/school: A small teaching model trained for this app, **not ESM-2**: {size}.")
    else:
        st.caption(f"{model.architecture.name}, {size}")
    for note in model.notes:
        st.caption(f":material/info: {plain(note)}")


def _choose_precision(name: str, of: str) -> bool:
    """Whether the weights are taken in bfloat16, offered where they are many; says what either takes."""
    published = PUBLISHED_BY_NAME.get(name)
    weights = 4 * published.n_parameters if published else bytes_on_disk(name)
    if weights < HALF_OFFERED_ABOVE:
        return False
    return bound.toggle(
        f"Weights in bfloat16: {in_words(weights // 2)} of memory, not {in_words(weights)}",
        f"{of}half",
        help="Half of float32's memory. Numbers are rounded to about three digits, so small effects drown.",
    )


def _ask_before_download(missing: PublishedModel) -> None:
    """Offers the download with size, licence and what is known of its hash; stops the page until it is there."""
    checked = "checked against its SHA-256" if missing.sha256 else "whose SHA-256 is not known here, so not checked"
    st.caption(
        f"{missing.label} is not on this machine: a download of about {in_words(4 * missing.n_parameters)}, {checked}. "
        f"Licence: {missing.licence}."
    )
    if not st.button(f"Download {missing.label}", type="primary", width="stretch"):
        st.info("Until then, choose the embedded model: it needs no network.")
        st.stop()
    try:
        engine.fetch(missing.name)
    except InputError as error:
        stop_with(error)
    st.rerun()


def _ask_before_large(name: str, of: str) -> None:
    """Stops the page until the person agrees to what a large model needs."""
    published = PUBLISHED_BY_NAME.get(name)
    if published is None or not published.is_large:
        return
    st.warning(
        f"{published.label} needs about {in_words(4 * published.n_parameters)} of memory (half in bfloat16), and "
        "minutes for each run.",
        icon=":material/memory:",
    )
    if not bound.toggle("Use it all the same", f"{of}large"):
        st.stop()


def keep_contact_head(model: Model, made: Call) -> None:
    """From now on in this session, `model`, whose contact head `made` gives it, stands for the model of its weights."""
    st.session_state.setdefault(MADE_HERE, {})[model.fingerprint] = made
    st.session_state.setdefault("contact heads", {})[model.trunk_fingerprint] = model
