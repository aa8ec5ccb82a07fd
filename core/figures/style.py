"""How every figure of the project looks: one colour per meaning, one layout, and the few shapes most figures share."""

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any, Final, NamedTuple

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Real

CLEAN: Final = "#999999"
EDITED: Final = "#0072B2"
TARGET: Final = "#E69F00"
RIGHT: Final = "#009E73"
WRONG: Final = "#D55E00"
NEAR_MISS: Final = "#F0E442"
AT_START: Final = "#56B4E9"
INSIDE: Final = "#7B5EA7"
"""Two runs of one protein: its first residue masked, or one inside it."""
OTHER: Final = ("#CC79A7", "#A6761D", "#66A61E")
"""For what carries none of the meanings above; like them, seen on a white page and on a dark one."""

PICKED: Final = OTHER[0]
"""What the person has picked, wherever it is drawn."""

SIDE_A: Final = OTHER[0]
SIDE_B: Final = OTHER[2]
"""Two sides of a comparison."""

PALE: Final = "#CCCCCC"
"""For what has nothing to say: paler than the rest also to people who see no red or no green."""

WHISKER: Final = "#777777"
"""Of intervals: seen on a white page, on a dark one, and on most bars."""

WIDEST_LABEL: Final = 12
"""Letters of a heatmap's label on one line: longer ones would meet in a narrow window."""

DIVERGING: Final = "RdBu_r"
"""Effects, centred at zero: blue lowers, red raises."""
SEQUENTIAL: Final = "Blues"
"""Amounts that start at zero, such as attention."""

_LINES: Final = {"gridcolor": "#EBF0F8", "linecolor": "#EBF0F8", "zerolinecolor": "#EBF0F8", "zerolinewidth": 2}
_AXIS: Final = {**_LINES, "ticks": "", "automargin": True, "title": {"standoff": 15}}
_COLOURBAR: Final = {"outlinewidth": 0, "ticks": ""}
TEMPLATE: Final = {
    "layout": {
        "font": {"color": "#2a3f5f"},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "hovermode": "closest",
        "hoverlabel": {"align": "left"},
        "title": {"x": 0.05},
        "coloraxis": {"colorbar": _COLOURBAR},
        "xaxis": _AXIS,
        "yaxis": _AXIS,
    },
    "data": {"heatmap": [{"type": "heatmap", "colorbar": _COLOURBAR}]},
}
"""Of every figure. Plotly's own templates have 7 KB: copying one was most of the time that drawing took."""


class Curve(NamedTuple):
    """One line of `curves`, with the spread drawn as a band around it where there is one."""

    name: str
    y: Float[np.ndarray, " x"]
    colour: str
    low: Float[np.ndarray, " x"] | None = None
    high: Float[np.ndarray, " x"] | None = None
    dash: str = "solid"


def axes(x: str, y: str, height: int = 360, **layout: Any) -> go.Figure:
    """An empty figure to add traces to, with axis titles (give the unit in them) and its legend above the plot.

    `layout` adds to plotly's: what is known at the start is said here, since every update of a figure takes longer than
    a trace does.
    """
    usual = {
        "template": TEMPLATE,
        "height": height,
        "margin": {"l": 60, "r": 20, "t": 40, "b": 50},
        "font": {"family": "system-ui, sans-serif", "size": 13},
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0},
        "xaxis": {"title": {"text": x}},
        "yaxis": {"title": {"text": y}},
    }
    merged = {key: usual.get(key, {}) | value if isinstance(value, dict) else value for key, value in layout.items()}
    return go.Figure(layout=usual | merged)


