"""The button that copies a link to what is shown; a long one is compressed into the address's fragment, and opened."""

from pathlib import Path

from dashboard.widgets.exchange import component_from, exchange

_component = component_from(Path(__file__).with_name("link.html"), "link.js")


def copy_link(go_to: str = "") -> None:
    """Draws the button; where the page was opened by a compressed link, the browser goes to the whole address, or to
    the address `go_to`, from this page's."""
    exchange(_component, {"go_to": go_to}, {}, key="copy link")
