"""Clicks on the cells of a panel's heatmap, which Streamlit's own selection leaves out."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from dashboard.widgets.exchange import Value, component_from, exchange

_component = component_from(Path(__file__).with_name("pick.html"), "pick.js")


class Cell(NamedTuple):
    """Where a heatmap was clicked, on its own axes."""

    column: int
    row: str


def pick_cell(name: str, on_pick: Callable[[Cell], None]) -> None:
    """Listens to clicks on the panel's heatmap, whose x counts columns from 0 and whose y has names, and says so.

    `on_pick` runs before the page's script does. To be drawn in a container whose key begins with `panel`, beside the
    figure.
    """

    def take(value: Value) -> None:
        match value:
            case {"column": int(column), "row": str(row)}:
                on_pick(Cell(column, row))

    exchange(_component, {}, {}, key=f"pick: {name}", on_change=take)
