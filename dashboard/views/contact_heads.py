"""Which heads know contacts?"""

import numpy as np
import pandas as pd
import streamlit as st

from core.alphabet import tokenize
from core.analyses.contact_attribution import ablation_effects, contact_shares
from core.analyses.head_ranking import HeadRanking, rank_heads
from core.contacts import SEPARATIONS, Range
from core.errors import InputError
from core.figures.style import EDITED, Curve, curves, head_heatmap
from core.interventions import Head
from core.labelled import LabelledProtein
from core.protein import residue_name
from dashboard import engine
from dashboard.explanation import download, draw, introduce
from dashboard.labelled_set import choose_contact, choose_labelled
from dashboard.long_work import on_request, seconds
from dashboard.session import parse_residues, plain
from dashboard.sidebar import Question, stop_with
from dashboard.views.contacts import keep_ranking, ranking_of

RANGES: tuple[Range, ...] = tuple(reversed(list(SEPARATIONS)))


def page(question: Question) -> None:
    introduce(
        "Which heads know contacts?",
        "Contacts sit in a few attention heads. Which ones, how many to average, and what is lost without each?",
        "Every head's own map is counted against structures; then the best 1, 2, 3 … are averaged.",
        "Darker cells find more contacts; the curve's top says how many heads to average.",
    )
    try:
        _ranking(question)
        st.divider()
        _effects(question)
        st.divider()
        _shares(question)
    except InputError as error:
        stop_with(error)


def _ranking(question: Question) -> None:
    st.markdown("**How well does each head find contacts?**")
    model = question.model
    with st.expander("Rank the heads on proteins of your choice"):
        chosen = choose_labelled(*choose_contact(), at_first=10)
        if st.button("Rank all heads", type="primary", disabled=not chosen):
            made = engine.computed(
                ("ranking", model.fingerprint, tuple(chosen.items())),
                lambda progress: rank_heads(model, chosen, progress.report),
                f"Ranking heads on {len(chosen)} proteins",
            )
            keep_ranking(made)
    ranking = ranking_of(model)
    if ranking is None:
        st.info(f"The heads of {plain(model.name)} are not ranked yet: rank them on proteins with structures, above.")
        return
    separation: Range = st.segmented_control(
        "Range", RANGES, default=RANGES[0], required=True, key="range", bind="query-params", format_func=_range_name
    )
    heat, sweep = st.columns([3, 2], gap="medium")
    with heat:
        figure = head_heatmap(ranking.grid(separation), quantity=f"P@L/2, {separation}", diverging=False)
        best = ranking.heads(1, separation)[0]
        draw(
            figure,
            f"Best single head: {best}, {ranking.grid(separation).max():.2f}; chance {ranking.chance[separation]:.2f}. "
            f"Measured on {len(ranking.proteins)} proteins ({ranking.definition}).",
            "ranking",
        )
    with sweep:
        ks = np.arange(1, len(ranking.k_sweep) + 1)
        line = Curve("best K heads averaged", np.array(ranking.k_sweep), EDITED)
        draw(
            curves(ks, [line], x_title="Heads averaged, K", y_title="P@L/2, long range"),
            f"Best at K = {ranking.best_k}, on the proteins that the heads were chosen on. Contacts are spread over "
            f"about {ranking.n_contact_heads():.1f} heads (Hill's number of their precision above chance).",
            "sweep",
        )
    download(_table(ranking, separation), "head-ranking")


def _range_name(separation: Range) -> str:
    low, high = SEPARATIONS[separation]
    return f"{separation} ({low}–{high} apart)" if high else f"{separation} (≥ {low} apart)"


def _table(ranking: HeadRanking, separation: Range) -> pd.DataFrame:
    grid = ranking.grid(separation)
    return pd.DataFrame(
        [(head.layer, head.index, str(head), grid[head.layer, head.index]) for head in ranking.heads(None, separation)],
        columns=["layer", "head", "name", f"P@L/2 {separation}"],
    )


def _effects(question: Question) -> None:
    st.markdown("**What does the contact map lose without each head?**")
    protein, model = question.protein, question.model
    ranking = ranking_of(model)
    heads: tuple[Head, ...] = ()
    if model.contact_head is None:
        if ranking is None:
            st.info("This needs a contact head, or a ranking of heads.")
            return
        heads = ranking.heads(ranking.best_k)
    truth = protein.structure and LabelledProtein.of(protein.structure)
    tokens = tokenize(protein.sequence)
    n_heads = model.shape.n_layers * model.shape.n_heads
    job = ("contact effects", model.fingerprint, protein.sequence, heads, truth)
    with on_request(job, 2 * seconds(model, n_heads, len(tokens)), f"Ablate {n_heads} heads, one at a time") as go:
        if not go:
            return
        effects = engine.computed(
            job,
            lambda progress: ablation_effects(
                model, tokens, truth, heads=heads, progress=progress.report, cancel=progress.cancel
            ),
            f"Ablating {n_heads} heads",
        )
    change, precision = st.columns(2, gap="medium")
    with change:
        draw(
            head_heatmap(effects.change, quantity="mean |change|", diverging=False),
            "How much the map moves, on average over pairs 6 or more apart, when the head is off everywhere.",
            "change",
        )
    with precision:
        if effects.precision is None or effects.clean_precision is None:
            st.caption("No structure is known for this protein, so precision cannot be counted.")
            return
        draw(
            head_heatmap(effects.precision, quantity="change of P@L/2, long", diverging=True),
            "Blue heads are needed: without them fewer of the top pairs are contacts"
            f" (clean {effects.clean_precision:.2f}).",
            "precision",
        )


def _shares(question: Question) -> None:
    st.markdown("**Which heads make one contact?**")
    sequence, model = question.protein.sequence, question.model
    if model.contact_head is None:
        st.info("This needs a contact head: fit one on the page Contact head.")
        return
    text = st.text_input("The two residues", key="pick", bind="query-params", placeholder="M1, K27")
    picked = parse_residues(text, sequence)
    if len(picked) != 2:
        st.caption("Name two residues, or pick a cell of the map on the page Three roads.")
        return
    i, j = picked
    shares = engine.computed(
        ("shares", model.fingerprint, sequence, i, j),
        lambda _: contact_shares(model, tokenize(sequence), i, j),
        "Reading the contact",
    )
    name = f"{residue_name(sequence, i)}–{residue_name(sequence, j)}"
    draw(
        head_heatmap(shares.heads, quantity="share of the logit"),
        f"{name}: bias {shares.bias:+.2f} and all heads together {shares.heads.sum():+.2f} make a logit of "
        f"{shares.logit:+.2f}, a probability of {shares.probability:.2f}. The regression is linear: the shares add"
        " up exactly.",
        "shares",
    )
