"""Figures about contacts: which heads see them, how precise each method is, and which of two methods is better."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Bool, Float, Int

from core.figures.style import (
    CLEAN,
    DIVERGING,
    EDITED,
    OTHER,
    RIGHT,
    SEQUENTIAL,
    TARGET,
    Curve,
    curves,
    styled,
)

PALETTE = (EDITED, TARGET, *OTHER, "#F0E442", "#0B6E4F")


class Interval(NamedTuple):
    """A mean and where its interval begins and ends."""

    mean: float
    low: float
    high: float


def method_bars(values: Mapping[str, Mapping[str, Interval]], chance: Mapping[str, float], quantity: str) -> go.Figure:
    """Bars by group (contacts' separation, say) and method, with intervals; chance is a grey line in each group."""
    figure = go.Figure()
    groups = list(chance)
    for (method, by_group), colour in zip(values.items(), colours(values).values(), strict=True):
        shown = [by_group[group] for group in groups]
        figure.add_bar(
            x=groups,
            y=[interval.mean for interval in shown],
            name=method,
            marker={"color": colour},
            error_y={
                "type": "data",
                "array": [interval.high - interval.mean for interval in shown],
                "arrayminus": [interval.mean - interval.low for interval in shown],
                "thickness": 1,
            },
            hovertemplate="%{x}, " + method + ": %{y:.3f}<extra></extra>",
        )
    for place, group in enumerate(groups):
        figure.add_shape(
            type="line",
            x0=place - 0.45,
            x1=place + 0.45,
            y0=chance[group],
            y1=chance[group],
            line={"color": CLEAN, "dash": "dash", "width": 2},
            name="chance",
            showlegend=place == 0,
        )
    figure = styled(figure, "Separation of the two residues", quantity)
    return figure.update_layout(barmode="group").update_yaxes(rangemode="tozero")


def colours(methods: Mapping[str, object] | Sequence[str]) -> dict[str, str]:
    """A colour for each method, the same in every figure that shows them in one order."""
    return {method: PALETTE[place % len(PALETTE)] for place, method in enumerate(methods)}


def k_sweep(chosen_on: Float[np.ndarray, "k"], judged: Sequence[Interval], chance: float) -> go.Figure:
    """Precision by how many heads are averaged: on the proteins that chose them, and on others with an interval."""
    k = np.arange(1, len(chosen_on) + 1)
    mean, low, high = np.array(judged).T
    lines = [
        Curve("proteins that chose the heads", chosen_on, CLEAN, dash="dot"),
        Curve("other proteins", mean, EDITED, low, high),
        Curve("chance", np.full(len(k), chance), CLEAN, dash="dash"),
    ]
    return curves(k, lines, x_title="Heads averaged, K", y_title="P@L/2, long range").update_yaxes(rangemode="tozero")


def best_heads(names: Sequence[str], precision: Float[np.ndarray, "head"], chance: float) -> go.Figure:
    """The best single heads, best first, with chance as a line."""
    figure = go.Figure(go.Bar(x=list(names), y=precision, marker={"color": EDITED}))
    figure.add_hline(y=chance, line={"color": CLEAN, "dash": "dash"}, annotation_text="chance")
    return styled(figure, "Head, best first", "P@L/2, long range", height=300)


def precision_recall(
    recall: Float[np.ndarray, "recall"], methods: Mapping[str, Sequence[Interval]], chance: float
) -> go.Figure:
    """Precision against recall, averaged over proteins, with intervals as bands."""
    lines = []
    for (method, intervals), colour in zip(methods.items(), colours(methods).values(), strict=True):
        mean, low, high = np.array(intervals).T
        lines.append(Curve(method, mean, colour, low, high))
    lines.append(Curve("chance", np.full(len(recall), chance), CLEAN, dash="dash"))
    figure = curves(recall, lines, x_title="Recall (share of long-range contacts found)", y_title="Precision")
    return figure.update_traces(mode="lines").update_xaxes(range=[0, 1]).update_yaxes(rangemode="tozero")


def win_rates(methods: Sequence[str], rate: Float[np.ndarray, "first second"], n: Int[np.ndarray, "first second"]):
    """How often the method of a row beats that of a column (ties count half): blue loses, red wins."""
    figure = go.Figure(
        go.Heatmap(
            z=rate,
            x=list(methods),
            y=list(methods),
            customdata=n,
            colorscale=DIVERGING,
            zmin=0,
            zmax=1,
            texttemplate="%{z:.0%}",
            colorbar={"title": {"text": "share of proteins won", "side": "right"}, "tickformat": ".0%"},
            hovertemplate="%{y} beats %{x} in %{z:.1%} of %{customdata} proteins<extra></extra>",
        )
    )
    figure = styled(figure, "… beats this one", "This method …", height=160 + 45 * len(methods))
    return figure.update_yaxes(autorange="reversed", automargin=True).update_xaxes(automargin=True)


def contact_map(
    predicted: Float[np.ndarray, "residue residue"],
    contacts: Bool[np.ndarray, "residue residue"] | None,
    quantity: str,
) -> go.Figure:
    """A predicted map above the diagonal, the structure's contacts below it in green; every residue counted from 1."""
    step = -(-len(predicted) // 600)  # a browser draws a million cells in seconds: show every step-th residue
    above = np.where(np.triu(np.ones_like(predicted, dtype=bool), 1), predicted, np.nan)[::step, ::step]
    residues = np.arange(1, len(predicted) + 1, step)
    figure = go.Figure(
        go.Heatmap(
            z=above,
            x=residues,
            y=residues,
            colorscale=SEQUENTIAL,
            zmin=0,
            colorbar={"title": {"text": quantity, "side": "right"}},
            hovertemplate="%{y}–%{x}: %{z:.3f}<extra></extra>",
        )
    )
    if contacts is not None:
        below = np.where(np.tril(contacts, -1), 1.0, np.nan)[::step, ::step]
        figure.add_heatmap(
            z=below,
            x=residues,
            y=residues,
            colorscale=[[0, RIGHT], [1, RIGHT]],
            showscale=False,
            hovertemplate="%{y}–%{x}: in contact<extra></extra>",
        )
    figure = styled(figure, "Residue", "Residue", height=480)
    figure.update_yaxes(autorange="reversed", scaleanchor="x", constrain="domain").update_xaxes(constrain="domain")
    return figure


def motif_curves(
    n_shown: Int[np.ndarray, "step"],
    flanks: Float[np.ndarray, "step"],
    random: Float[np.ndarray, "repeat step"],
    far: Float[np.ndarray, "repeat step"],
    whole: float,
) -> go.Figure:
    """A contact's signal by residues shown, flanks against random orders (bands: standard deviation over repeats)."""
    lines = [Curve("flanks first", flanks, TARGET)]
    for name, values, colour in (("random", random, EDITED), ("random, at least 30 away", far, OTHER[0])):
        there = ~np.isnan(values).all(0)
        mean, spread = (np.where(there, of(np.where(there, values, 0.0), 0), np.nan) for of in (np.mean, np.std))
        lines.append(Curve(name, mean, colour, mean - spread, mean + spread))
    figure = curves(n_shown, lines, x_title="Residues shown besides the two", y_title="Coupling (logits)")
    figure.add_hline(y=whole, line={"color": CLEAN, "dash": "dash"}, annotation_text="everything shown")
    return figure.update_xaxes(type="log")
