"""Widgets bound to the address, so that the same link shows the same choices; a value it can't hold is the default."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

Number = TypeVar("Number", int, float)
Option = TypeVar("Option")
Options = Mapping[Option, str] | Sequence[Option]
"""What can be chosen, or what can be chosen with what people read."""
WIDTH: Final = 170
"""Of a control beside others, in CSS pixels: five fit a laptop's row, and a narrow window wraps them."""


def select(label: str, options: Options[Option], key: str, place: DeltaGenerator | None = None, **look: Any) -> Option:
    """One of `options`, in a select box; drawn in `place` or where the page is."""
    return (place or st).selectbox(label, **_listed(options), key=key, bind="query-params", **look)


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
