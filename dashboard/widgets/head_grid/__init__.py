"""The head grid: every head and module of the model as one picture, to read its effect and to switch it off."""

from collections.abc import Callable
from pathlib import Path

from dashboard.widgets.exchange import component_from, exchange
from dashboard.widgets.head_grid.data import HeadChoice, HeadGridData, from_cells, payload, to_cells

__all__ = ["HeadChoice", "HeadGridData", "head_grid"]

_component = component_from(Path(__file__).with_name("grid.html"), "picture.js", "grid.js")


def head_grid(
    data: HeadGridData,
    *,
    key: str,
    choice: HeadChoice = HeadChoice(),
    on_change: Callable[[HeadChoice], None] | None = None,
) -> HeadChoice:
    """Draws `data` and returns what is chosen: what the person has just chosen, else `choice`.

    Hand the result back as `choice` on the next run; or keep it in `on_change`, which is called before the page's
    script, and hand in what is kept.
    """
    n_layers, n_heads = data.heads.shape
    value = exchange(
        _component,
        payload(data),
        to_cells(choice, n_heads),
        key=key,
        on_change=on_change and (lambda value: on_change(from_cells(value, n_layers, n_heads))),
    )
    return from_cells(value, n_layers, n_heads)
