"""What the two components of our own share: how a value that both browser and page can change stays one value."""

from collections.abc import Callable
from typing import Any, Final

import streamlit as st
from plotly.colors import get_colorscale
from streamlit.components.v2.types import ComponentRenderer

from core.figures.style import DIVERGING

_DIVERGING_STOPS: Final = [colour for _, colour in get_colorscale(DIVERGING)]
LOWERS: Final = _DIVERGING_STOPS[1]
"""The colour of a strong negative effect in every figure."""
RAISES: Final = _DIVERGING_STOPS[-2]
"""The colour of a strong positive effect in every figure."""

Value = dict[str, Any]


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

    component(key=key, data={**data, "value": value, "number": number}, on_sent_change=changed)
    return value


def _sent(key: str) -> dict[str, Any] | None:
    """What the browser sent last under `key`: {"number": ..., "value": ...}, or None."""
    state = st.session_state.get(key)
    return state.get("sent") if state else None
