"""Figures about contacts: which heads see them, how precise each method is, and which of two methods is better."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int

from core.figures.style import (
    AT_START,
    CLEAN,
    DIVERGING,
    EDITED,
    INSIDE,
    OTHER,
    Curve,
    axes,
    bars,
    curves,
    layer_labels,
)

PROBABILITY, ATTENTION = "contact probability", "corrected attention (arbitrary units)"
"""What a contact map's numbers are: a contact head's, or averaged heads'."""
PALETTE = (EDITED, *OTHER, AT_START, INSIDE)
"""One colour per method, in the order they are given."""


class Interval(NamedTuple):
    """A mean and where its interval begins and ends."""

    mean: float
    low: float
    high: float


def method_bars(values: Mapping[str, Mapping[str, Interval]], chance: Mapping[str, float], quantity: str) -> go.Figure:
    """Bars by group (contacts' separation, say) and method, with intervals; chance is a grey line in each group."""
    figure = axes("Separation of the two residues", quantity)
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
    return figure.update_layout(barmode="group").update_yaxes(rangemode="tozero")


def colours(methods: Mapping[str, object] | Sequence[str]) -> dict[str, str]:
    """A colour for each method, the same in every figure that shows them in one order."""
    return {method: PALETTE[place % len(PALETTE)] for place, method in enumerate(methods)}


def k_sweep(chosen_on: Float[np.ndarray, " k"], chance: float, judged: Sequence[Interval] | None = None) -> go.Figure:
    """Precision by how many heads are averaged: on the proteins that chose them, and on others with an interval."""
    k = np.arange(1, len(chosen_on) + 1)
    lines = [Curve("proteins that chose the heads", chosen_on, CLEAN if judged else EDITED, dash="dot")]
    if judged:
        mean, low, high = np.array(judged).T
        lines.append(Curve("other proteins", mean, EDITED, low, high))
    lines.append(Curve("chance", np.full(len(k), chance), CLEAN, dash="dash"))
    return curves(k, lines, x_title="Heads averaged, K", y_title="P@L/2, long range").update_yaxes(rangemode="tozero")


def label_budgets(n_labels: Sequence[int], precision: Sequence[Interval], chance: float) -> go.Figure:
    """Precision by how many labelled proteins heads were chosen on, with intervals."""
    mean, low, high = np.array(precision).T
    lines = [
        Curve("heads chosen on so many", mean, EDITED, low, high),
        Curve("chance", np.full(len(n_labels), chance), CLEAN, dash="dash"),
    ]
    figure = curves(
        np.array(n_labels), lines, x_title="Labelled proteins that choose heads and K", y_title="P@L/2, long range"
    )
    figure.update_xaxes(type="log", tickvals=list(n_labels), ticktext=[str(n) for n in n_labels])
    return figure.update_yaxes(rangemode="tozero")


def reliability(n_pairs: Int[np.ndarray, " bin"], n_contacts: Int[np.ndarray, " bin"]) -> go.Figure:
    """The share of contacts among pairs by tenths of contact probability; calibrated, they lie on the dashed line."""
    tenths = np.arange(len(n_pairs)) * 10 // len(n_pairs)
    pairs, contacts = (np.bincount(tenths, each, 10) for each in (n_pairs, n_contacts))
    there = pairs > 0
    middle, share = (np.arange(10)[there] + 0.5) / 10, contacts[there] / pairs[there]
    figure = axes("Contact probability", "Share of contacts").add_scatter(
        x=middle,
        y=share,
        mode="lines+markers",
        line={"color": EDITED},
        customdata=np.stack([contacts[there], pairs[there]], 1),
        hovertemplate="%{customdata[0]:,} of %{customdata[1]:,} pairs are contacts<extra></extra>",
        showlegend=False,
    )
    figure.add_shape(type="line", x0=0, y0=0, x1=1, y1=1, line={"color": CLEAN, "dash": "dash"})
    return figure.update_xaxes(range=[0, 1]).update_yaxes(range=[0, 1])


def best_heads(
    names: Sequence[str], precision: Float[np.ndarray, " head"], chance: float, best_by_chance: float
) -> go.Figure:
    """The best single heads, best first; blind picking as a dashed line, what the best chance head reaches dotted."""
    figure = axes("Head, best first", "P@L/2, long range", height=300)
    figure.add_bar(x=list(names), y=precision, marker={"color": EDITED})
    figure.add_hline(y=chance, line={"color": CLEAN, "dash": "dash"})
    return figure.add_hline(y=best_by_chance, line={"color": CLEAN, "dash": "dot"})


def precision_recall(
    recall: Float[np.ndarray, " recall"], methods: Mapping[str, Sequence[Interval]], chance: float
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
    figure = axes("… beats this one", "This method …", height=160 + 45 * len(methods)).add_heatmap(
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
    return figure.update_yaxes(autorange="reversed", automargin=True).update_xaxes(automargin=True)


def motif_curves(
    n_shown: Int[np.ndarray, " step"],
    flanks: Float[np.ndarray, " step"],
    random: Float[np.ndarray, "repeat step"],
    far: Float[np.ndarray, "repeat step"],
    whole: float,
    control: Mapping[str, Float[np.ndarray, " step"]] | None = None,
) -> go.Figure:
    """A contact's signal by residues shown, flanks against random orders (bands: standard deviation over repeats).

    `control` gives the curves "flanks first" and "random" of a pair that is no contact: dotted, in the same colours.
    """
    lines = [Curve("flanks first", flanks, OTHER[1])]
    for name, values, colour in (("random", random, EDITED), ("random, at least 30 away", far, OTHER[0])):
        there = ~np.isnan(values).all(0)
        mean, spread = (np.where(there, of(np.where(there, values, 0.0), 0), np.nan) for of in (np.mean, np.std))
        lines.append(Curve(name, mean, colour, mean - spread, mean + spread))
    for name, values in (control or {}).items():
        colour = next(line.colour for line in lines if line.name == name)
        lines.append(Curve(f"{name}, control", values, colour, dash="dot"))
    figure = curves(n_shown, lines, x_title="Residues shown besides the two", y_title="Coupling (logits)")
    figure.add_hline(
        y=whole,
        line={"color": CLEAN, "dash": "dash"},
        annotation_text="everything shown",
        annotation_position="bottom left",
    )
    figure.update_yaxes(rangemode="tozero")
    return figure.update_xaxes(type="log", tickvals=n_shown, ticktext=[str(n) for n in n_shown], showgrid=False)


def layer_shares(clean: Float[np.ndarray, " layer"], edited: Float[np.ndarray, " layer"] | None) -> go.Figure:
    """What each layer's heads add to a contact's logit, in the clean run and in the edited one where there is one."""
    return bars(
        layer_labels(len(clean)),
        {"clean": clean} if edited is None else {"clean": clean, "edited": edited},
        colours={"clean": CLEAN, "edited": EDITED},
        x_title="Layer",
        y_title="Share of the logit",
    )
