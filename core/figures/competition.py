"""A repeat against the target, drawn: both centred logits at the mask, the target's probability, and token dropout's
scale, each on lines of their own."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.figures.style import CLEAN, OTHER, TARGET, axes, translucent

LETTER = OTHER[0]
"""The colour of the repeated residue."""


def competing_logits(
    table: pd.DataFrame, x: str, *, target: str, letter: str, x_title: str, held: pd.DataFrame | None = None
) -> go.Figure:
    """Both centred logits over `x` (a column), the target's probability below them, then token dropout's scale.

    `table` has columns `x`, target, repeated, probability and scale, several rows for one `x` where orders were drawn:
    lines are means, bands one standard deviation. `held` is the same with the scale fixed, drawn dotted.
    """
    figure = axes("", "Logit − mean of the 20", height=540)
    figure.set_subplots(rows=3, shared_xaxes=True, row_heights=[0.6, 0.2, 0.2], vertical_spacing=0.06)
    for rows, dash, note in ((table, "solid", ""), (held, "dot", ", scale held")):
        if rows is None:
            continue
        at = rows.groupby(x)
        mean, spread = (pd.DataFrame(moment(numeric_only=True)).fillna(0.0) for moment in (at.mean, at.std))
        places = mean.index.to_numpy()
        for column, name, colour in (("target", target, TARGET), ("repeated", letter, LETTER)):
            y, band = mean[column].to_numpy(), spread[column].to_numpy()
            if dash == "solid" and band.any():
                figure.add_scatter(
                    x=np.concatenate([places, places[::-1]]),
                    y=np.concatenate([y + band, (y - band)[::-1]]),
                    fill="toself",
                    fillcolor=translucent(colour),
                    line={"width": 0},
                    hoverinfo="skip",
                    showlegend=False,
                    row=1,
                    col=1,
                )
            line, marker = {"color": colour, "dash": dash}, {"size": 5}
            figure.add_scatter(
                x=places, y=y, name=f"{name}{note}", mode="lines+markers", line=line, marker=marker, row=1, col=1
            )
        below = {"probability": (f"P({target})", TARGET), "scale": ("token dropout's scale", CLEAN)}
        for row, (column, (name, colour)) in enumerate(below.items(), start=2):
            line, y = {"color": colour, "dash": dash}, mean[column].to_numpy()
            figure.add_scatter(x=places, y=y, name=f"{name}{note}", mode="lines", line=line, row=row, col=1)
    figure.update_yaxes(title={"text": f"P({target})"}, range=[0, 1], row=2, col=1)
    figure.update_yaxes(title={"text": "Scale"}, row=3, col=1)
    return figure.update_xaxes(title={"text": x_title}, row=3, col=1)
