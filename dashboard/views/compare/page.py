"""What differs between two proteins, two models, or a model with and without a part?"""

import streamlit as st

from core.analyses.comparison import prediction_difference
from core.errors import InputError
from dashboard.controls import bound
from dashboard.page_parts import introduce
from dashboard.question import Question, stop_with
from dashboard.session import plain
from dashboard.take_away import offer_script
from dashboard.views.compare import PATH, TITLE
from dashboard.views.compare.attention import attention_to_bos, heads_that_read_bos, whole_pattern
from dashboard.views.compare.bands import band_by_band
from dashboard.views.compare.choose import choose_pair
from dashboard.views.compare.contacts import strip_map_structure
from dashboard.views.compare.effects import effects_of_heads
from dashboard.views.compare.features import features_at_the_residues
from dashboard.views.compare.headline import headline
from dashboard.views.compare.prediction import predicted_amino_acids
from dashboard.views.compare.script import script_of
from dashboard.views.compare.sides import OTHER_TARGETS
from dashboard.views.explore.headline import COMPETITORS

__all__ = ["PATH", "TITLE", "page"]


def page(question: Question) -> None:
    introduce(
        "What differs between two sides?",
        "Put two proteins (a variant and its wild type), two models, or a model with and without a part, side by side.",
        "Each side is a model, a protein and edits; every panel shows both on one scale, and what B shows more or less "
        "than A.",
        "Pink is A, green is B; of differences, red is more in B and blue is less.",
    )
    row = st.container(horizontal=True, vertical_alignment="bottom")
    cards = [column.container(border=True, height="stretch") for column in st.columns(2)]
    numbers = [card.container() for card in cards]
    choices = [card.container() for card in cards]
    try:
        pair = choose_pair(question, row, *choices)
        among = bound.select("Target gap against", COMPETITORS, "against", row, width=220)
        a, b = (side.prediction(among) for side in pair.sides)
    except InputError as error:
        stop_with(error)
    with row:
        offer_script(script_of(pair, among))
    with numbers[0]:
        headline(pair.a, a)
    with numbers[1]:
        headline(pair.b, b, prediction_difference(a, b) if pair.same_target else None)
    where = f"Residues of A and B {'correspond' if pair.where else 'do not correspond:'} {pair.said}."
    st.caption(plain(where if pair.same_target else f"{where} {OTHER_TARGETS}"))
    for panel in (
        predicted_amino_acids,
        strip_map_structure,
        band_by_band,
        heads_that_read_bos,
        attention_to_bos,
        whole_pattern,
    ):
        with st.container(border=True):
            panel(pair)
    features_at_the_residues(pair)
    with st.container(border=True):  # last: it takes a pass for every part, all else one a side
        effects_of_heads(pair, among)
