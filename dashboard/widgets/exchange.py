"""What our components share: files, colours, and how a value that browser and page both change stays one value."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import streamlit as st
from plotly.colors import get_colorscale
from streamlit.components.v2 import component
from streamlit.components.v2.types import ComponentRenderer

from core.figures.style import CLEAN, DIVERGING, EDITED, NEAR_MISS, PICKED, RIGHT, TARGET, WRONG

_DIVERGING_STOPS: Final = [colour for _, colour in get_colorscale(DIVERGING)]
COLOURS: Final = {
    "right": RIGHT,
    "near": NEAR_MISS,
    "wrong": WRONG,
    "predicted": EDITED,
    "edited": EDITED,
    "clean": CLEAN,
    "masked": TARGET,
    "picked": PICKED,
    "lowers": _DIVERGING_STOPS[1],
    "raises": _DIVERGING_STOPS[-2],
}
"""The browser's one palette: in its JavaScript `colours`, in its CSS `--right` and so on."""

MEASURED_ON: Final = "measured on"
"""Where the session keeps what its page's numbers were measured on: pictures that are saved say so."""

Value = dict[str, Any]


def component_from(page: Path, *scripts: str) -> ComponentRenderer:
    """A component from an HTML file, the CSS file of its name and scripts beside it, after the files that all share.

    Streamlit takes a component's JavaScript as one text, so the scripts are one module in parts.
    """
    shared = Path(__file__).parent
    return component(
        f"plmscope_{page.parent.name}",
        html=page.read_text(),
        css="\n".join(file.read_text() for file in (shared / "shared.css", page.with_suffix(".css"))),
        js="\n".join(
            file.read_text() for file in (shared / "shared.js", shared / "saving.js", *map(page.with_name, scripts))
        ),
    )


def exchange(
    component: ComponentRenderer,
    data: Value,
    value: Value,
    *,
    key: str,
    on_change: Callable[[Value], None] | None = None,
) -> Value:
    """Mounts a component and gives back its value: what the person has just set, else the page's `value`.

    With `on_change`, which runs before the page's script as Streamlit's callbacks do, the page takes what was set
    there, and its `value` counts at once: so widgets above the component can follow, and a page can refuse.

    The browser numbers what it sends, and is told the number last seen here along with the value; so an answer to an
    older click can't undo a newer one that is still under way.
    """
    sent = _sent(key)
    seen_key = f"{key}: seen"
    number = sent["number"] if sent else 0
    if sent and not on_change and number != st.session_state.get(seen_key):
        value = sent["value"]
    st.session_state[seen_key] = number

    def changed() -> None:
        if on_change and (news := _sent(key)):
            on_change(news["value"])

    source = st.session_state.get(MEASURED_ON, "")
    everything = {**data, "source": source, "colours": COLOURS, "value": value, "number": number}
    component(key=key, data=everything, on_sent_change=changed)
    return value


def _sent(key: str) -> dict[str, Any] | None:
    """What the browser sent last under `key`: {"number": ..., "value": ...}, or None."""
    state = st.session_state.get(key)
    return state.get("sent") if state else None