def panels(
    titles: Sequence[str], x: str, y: str, height: int, *, columns: int = 1, below: float = 0.5, **layout: Any
) -> go.Figure:
    """`axes` several times in one figure, row by row, a title above each; a trace is drawn on those of `on(panel)`.

    `below` is the room for ticks and titles between rows, as a share of a row. Titles and `xaxis` and `yaxis` in
    `layout` are every panel's; `xaxis2` is the second's own.
    """
    own = {"xaxis": {"title": {"text": x}}, "yaxis": {"title": {"text": y}}}
    each = {axis: own[axis] | layout.pop(axis, {}) for axis in own}
    notes = []
    for number, title in enumerate(titles):
        for axis, settings in each.items():
            name = f"{axis}{number + 1}" if number else axis
            layout[name] = settings | layout.get(name, {})
        at = {f"{axis}ref": f"{place} domain" for axis, place in zip("xy", on(number).values(), strict=True)}
        notes.append({"text": title, "x": 0.5, "y": 1, "yanchor": "bottom", "showarrow": False, **at})
    grid = {"rows": -(-len(titles) // columns), "columns": columns, "pattern": "independent"}
    return axes(x, y, height, grid=grid | {"xgap": 0.25, "ygap": below}, annotations=notes, **layout)


def on(panel: int) -> dict[str, str]:
    """The axes of one of `panels`, counted from 0, as a trace names them."""
    number = panel + 1 if panel else ""
    return {"xaxis": f"x{number}", "yaxis": f"y{number}"}


def layer_labels(n_layers: int) -> list[str]:
    """What people call the layers: L1 is the first."""
    return [f"L{layer + 1}" for layer in range(n_layers)]


def head_labels(n_heads: int) -> list[str]:
    """What people call the heads within a layer: H1 is the first."""
    return [f"H{head + 1}" for head in range(n_heads)]


def heatmap(
    values: Float[np.ndarray, "rows columns"],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    quantity: str,
    x: str,
    y: str,
    diverging: bool = True,
    most: float | None = None,
) -> go.Figure:
    """A labelled heatmap, first row on top; `quantity` (with its unit) names the colour.

    Diverging scales are centred at zero and symmetric, so that the same colour is the same size of effect either way.
    They end at the largest value, or at `most`.
    """
    largest = most or float(np.nanmax(np.abs(values), initial=0.0)) or 1.0
    height = 120 + max(200, 26 * len(rows))
    figure = axes(x, y, height, xaxis={"type": "category"}, yaxis={"type": "category", "autorange": "reversed"})
    return figure.add_heatmap(
        z=values,
        x=[wrapped(column) for column in columns],
        y=[wrapped(row) for row in rows],
        colorscale=DIVERGING if diverging else SEQUENTIAL,
        zmin=-largest if diverging else 0.0,
        zmax=largest,
        colorbar={"title": {"text": quantity, "side": "right"}},
        hovertemplate="%{y} %{x}<br>" + quantity + " %{z:.3f}<extra></extra>",
    )


def wrapped(label: str, width: int = WIDEST_LABEL) -> str:
    """A label on as many lines of `width` letters as it takes."""
    return "<br>".join(wrap(label, width, break_long_words=False))


def head_heatmap(
    values: Float[np.ndarray, "layer head"], *, quantity: str, diverging: bool = True, most: float | None = None
) -> go.Figure:
    """One cell per head, layers downwards: `values[layer, head]` under the names people read (L6H8).

    Colours end at the largest value, or at `most`.
    """
    n_layers, n_heads = values.shape
    return heatmap(
        values,
        layer_labels(n_layers),
        head_labels(n_heads),
        quantity=quantity,
        x="Head",
        y="Layer",
        diverging=diverging,
        most=most,
    )


def curves(
    x: Real[np.ndarray, " x"],
    lines: Sequence[Curve],
    *,
    x_title: str,
    y_title: str,
    zero_line: bool = False,
    **layout: Any,
) -> go.Figure:
    """Lines over one axis, each in its band where one is given; `zero_line` marks y = 0, `layout` goes to `axes`."""
    figure = axes(x_title, y_title, **layout)
    for line in lines:
        if line.low is not None and line.high is not None:
            figure.add_scatter(
                x=np.concatenate([x, x[::-1]]),
                y=np.concatenate([line.high, line.low[::-1]]),
                mode="lines",  # plotly marks the corners of short bands otherwise
                fill="toself",
                fillcolor=translucent(line.colour),
                line={"width": 0},
                hoverinfo="skip",
                showlegend=False,
                legendgroup=line.name,
            )
        figure.add_scatter(
            x=x,
            y=line.y,
            mode="lines+markers",
            name=line.name,
            legendgroup=line.name,
            line={"color": line.colour, "dash": line.dash},
            marker={"size": 5},
        )
    if zero_line:
        figure.add_hline(y=0, line={"color": CLEAN, "width": 1})
    return figure


def bars(
    labels: Sequence[str],
    series: Mapping[str, Float[np.ndarray, "bars"]],
    *,
    colours: Mapping[str, str] | Sequence[str],
    x_title: str,
    y_title: str,
    spread: Mapping[str, Float[np.ndarray, "bars"]] | None = None,
) -> go.Figure:
    """Bars side by side, one group per label and one bar per series, with ± `spread` where it is given.

    `colours` maps a series to its colour; where there is one series, it may instead give every bar its own.
    """
    figure = axes(x_title, y_title, barmode="group", showlegend=len(series) > 1)
    for name, values in series.items():
        figure.add_bar(
            x=list(labels),
            y=values,
            name=name,
            marker={"color": colours[name] if isinstance(colours, Mapping) else list(colours)},
            error_y={"type": "data", "array": spread[name], "color": WHISKER} if spread and name in spread else None,
        )
    return figure


def translucent(colour: str, opacity: float = 0.2) -> str:
    """A hex colour as CSS rgba(), for bands behind lines."""
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"
