"""Which heads know contacts?"""

from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from core.analyses.head_ranking import load_ranking, rank_heads, ranking_bytes
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
from dashboard.script import ROWS, Call, Expression, Script, loading
from dashboard.session import plain
from dashboard.take_away import offer_script
from dashboard.views.contacts.methods import MadeRanking, keep_ranking, made_ranking

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
        proteins = chosen.proteins
        if st.button("Rank all heads", type="primary", disabled=not proteins):
            ranked = engine.computed(
                ("ranking", model.fingerprint, tuple(proteins.items())),
                lambda progress: rank_heads(model, proteins, progress),
                f"Ranking heads on {len(proteins)} proteins",
                engine.HEAVY_FROM,
            )
            keep_ranking(ranked, Call(rank_heads, (loading(model), chosen.written)))
        file = st.file_uploader(
            "Or load one (head_ranking.json, saved here or by the contacts experiment)", type="json", key="ranking file"
        )
        if file is not None and st.button("Use this ranking"):
            made = Call(load_ranking, (loading(model), Call(Path, (file.name,))))
            keep_ranking(load_ranking(model, checked_upload(file)), made)
    found = made_ranking(model)
    with answer:
        if found is None:
            st.info(
                f"The heads of {plain(model.name)} are not ranked yet: rank them on proteins with structures, below."
            )
        else:
            _show(found)


def _show(found: MadeRanking) -> None:
    ranking = found.ranking
    with st.container(horizontal=True, vertical_alignment="bottom"):
        separation = bound.switch("Range", RANGES, "range")
        offer_script(_script(found, separation))
    heat, sweep = st.columns([3, 2], gap="medium")
    with heat:
        draw(
            head_heatmap(ranking.grid(separation), **_look(separation)),
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
        download(ranking.table(separation), "head-ranking")
        st.download_button(
            "Save the ranking",
            ranking_bytes(ranking),
            path.name if (path := ranking_file(ranking.model)) else "head_ranking.json",
            icon=":material/download:",
            on_click="ignore",
            help="Beside the model's weights under this name, it is in use whenever that model is.",
        )


def _script(found: MadeRanking, separation: Range) -> Script:
    """Prints the best heads, and draws them all."""
    grid = Call(head_heatmap, (Expression(f"found.grid({separation!r})"),), _look(separation))
    printed = (f"found.table({separation!r}).head({ROWS}).to_string()",)
    return Script(f"Contact heads of {found.ranking.model}", {"found": found.made}, printed, grid)


def _look(separation: Range) -> dict[str, Any]:
    return {"quantity": f"P@L/2, {separation}", "diverging": False}
