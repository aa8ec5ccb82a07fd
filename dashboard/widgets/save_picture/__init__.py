"""The buttons that save the plotly figure of their panel as PNG or SVG, in the browser and without network."""

from pathlib import Path

from dashboard.widgets.exchange import component_from, exchange

_component = component_from(Path(__file__).with_name("save.html"), "save.js")


def save_picture(name: str) -> None:
    """Draws the buttons; the picture has the heading above the figure, its caption, and what it was measured on.

    To be drawn in a container whose key begins with `panel`, beside the figure and its caption.
    """
    exchange(_component, {"name": name}, {}, key=f"save: {name}")
