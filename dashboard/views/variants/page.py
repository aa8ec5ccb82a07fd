"""What would each substitution do?"""

import numpy as np
import pandas as pd
import streamlit as st

from core.analyses.substitutions import Marginal, Substitutions, substitutions
from core.analyses.variant_evidence import without_evidence
from core.answers.calibration import kept_calibration
from core.answers.verdict_words import ratio_words
from core.figures import variants as figures
from dashboard import engine
from dashboard.controls import bound
from dashboard.controls.picked import choose_picked, keep_pick, picked_before
from dashboard.engine import on_request, seconds
from dashboard.page_parts import draw, introduce
from dashboard.question import Question
from dashboard.script import ROWS, Call, Expression, Script, loading
from dashboard.take_away import offer_script
from dashboard.views.variants.chosen import chosen_variant
from dashboard.views.variants.listed import given_variants, listed_variants
from dashboard.views.variants.support import known_support, known_verdicts, support_of
from dashboard.widgets.linked_view import LinkedViewData, Pick, ResidueValues, StructureText, linked_view

TITLE, PATH, MASKS = "Variants", "variants", False

MARGINALS: dict[Marginal, str] = {"masked": "Masked marginals", "wild type": "Wild-type marginals"}
HOW: dict[Marginal, str] = {
    "masked": "Each residue is masked alone and read there.",
    "wild type": "All residues are read at once in the unmasked protein, where each sees itself: a fast first picture.",
}
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
    offer_script(_script(question, found.marginal, hatched))
    with st.container(border=True):
        _heatmap(question, found, hatched)
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


def _script(question: Question, marginal: Marginal, hatched: tuple[int, ...] | None) -> Script:
    steps = {
        "model": loading(question.model),
        "found": Call(substitutions, (Expression("model"), question.protein.sequence, marginal)),
    }
    parts = (Expression("found.ratios"), Expression("found.sequence"), question.numbering.names(), hatched or ())
    title = f"{MARGINALS[marginal]} on {question.model.name}"
    return Script(title, steps, (f"found.table.head({ROWS}).to_string()",), Call(figures.ratios, parts))


def _hatched(question: Question) -> tuple[int, ...] | None:
    residues = tuple(range(len(question.protein.sequence)))
    support = support_of(question, residues, "Ask every residue for evidence")
    return None if support is None else without_evidence(support)


def _heatmap(question: Question, found: Substitutions, hatched: tuple[int, ...] | None) -> None:
    names = question.numbering.names()
    said = f"**{MARGINALS[found.marginal]}.** {HOW[found.marginal]} Blue: less likely than the protein's own letter, "
    said += "which a dot marks; red: likelier. Drag to zoom in, double-click to see all."
    if hatched is not None:
        said += f" Hatched: {len(hatched)} of {len(names)} residues where the order of the other residues does not "
        said += "speak for the protein's own letter more than a random order of them would." + _counted(question)
    draw(
        figures.ratios(found.ratios, found.sequence, names, hatched or ()), said, "ratios", _everything(question, found)
    )


def _counted(question: Question) -> str:
    verdicts = known_verdicts(question)
    assert verdicts is not None
    counts, words = verdicts.verdict.value_counts(), ratio_words(kept_calibration(question.model))
    listed = ", ".join(f"{counts.get(verdict, 0):,} {said}" for verdict, said in words.items())
    return f" Of {len(verdicts):,} masked-marginal ratios: {listed}."


def _everything(question: Question, found: Substitutions) -> pd.DataFrame:
    """Every substitution, its residue's mean ratio and, where that was asked for, what the ratio rests on."""
    table = _named(found)
    table["marginal"] = found.marginal
    table["mean_of_residue"] = found.mean[table.residue]
    support, verdicts = known_support(question), known_verdicts(question)
    if support is not None and verdicts is not None:
        table = table.merge(verdicts, on=["residue", "letter"])
        table["evidence_at_residue"] = ~table.residue.isin(without_evidence(support))
    names = np.array(question.numbering.names())
    return table.assign(residue=names[table.residue])


def _named(found: Substitutions) -> pd.DataFrame:
    """Every substitution, and beside it how people write it: A23V."""
    table = found.table
    return table.assign(variant=table.own + (table.residue + 1).astype(str) + table.letter)


def _strongest(question: Question, found: Substitutions) -> None:
    picked = choose_picked(question.numbering, placeholder="M1, K27", help="Or click strip or structure.")
    table = _named(found)
    if picked:
        table = table[table.residue.isin(picked)]
        st.markdown(f"**All substitutions of {question.numbering.written(picked)}**")
    else:
        st.markdown(f"**The {STRONGEST} strongest of {len(table):,}**")
        table = table.reindex(table.ratio.abs().sort_values(ascending=False, kind="stable").index).head(STRONGEST)
    shown = pd.DataFrame({"Variant": table.variant, "Log ratio (nats)": table.ratio})
    shown = shown.sort_values("Log ratio (nats)", kind="stable")
    st.dataframe(shown.style.format(precision=2), hide_index=True, height=520)


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
