"""Which heads make one contact?"""

import streamlit as st

from core.alphabet import tokenize
from core.analyses.contact_attribution import contact_shares
from core.errors import InputError
from core.figures.contacts import layer_shares
from core.figures.style import head_heatmap
from core.interventions import Condition
from dashboard import engine
from dashboard.page_parts import draw
from dashboard.question import Question, say
from dashboard.views.contacts.methods import CONTACT_HEAD
from dashboard.views.contacts.pair import choose_pair, pair_name


def heads_of_one_contact(question: Question, condition: Condition) -> None:
    st.markdown("**Which heads make one contact?**")
    sequence, model = question.protein.sequence, question.model
    if model.contact_head is None:
        st.info(
            "This needs a contact head, whose regression is a sum over heads: fit one on the page 'Fit a contact head'."
        )
        return
    try:
        pair = choose_pair(question)
    except InputError as error:
        say(error)
        return
    if pair is None:
        return
    i, j = pair
    clean, edited = (
        engine.computed(
            ("shares", model.fingerprint, sequence, i, j, each),
            lambda _, each=each: contact_shares(model, tokenize(sequence), i, j, each),
            "Reading the contact",
        )
        for each in ((), condition)
    )
    run, before = ("edited run", f" (clean {clean.probability:.2f})") if condition else ("clean run", "")
    by_head, by_layer = st.columns([3, 2], gap="medium")
    with by_head:
        draw(
            head_heatmap(edited.heads, quantity="share of the logit"),
            f"{pair_name(question, pair)}, {CONTACT_HEAD.lower()}, {run}: bias {edited.bias:+.2f} and all heads "
            f"together {edited.heads.sum():+.2f} make a logit of {edited.logit:+.2f}, a probability of "
            f"{edited.probability:.2f}{before}. The regression is linear: the shares add up "
            "exactly.",
            "shares",
        )
    with by_layer:
        draw(
            layer_shares(clean.layers, edited.layers if condition else None),
            "What the heads of each layer add to the logit together"
            + (": clean in grey, edited in blue." if condition else ", nothing edited."),
            "layers",
        )
