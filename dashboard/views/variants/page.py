"""What would each substitution do?"""

import pandas as pd
import streamlit as st

from core.analyses.substitutions import Marginal, Substitutions, substitutions
from core.analyses.variant_evidence import without_evidence
from core.figures import variants as figures
from dashboard import engine
from dashboard.controls import bound
from dashboard.controls.picked import choose_picked, keep_pick, picked_before
from dashboard.engine import on_request, seconds
from dashboard.page_parts import introduce
from dashboard.question import Question
from dashboard.take_away import offer_script
from dashboard.views.variants.chosen import chosen_variant
from dashboard.views.variants.heatmap import MARGINALS, heatmap_of_ratios, named, script_of
from dashboard.views.variants.listed import given_variants, listed_variants
from dashboard.views.variants.support import support_of
from dashboard.widgets.linked_view import LinkedViewData, Pick, ResidueValues, StructureText, linked_view

TITLE, PATH, MASKS = "Variants", "variants", False

STRONGEST = 25


def page(question: Question) -> None:
    introduce(
        "What would each substitution do?",
        "How much likelier or less likely than the protein's own does the model find another amino acid? The "
        "log-likelihood ratio compares another letter with the protein's own at the same residue.",
        "It is a score of the model, not a measurement: below zero, the model finds the other letter less likely.",
        "A model can give such a score for reasons that have nothing to do with this protein. So ask of a variant "
        "below, and of every residue with the switch: is its score evidence, or a default?",
    )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        wanted = bound.switch("Read as", MARGINALS, "marginal")
        ask = bound.toggle(
            "Hatch residues without evidence",
            "hatched",
            help="Reads every residue under random orders of the others, which takes some 34 times as long.",
        )
    found = _scores(question, wanted)
    hatched = _hatched(question) if ask else None
    offer_script(script_of(question, found.marginal, hatched))
    with st.container(border=True):
        heatmap_of_ratios(question, found, hatched)
    left, right = st.columns([2, 3])
    with left.container(border=True, height="stretch"):
        _strongest(question, found)
    with right.container(border=True, height="stretch"):
        _structure(question, found)
    with st.container(border=True):
        given = given_variants(question)
        listed_variants(found, given)
    with st.container(border=True):
        chosen_variant(question, found, given)


def _scores(question: Question, wanted: Marginal) -> Substitutions:
    """As wanted; the first picture until that is asked for where it takes long."""
    model, sequence = question.model, question.protein.sequence

    def scored(marginal: Marginal, about: float = 0.0) -> Substitutions:
        return engine.computed(
            ("substitutions", model.fingerprint, sequence, marginal),
            lambda progress: substitutions(model, sequence, marginal, progress=progress),
            f"Reading {len(sequence)} residues",
            about,
        )

    if wanted == "masked":
        key = ("masked substitutions", model.fingerprint, sequence)
        about = seconds(model, len(sequence), len(sequence))
        with on_request(key, about, "Mask one residue at a time") as go:
            if go:
                return scored("masked", about)
    return scored("wild type")


def _hatched(question: Question) -> tuple[int, ...] | None:
    residues = tuple(range(len(question.protein.sequence)))
    support = support_of(question, residues, "Ask every residue for evidence")
    return None if support is None else without_evidence(support)


def _strongest(question: Question, found: Substitutions) -> None:
    picked = choose_picked(question.numbering, placeholder="M1, K27", help="Or click strip or structure.")
    table = named(found)
    if picked:
        table = table[table.residue.isin(picked)]
        st.markdown(f"**All substitutions of {question.numbering.written(picked)}**")
    else:
        st.markdown(f"**The {STRONGEST} strongest of {len(table):,}**")
        table = table.reindex(table.ratio.abs().sort_values(ascending=False, kind="stable").index).head(STRONGEST)
    shown = pd.DataFrame({"Variant": table.variant, "Log ratio (nats)": table.ratio})
    shown = shown.sort_values("Log ratio (nats)", kind="stable")
    st.dataframe(shown.style.format(precision=2), hide_index=True, height=520)
    at_the_start = int((table.residue == 0).sum())
    if not picked and question.protein.sequence.startswith("M") and at_the_start > STRONGEST / 2:
        st.caption(
            f"{at_the_start} of these replace {question.numbering.name(0)}: a model may score what stands first by "
            "default. Whether it does here is asked for one variant below, for all by hatching above."
        )


def _structure(question: Question, found: Substitutions) -> None:
    most = figures.largest_shown(found.mean)
    data = LinkedViewData(
        question.numbering.names(),
        structure=StructureText.of(question.protein.structure),
        residue_values=ResidueValues(found.mean, "mean log ratio (nats)", -most, most, "effects"),
        maskable=False,
        structure_title="Which residues does the model hold on to?",
        structure_caption="The mean over a residue's 19 substitutions: the bluer, the surer the model is of its own.",
    )
    pick = Pick(picked_before(question.numbering))
    linked_view(data, key="variants view", pick=pick, on_change=lambda pick: keep_pick(pick, question.numbering))
