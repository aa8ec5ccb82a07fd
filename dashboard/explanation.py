"""What every page of the circuit lab has around its figures: the question, the paper's values, the data."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.model import Esm2
from core.paper_values import SOURCE, PaperValue

BARE = {"displayModeBar": False}


def introduce(question: str, asked: str, shown: str, how_to_read: str) -> None:
    """The page's question as its title, and one paragraph: what is asked, what is shown, how to read it."""
    st.markdown(f"#### {question}")
    st.markdown(f"{asked} {shown} {how_to_read}")


def draw(figure: go.Figure, caption: str, key: str) -> None:
    """A figure and the line that says how to read it."""
    st.plotly_chart(figure, key=f"figure: {key}", config=BARE)
    st.caption(caption)


def download(table: pd.DataFrame, name: str) -> None:
    """A button that saves the figure's data as CSV."""
    st.download_button(
        "Data (CSV)",
        table.to_csv(index=False),
        f"{name}.csv",
        "text/csv",
        key=f"download: {name}",
        icon=":material/download:",
        on_click="ignore",
    )


def beside_paper(model: Esm2, rows: Sequence[tuple[PaperValue, str]]) -> None:
    """A table of the paper's values for ESM-2 8M beside this model's own, told apart in its header."""
    here = f"Here: {'embedded teaching model' if model.teaching else model.name}"
    table = pd.DataFrame(
        [(paper.quantity, paper.value, paper.place, ours) for paper, ours in rows],
        columns=["Quantity", f"Paper: {SOURCE}", "Where in the paper", here],
    )
    st.markdown("**Beside the paper**")
    st.table(table, hide_index=True, border="horizontal")  # its lines wrap, so that no column is out of sight
    if model.teaching:
        st.caption("Another, much smaller model: its numbers need not agree with those of ESM-2 8M.")
