"""Can this model get a contact head from a few structures?"""

from pathlib import Path
from typing import NoReturn

import msgspec
import streamlit as st

from core.analyses.contact_probe import STRENGTHS, contact_head_bytes, fit_probe, read_contact_head
from core.contacts import contact_weights
from core.errors import InputError
from core.figures.style import head_heatmap
from core.model import Model
from core.model_files import contact_head_file
from dashboard import engine
from dashboard.controls.labelled_set import choose_contact, choose_labelled
from dashboard.controls.model import keep_contact_head
from dashboard.controls.uploads import checked_upload
from dashboard.page_parts import draw, introduce
from dashboard.question import Question, stop_with
from dashboard.script import Call, Expression, Script, loading
from dashboard.session import plain
from dashboard.take_away import offer_script
from dashboard.views.contacts.methods import keep_ranking, made_ranking

TITLE, PATH, MASKS = "Fit a contact head", "contact-head", False


def page(question: Question) -> None:
    introduce(
        "Can this model get a contact head from a few structures?",
        "A few known structures can teach which heads look from a residue to those that it touches. fair-esm's "
        "contact head is a sparse logistic regression over heads' maps, fitted on about twenty proteins.",
        "Fit one here on structures of your choice, for any model; ESMC was published without one. Every page of this"
        " session then uses it; saved beside the model's weights, it is there the next time too.",
        "Positive cells (red) are heads whose attention speaks for a contact; the penalty, chosen by cross-validation,"
        " leaves some without weight.",
    )
    model = question.model
    try:
        chosen = choose_labelled(choose_contact(), at_first=20)
        proteins = chosen.proteins
        if st.button("Fit a contact head", type="primary", disabled=not proteins):
            fitted = engine.computed(
                ("probe", model.fingerprint, tuple(proteins.items())),
                lambda progress: fit_probe(model, proteins, progress=progress),
                f"Fitting on {len(proteins)} proteins",
                engine.HEAVY_FROM,
            )
            precisions = st.session_state.setdefault("fitted contact heads", {})
            precisions[fitted.model.fingerprint] = (
                f"Fitted here on {len(proteins)} proteins; heads fitted on three quarters of them reach a long-range "
                f"P@L/2 of **{fitted.precision:.2f}** on the others, blind picking {fitted.chance:.2f}. The penalty "
                f"(C = {fitted.strength:g}) is the best of {len(STRENGTHS)} by that number, which is therefore a "
                "little too high."
            )
            probe = Call(fit_probe, (loading(model), chosen.written))
            _use(model, fitted.model, Call(getattr, (probe, "model")))
        file = st.file_uploader("Or load one (fair-esm's -contact-regression.pt)", type="pt", key="contact head file")
        if file is not None and st.button("Use this contact head"):
            made = Call(read_contact_head, (loading(model), Call(Path, (file.name,))))
            _use(model, read_contact_head(model, checked_upload(file)), made)
    except InputError as error:
        stop_with(error)
    _show(model)


def _use(model: Model, fitted: Model, made: Call) -> NoReturn:
    """From now on in this session `fitted` stands for `model`; the ranking of its heads is the same."""
    found = made_ranking(model)
    if found is not None:
        keep_ranking(msgspec.structs.replace(found.ranking, fingerprint=fitted.fingerprint), found.made)
    keep_contact_head(fitted, made)
    st.rerun()


def _show(model: Model) -> None:
    head = model.contact_head
    if head is None:
        st.info(f"{plain(model.name)} has no contact head yet.")
        return
    weights = contact_weights(model)
    offer_script(_script(model))
    draw(
        head_heatmap(weights, quantity="weight"),
        f"The contact head in use: {int((weights != 0).sum())} of {weights.size} heads have a weight; bias "
        f"{float(head.bias):+.2f}. {st.session_state.get('fitted contact heads', {}).get(model.fingerprint, '')}",
        "weights",
    )
    st.download_button(
        "Save it",
        contact_head_bytes(head),
        path.name if (path := contact_head_file(model.name)) else f"{model.name}-contact-regression.pt",
        help="Beside the model's weights under this name (in its folder, if it is one), it is in use whenever that "
        "model is.",
        icon=":material/download:",
        on_click="ignore",
    )


def _script(model: Model) -> Script:
    """Prints in how many heads the contact head in use has weights, and its bias; draws the weights."""
    steps = {"model": loading(model), "weights": Call(contact_weights, (Expression("model"),))}
    printed = ("(weights != 0).sum(), weights.size", "float(model.contact_head.bias)")
    title = f"The contact head of {model.name}"
    return Script(title, steps, printed, Call(head_heatmap, (Expression("weights"),), {"quantity": "weight"}))
