"""Verdicts and shares drawn: the strip of residues, what one prediction is made of, from how far support comes."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.analyses.evidence import PARTS, Part
from core.figures.style import CLEAN, EDITED, NEAR_MISS, OTHER, PALE, RIGHT, TARGET, Curve, axes, curves
from core.tables import rows

NAMES: Final[Mapping[Part, str]] = {
    "prior": "before anything is read",
    "position": "position (BOS, EOS)",
    "composition": "composition",
    "order": "order: evidence",
    "copying": "copying",
}
COLOURS: Final[Mapping[Part, str]] = {
    "prior": CLEAN,
    "position": TARGET,
    "composition": OTHER[1],
    "order": RIGHT,
    "copying": OTHER[0],
}
VERDICT_COLOURS: Final[Mapping[str, str]] = {
    "evidence": COLOURS["order"],
    "copied": COLOURS["copying"],
    "position": COLOURS["position"],
    "composition": COLOURS["composition"],
    "competition": EDITED,
    "unsettled": NEAR_MISS,
    "none": PALE,
}


def stacked_shares(table: pd.DataFrame, label: str) -> go.Figure:
    """One stacked bar a row, named by the column `label`: what adds to the log-odds to the right, what takes to the
    left; with `<part>_low` and `<part>_high` in the table, they are read on hovering."""
    figure = axes("Log-odds (nats)", "", 130 + 46 * len(table))
    for part in PARTS:
        ends = [f"{part}_{end}" if f"{part}_{end}" in table else part for end in ("low", "high")]
        figure.add_bar(
            y=table[label].tolist(),
            x=table[part].to_numpy(dtype=float),
            customdata=table[ends].to_numpy(dtype=float),
            orientation="h",
            name=NAMES[part],
            marker={"color": COLOURS[part]},
            hovertemplate=NAMES[part] + ": %{x:+.2f} (%{customdata[0]:.2f} to %{customdata[1]:.2f})<extra></extra>",
        )
    figure.add_vline(x=0, line={"color": CLEAN, "width": 1})
    figure.update_layout(barmode="relative", margin={"t": 70, "l": 90})
    return figure.update_yaxes(autorange="reversed", type="category")


def verdict_strip(strip: pd.DataFrame, names: Sequence[str], said: Mapping[str, str]) -> go.Figure:
    """A bar per residue: its height is the surprise at the protein's own letter, its colour the verdict on what the
    model predicts there. `names` are what people call the residues, `said` the verdicts in words."""
    figure = axes("Residue", "Surprise at the own letter (nats)", 300)
    for verdict, colour in VERDICT_COLOURS.items():
        chosen = strip[strip.verdict == verdict]
        if chosen.empty:
            continue
        figure.add_bar(
            x=chosen.residue + 1,
            y=chosen.surprise,
            name=said[verdict],
            marker={"color": colour},
            width=0.9,
            customdata=np.stack([[names[at] for at in chosen.residue], chosen.top, chosen.p_top.round(2)], axis=1),
            hovertemplate="%{customdata[0]}: surprise %{y:.2f}; predicts %{customdata[1]} (P %{customdata[2]})"
            f"<br>{said[verdict]}<extra></extra>",
        )
    return figure.update_layout(barmode="overlay", bargap=0.05, margin={"t": 60})


def distance_ladder(table: pd.DataFrame, letters: Mapping[str, str]) -> go.Figure:
    """Log-odds of letters with only what is near, and only what is far, in its real place; `letters` says which
    colour each has. `table` has columns letter, kept (near or far), window, log_odds, low, high."""
    windows = sorted(table.window.unique())
    lines = []
    for letter, colour in letters.items():
        for kept, dash in (("near", "solid"), ("far", "dot")):
            chosen = rows(table, letter=letter, kept=kept).sort_values(by="window")
            y, low, high = (chosen[name].to_numpy(dtype=float) for name in ("log_odds", "low", "high"))
            lines.append(Curve(f"{letter}, {kept} only", y, colour, low, high, dash))
    figure = curves(
        np.array(windows), lines, x_title="Window (residues on each side)", y_title="Log-odds (nats)", zero_line=True
    )
    return figure.update_xaxes(type="log", tickvals=windows, ticktext=[str(w) for w in windows]).update_layout(
        height=300
    )
