"""Sequence strip, contact map and 3D structure as one component: what is picked in one is marked in all, at once.

The picking happens inside the browser; Python learns of it afterwards, so that the link can hold it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from dashboard.widgets.exchange import Value, component_from, exchange
from dashboard.widgets.linked_view.data import (
    DrawnContact,
    Heat,
    LinkedViewData,
    Palette,
    Pick,
    ResidueValues,
    StructureText,
    payload,
)
from dashboard.widgets.set_up_3dmol import MODULE, is_set_up, set_up_meanwhile

__all__ = ["DrawnContact", "Heat", "LinkedViewData", "Palette", "Pick", "ResidueValues", "StructureText", "linked_view"]

_component = component_from(
    Path(__file__).with_name("view.html"),
    "colours.js",
    "strip.js",
    "map.js",
    "structure.js",
    "pictures.js",
    "view.js",
)


def linked_view(
    data: LinkedViewData,
    *,
    key: str,
    pick: Pick = Pick(),
    on_change: Callable[[Pick], None] | None = None,
) -> Pick:
    """Draws `data` and returns what is picked: what the person has just picked, else `pick`.

    Hand the result back as `pick` on the next run; or keep it in `on_change`, which is called before the page's script,
    and hand in what is kept. The camera stays where the person left it as long as the structure is the same.
    """
    length = len(data.residues)

    def read(value: Value) -> Pick:
        return Pick(_indices(value.get("picked")), _indices(value.get("masked"))).within(length)

    value = exchange(
        _component,
        payload(data, _viewer_url()),
        {"picked": list(pick.residues), "masked": list(pick.masked)},
        key=key,
        on_change=on_change and (lambda value: on_change(read(value))),
    )
    return read(value)


def _indices(value: Any) -> tuple[int, ...]:
    """What a browser says are residues, with everything that isn't a whole number left out."""
    return tuple(index for index in value if type(index) is int) if isinstance(value, list) else ()


def _viewer_url() -> str | None:
    """Where Streamlit serves 3Dmol's module, from where it serves itself; None when that isn't set up, which begins."""
    if is_set_up():
        return f"app/static/{MODULE.name}"
    set_up_meanwhile()
    return None
