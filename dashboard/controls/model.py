"""Which model: chosen, downloaded if need be, and large ones only when the person says so."""

import streamlit as st

from core.errors import InputError
from core.model import Model
from core.published import PUBLISHED
from dashboard import engine
from dashboard.controls import bound
from dashboard.question import stop_with
from dashboard.session import plain


def choose_model() -> Model:
    name = bound.linked("model", "Model", engine.model_names(), "model")
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
    for note in model.notes:
        st.caption(f":material/info: {plain(note)}")
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
    if not bound.toggle("Use it all the same", "large"):
        st.stop()


def keep_contact_head(model: Model) -> None:
    """From now on in this session, `model` (with the contact head it has) stands for the model of its name."""
    st.session_state.setdefault("contact heads", {})[model.name] = model
