"""What a figure draws, as a table: a row per bar, point or cell."""

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

Trace = Any
"""A bar, scatter or heatmap: plotly's classes tell a type checker nothing of their attributes."""


def drawn(figure: go.Figure) -> pd.DataFrame:
    """Every value that a figure of bars, curves and heatmaps shows, under the titles of its axes, in its units.

    `series` is the legend's name where there are several, `panel` the title of the part of the figure where it has
    several. What is drawn as missing has no row.
    """
    tables = [_of(figure, trace).assign(panel=_panel(figure, trace)) for trace in figure.data]
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    constant = [name for name in ("series", "panel") if name in table and len(set(table[name])) < 2]
    return table.drop(columns=constant).dropna(axis="columns", how="all")


def _of(figure: go.Figure, trace: Trace) -> pd.DataFrame:
    x, y = (_title(figure, trace, axis) for axis in "xy")
    if isinstance(trace, go.Heatmap):
        return _cells(figure, trace, x, y)
    is_band = trace.hoverinfo == "skip" and getattr(trace, "fill", None) == "toself"
    name = f"{trace.legendgroup}, band" if is_band else trace.name
    columns = {"series": name, x: _plain(trace.x), y: _plain(trace.y)}
    if trace.text is not None and not isinstance(trace.text, str):
        columns["label"] = _plain(trace.text)
    for axis, title in (("x", x), ("y", y)):
        error = getattr(trace, f"error_{axis}", None)
        if error is not None and error.array is not None:
            columns[f"{title}, up by"] = error.array
            columns[f"{title}, down by"] = error.array if error.arrayminus is None else error.arrayminus
    return pd.DataFrame(columns).dropna(subset=[x, y])


def _cells(figure: go.Figure, trace: go.Heatmap, x: str, y: str) -> pd.DataFrame:
    values = np.asarray(trace.z, dtype=float)
    colorbar: Any = figure.layout[trace.coloraxis].colorbar if trace.coloraxis else trace.colorbar
    quantity = colorbar.title.text or "value"
    rows, columns = (
        np.arange(size) if names is None else np.asarray(_plain(names))
        for names, size in zip((trace.y, trace.x), values.shape, strict=True)
    )
    table = {y: np.repeat(rows, len(columns)), x: np.tile(columns, len(rows)), quantity: values.ravel()}
    return pd.DataFrame({"series": trace.name, **table}).dropna(subset=[quantity])


def _title(figure: go.Figure, trace: Trace, axis: str) -> str:
    """An axis's title, or else that of the figure's first such axis, or else the axis's letter."""
    own = figure.to_dict()["layout"].get(_axis(trace, axis), {}).get("title", {}).get("text")
    return _line(own or axis)


def _axis(trace: Trace, axis: str) -> str:
    return f"{axis}axis{(trace[f'{axis}axis'] or axis)[1:]}"


def _panel(figure: go.Figure, trace: Trace) -> str | None:
    """The title above a trace's own axes: a note there, as `core.figures.style.panels` writes them."""
    own = f"{trace.yaxis or 'y'} domain"
    return next((_line(note.text) for note in figure.layout.annotations if note.yref == own), None)


def _plain(values) -> list:
    """Labels without their line breaks, numbers as they are."""
    return [_line(value) if isinstance(value, str) else value for value in values]


def _line(text: str) -> str:
    return text.replace(",<br>", ", ").replace("<br>", " ")
