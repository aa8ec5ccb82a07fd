"""Which heads know contacts?"""

import numpy as np
import pandas as pd
import streamlit as st

from core.analyses.head_ranking import HeadRanking, load_ranking, rank_heads, ranking_bytes
from core.errors import InputError
from core.figures.contacts import k_sweep
from core.figures.style import head_heatmap
from core.model_files import ranking_file
from core.proteins.contact_scores import SEPARATIONS, Range, reach
from core.proteins.moved_contacts import MOVED_SAID
from dashboard import engine
from dashboard.controls import bound
from dashboard.controls.labelled_set import choose_contact, choose_labelled
from dashboard.controls.uploads import checked_upload
from dashboard.page_parts import download, draw, introduce
from dashboard.question import Question, stop_with
from dashboard.session import plain
from dashboard.views.contacts.methods import keep_ranking, ranking_of

TITLE, PATH, MASKS = "Contact heads", "contact-heads", False

RANGES: dict[Range, str] = {each: f"{each} ({reach(each)} apart)" for each in reversed(SEPARATIONS)}


def page(question: Question) -> None:
    introduce(
        "Which heads know contacts?",
        "Do heads look from a residue to those that it touches in the fold? In ESM-2 a paper finds contacts in a small "
        "number of heads. Is it so in this model, and how many to average?",
        "Every head's own map is counted against structures, and beside it the best of as many chance heads; then the "
        "best 1, 2, 3 … are averaged.",
        "Darker cells find more contacts. The best of many heads is above blind picking by selection alone: only what "
        "is above the best chance head says anything.",
    )
    try:
        _ranking(question)
    except InputError as error:
        stop_with(error)


def _ranking(question: Question) -> None:
    model = question.model
    answer = st.container()
    with st.expander("Rank the heads on proteins of your choice"):
        chosen = choose_labelled(choose_contact(), at_first=10)
        if st.button("Rank all heads", type="primary", disabled=not chosen):
            made = engine.computed(
                ("ranking", model.fingerprint, tuple(chosen.items())),
                lambda progress: rank_heads(model, chosen, progress),
                f"Ranking heads on {len(chosen)} proteins",
                engine.HEAVY_FROM,
            )
            keep_ranking(made)
        file = st.file_uploader(
            "Or load one (head_ranking.json, saved here or by the contacts experiment)", type="json", key="ranking file"
        )
        if file is not None and st.button("Use this ranking"):
            keep_ranking(load_ranking(model, checked_upload(file)))
    ranking = ranking_of(model)
    with answer:
        _show(ranking, model.name)


def _show(ranking: HeadRanking | None, name: str) -> None:
    if ranking is None:
        st.info(f"The heads of {plain(name)} are not ranked yet: rank them on proteins with structures, below.")
        return
    separation = bound.switch("Range", RANGES, "range")
    heat, sweep = st.columns([3, 2], gap="medium")
    with heat:
        draw(
            head_heatmap(ranking.grid(separation), quantity=f"P@L/2, {separation}", diverging=False),
            f"P@L/2 of each head's own map. {ranking.finding(separation)}",
            "ranking",
        )
    with sweep:
        draw(
            k_sweep(np.array(ranking.k_sweep), ranking.chance["long"]),
            f"Best at K = {ranking.best_k}, on the very proteins that the heads were chosen on: on others it is lower.",
            "sweep",
        )
    st.caption(
        f"{MOVED_SAID} How many heads share what is above chance is the exponential of the entropy of their shares: 1 "
        "would be one head alone."
    )
    st.caption(plain(f"Proteins: {', '.join(ranking.proteins)}. Contact: {ranking.definition}."))
    with st.container(horizontal=True):
        download(_table(ranking, separation), "head-ranking")
        st.download_button(
            "Save the ranking",
            ranking_bytes(ranking),
            path.name if (path := ranking_file(ranking.model)) else "head_ranking.json",
            icon=":material/download:",
            on_click="ignore",
            help="Beside the model's weights under this name, it is in use whenever that model is.",
        )


def _table(ranking: HeadRanking, separation: Range) -> pd.DataFrame:
    grid = ranking.grid(separation)
    return pd.DataFrame(
        [(head.layer, head.index, str(head), grid[head.layer, head.index]) for head in ranking.heads(None, separation)],
        columns=["layer", "head", "name", f"P@L/2 {separation}"],
    )
