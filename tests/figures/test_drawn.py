"""The data of a figure are the values it was made of, under its own titles."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.figures.drawn import drawn
from core.figures.style import EDITED, Curve, bars, curves, head_heatmap, on, panels


def test_a_heatmap_has_a_row_per_cell():
    table = drawn(head_heatmap(np.array([[1.0, 2.0], [3.0, np.nan]]), quantity="effect (logits)"))
    assert list(table.columns) == ["Layer", "Head", "effect (logits)"]
    assert table.to_numpy().tolist() == [["L1", "H1", 1.0], ["L1", "H2", 2.0], ["L2", "H1", 3.0]]


def test_curves_come_with_their_bands_and_bars_with_their_spread():
    x, y = np.array([1, 2]), np.array([0.5, 0.7])
    table = drawn(curves(x, [Curve("gap", y, EDITED, y - 0.1, y + 0.1)], x_title="Step", y_title="Gap (logits)"))
    line = table[table.series == "gap"]
    assert line["Gap (logits)"].tolist() == [0.5, 0.7]
    assert sorted(table[table.series == "gap, band"]["Gap (logits)"].round(6)) == [0.4, 0.6, 0.6, 0.8]
    whiskers = bars(
        ["a"], {"s": np.array([2.0])}, colours={"s": EDITED}, x_title="X", y_title="Y", spread={"s": np.array([0.3])}
    )
    assert drawn(whiskers)[["Y", "Y, up by", "Y, down by"]].to_numpy().tolist() == [[2.0, 0.3, 0.3]]


def test_panels_are_told_apart():
    figure = panels(["left", "right"], "Letter", "Value", 300, columns=2)
    for panel, value in enumerate((1.0, 2.0)):
        figure.add_bar(x=["a"], y=[value], **on(panel))
    table = drawn(figure)
    assert dict(zip(table.panel, table.Value, strict=True)) == {"left": 1.0, "right": 2.0}


def test_nothing_drawn_is_an_empty_table():
    assert drawn(go.Figure()).equals(pd.DataFrame())
