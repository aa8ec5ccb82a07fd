"""Arrow keys that press two buttons of the page, whatever has the focus."""

from pathlib import Path

from streamlit.components.v2 import component

_component = component("plmscope_turn_pages", js=Path(__file__).with_name("turn.js").read_text())


def turn_pages(back: str, on: str) -> None:
    """← presses the button whose key is `back`, → the one whose key is `on`, save where a text is being typed."""
    _component(key="turn pages", data={"ArrowLeft": f".st-key-{back} button", "ArrowRight": f".st-key-{on} button"})
