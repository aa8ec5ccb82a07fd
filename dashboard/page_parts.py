"""What every page of the circuit lab has around its figures: the question, the paper's values, the data."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import ModuleType

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.navigation.page import StreamlitPage

from core.figures.drawn import drawn
from core.model import Model
from core.paper_values import PAPERS_TARGET, SOURCE, PaperValue
from dashboard.glossary import told_in
from dashboard.question import Question
from dashboard.widgets.pick_cell import Cell, pick_cell
from dashboard.widgets.save_picture import save_picture

BARE = {"displayModeBar": False}


def introduce(question: str, asked: str, shown: str, how_to_read: str) -> None:
    """The page's question as its title, its terms explained on hover, and one paragraph: what is asked, what is shown,
    how to read it."""
    text = f"{asked} {shown} {how_to_read}"
    st.markdown(f"#### {question}", help=told_in(f"{question} {text}") or None)
    st.markdown(text)


def draw(
    figure: go.Figure,
    caption: str,
    key: str,
    data: pd.DataFrame | None = None,
    on_pick: Callable[[Cell], None] | None = None,
) -> None:
    """A figure, the line that says how to read it, and the buttons that save it as a picture and its data as CSV: what
    it draws, or the fuller table `data`. With `on_pick` it is a heatmap whose cells can be clicked."""
    with st.container(key=f"panel {key}", gap="small"):
        st.plotly_chart(figure, key=f"figure: {key}", config=BARE)
        st.caption(caption)
        with st.container(horizontal=True, vertical_alignment="center"):
            save_picture(key)
            download(partial(drawn, figure) if data is None else data, key)
            if on_pick:
                pick_cell(key, on_pick)


def download(table: pd.DataFrame | Callable[[], pd.DataFrame], name: str) -> None:
    """A button that saves a table as CSV, written when it is pressed."""
    st.download_button(
        "Data (CSV)",
        lambda: (table() if callable(table) else table).to_csv(index=False),
        f"{name}.csv",
        "text/csv",
        key=f"download: {name}",
        icon=":material/download:",
        on_click="ignore",
        type="tertiary",
    )


def follows_paper(question: Question) -> bool:
    """Whether the target is the paper's, M at residue 1; said where it isn't, since then none of its values stands."""
    follows = (question.letter, question.residue) == PAPERS_TARGET
    if not follows:
        st.caption(
            f"Beside the paper: not applicable. It follows M at residue 1, this page {question.letter} at residue "
            f"{question.residue + 1}."
        )
    return follows


def beside_paper(question: Question, rows: Sequence[tuple[PaperValue, str]]) -> None:
    """A table of the paper's values for ESM-2 8M beside this model's own, told apart in its header."""
    if not follows_paper(question):
        return
    model = question.model
    here = f"Here: {called(model)}"
    table = pd.DataFrame(
        [(paper.quantity, paper.value, paper.place, ours) for paper, ours in rows],
        columns=["Quantity", f"Paper: {SOURCE}", "Where in the paper", here],
    )
    st.markdown("**Beside the paper**")
    st.table(table, hide_index=True, border="horizontal")  # its lines wrap, so that no column is out of sight
    if model.teaching:
        st.caption("Another model, trained on far fewer proteins: its numbers need not agree with those of ESM-2 8M.")


def called(model: Model) -> str:
    """What a reader calls a model, away from the page that describes it."""
    return "embedded teaching model" if model.teaching else model.name


def about_norms(model: Model) -> str:
    """What a head's |q| and |k| depend on, where the model has LayerNorms on q and k; else nothing."""
    if not model.architecture.qk_norms:
        return ""
    return (
        f" {model.architecture.name} has LayerNorms on q and k over all heads of a layer: a head's |q| depends on the "
        "other heads' too, and what is changed in q or k is changed after them."
    )


def page_of(view: ModuleType) -> StreamlitPage:
    """A page as links to it need it."""
    return st.Page(lambda: None, title=view.TITLE, url_path=view.PATH, default=not view.PATH)


def link_to(
    view: ModuleType, label: str, choices: Mapping[str, str | list[str]], place: DeltaGenerator | None = None
) -> None:
    """A link that opens another page with these choices."""
    (place or st).page_link(page_of(view), label=label, icon=":material/arrow_forward:", query_params=dict(choices))
