"""Figures about substitutions: every ratio as a heatmap, ratios against measured scores, and what one is made of."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from core.alphabet import AMINO_ACIDS
from core.analyses.evidence import Estimate, Part
from core.figures.evidence import COLOURS, NAMES
from core.figures.style import CLEAN, EDITED, axes, bars, heatmap, wrapped

ROWS: Final = "GAVLIMCPFWYHKRDENQST"
"""Letters from top to bottom, like beside like: small and greasy, aromatic, positive, negative, polar."""


def ratios(
    values: Float[np.ndarray, "residue amino_acid"],
    sequence: str,
    names: Sequence[str],
    without_evidence: Collection[int] = (),
) -> go.Figure:
    """A column per residue (`names` are read on pointing at it), a row per letter, columns of `values` as AMINO_ACIDS.

    Dots mark the protein's own letters; residues in `without_evidence` (0-based) are hatched.
    """
    places, rows = np.arange(1, len(sequence) + 1), np.arange(len(ROWS))
    shown = values[:, [AMINO_ACIDS.index(letter) for letter in ROWS]].T
    figure = heatmap(shown, list(ROWS), list(map(str, places)), quantity="log ratio (nats)", x="Residue", y="Letter")
    figure.update_traces(
        x=places,
        y=rows,
        customdata=np.array([[f"{name} → {letter}" for name in names] for letter in ROWS]),
        hovertemplate="%{customdata}<br>%{z:.2f} nats<extra></extra>",
    )
    hatched = np.array(sorted(without_evidence), dtype=int)
    if len(hatched):
        pattern = {"shape": "/", "size": 6, "solidity": 0.15, "fgcolor": CLEAN, "bgcolor": "rgba(0,0,0,0)"}
        figure.add_bar(
            x=places[hatched],
            y=np.full(len(hatched), len(ROWS)),
            base=-0.5,
            width=1,
            marker={"color": "rgba(0,0,0,0)", "line": {"width": 0}, "pattern": pattern},
            hoverinfo="skip",
            name="no evidence",
        )
    own = [(place, ROWS.index(letter)) for place, letter in zip(places, sequence, strict=True) if letter in ROWS]
    figure.add_scatter(
        x=[place for place, _ in own],
        y=[row for _, row in own],
        mode="markers",
        marker={"color": CLEAN, "size": 5},
        hoverinfo="skip",
        name="own letter",
    )
    figure.update_layout(showlegend=False, height=470)
    figure.update_xaxes(type="linear", showgrid=False, zeroline=False, range=[0.5, len(sequence) + 0.5])
    ticks = {"tickvals": rows, "ticktext": list(ROWS), "range": [len(ROWS) - 0.5, -0.5]}
    return figure.update_yaxes(type="linear", showgrid=False, zeroline=False, autorange=False, **ticks)


def largest_shown(effects: Float[np.ndarray, " residue"]) -> float:
    """Where a scale of effects ends, either way: what 95% of the residues keep within, so that one doesn't fade all."""
    known = np.abs(effects[~np.isnan(effects)])
    return max(0.01, float(np.quantile(known, 0.95))) if len(known) else 0.01


def measured(
    ratio: Float[np.ndarray, " variants"], score: Float[np.ndarray, " variants"], names: Sequence[str], quantity: str
) -> go.Figure:
    """A point per variant: its ratio against its measured score, which `quantity` names."""
    figure = axes(f"Measured: {quantity}", "Log ratio (nats)").add_scatter(
        x=score,
        y=ratio,
        text=list(names),
        mode="markers",
        marker={"color": EDITED, "size": 8, "opacity": 0.7},
        hovertemplate="%{text}<br>measured %{x:.3g}, ratio %{y:.2f} nats<extra></extra>",
    )
    return figure.update_layout(showlegend=False)


def parts_of_ratio(parts: Mapping[Part, Estimate], total: float) -> go.Figure:
    """A bar per part with its interval, and their sum as the last one."""
    names = [wrapped(name) for name in (*map(NAMES.__getitem__, parts), "together")]
    values = np.array([*(part.mean for part in parts.values()), total])
    spread = np.array([*(part.high - part.mean for part in parts.values()), 0.0])
    colours = [*map(COLOURS.__getitem__, parts), EDITED]
    figure = bars(
        names, {"ratio": values}, colours=colours, x_title="", y_title="Log ratio (nats)", spread={"ratio": spread}
    )
    return figure.update_layout(height=300).add_hline(y=0, line={"color": CLEAN, "width": 1})
