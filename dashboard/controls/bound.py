"""Widgets bound to the address, so that the same link shows the same choices; a value it can't hold is the default."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.session import plain

Number = TypeVar("Number", int, float)
Option = TypeVar("Option")
Options = Mapping[Option, str] | Sequence[Option]
"""What can be chosen, or what can be chosen with what people read."""
WIDTH: Final = 170
"""Of a control beside others, in CSS pixels: five fit a laptop's row, and a narrow window wraps them."""


def select(label: str, options: Options[Option], key: str, place: DeltaGenerator | None = None, **look: Any) -> Option:
    """One of `options`, in a select box; drawn in `place` or where the page is."""
    return (place or st).selectbox(label, **_listed(options), key=key, bind="query-params", **look)


def linked(what: str, label: str, options: Options[Option], key: str, **look: Any) -> Option:
    """`select`, for what a link may name and this machine may lack: then a line says so, and the page stops.

    The address stays as it is until another of `options` is chosen, so the link still serves where `what` is.
    """
    shown = dict(options) if isinstance(options, Mapping) else {option: str(option) for option in options}
    asked = st.query_params.get(key)
    if asked is not None and asked not in shown.values() and key not in st.session_state:
        st.error(plain(f"The link asks for the {what} “{asked}”, which is not here. The address is kept."))
        chosen = st.selectbox(f"Another {what}", list(shown), None, shown.__getitem__, key=f"{key} instead")
        if chosen is None:
            st.stop()
        st.session_state[key] = chosen
        st.query_params[key] = shown[chosen]
        st.rerun()
    return select(label, options, key, **look)


def switch(label: str, options: Options[Option], key: str, place: DeltaGenerator | None = None, **look: Any) -> Option:
    """One of a few `options` side by side, the first until another is chosen."""
    listed = _listed(options)
    look = {"default": listed["options"][0]} | look
    return (place or st).segmented_control(label, **listed, key=key, bind="query-params", required=True, **look)


def several(
    label: str, options: Options[Option], key: str, place: DeltaGenerator | None = None, **look: Any
) -> list[Option]:
    """Any number of `options`."""
    return (place or st).multiselect(label, **_listed(options), key=key, bind="query-params", **look)


def toggle(label: str, key: str, place: DeltaGenerator | None = None, **look: Any) -> bool:
    """Yes or no."""
    return (place or st).toggle(label, key=key, bind="query-params", **look)


def number(
    label: str, low: Number, high: Number, value: Number, key: str, place: DeltaGenerator | None = None, **look: Any
) -> Number:
    """A number of the kind that `value` is, both ends included."""
    return type(value)((place or st).number_input(label, low, high, value, key=key, bind="query-params", **look))


def slider(label: str, low: int, high: int, value: int, key: str, place: DeltaGenerator | None = None, **look) -> int:
    """A whole number, both ends included, on a slider."""
    return int((place or st).slider(label, low, high, value, key=key, bind="query-params", **look))


def text(label: str, key: str, place: DeltaGenerator | None = None, **look: Any) -> str:
    """One line of text."""
    return (place or st).text_input(label, key=key, bind="query-params", **look) or ""


def lines(label: str, key: str, place: DeltaGenerator | None = None, **look: Any) -> str:
    """Several lines of text."""
    return (place or st).text_area(label, key=key, bind="query-params", **look) or ""


def _listed(options: Options) -> dict[str, Any]:
    if isinstance(options, Mapping):
        return {"options": list(options), "format_func": options.__getitem__}
    return {"options": list(options)}
