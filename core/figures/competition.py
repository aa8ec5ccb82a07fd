"""A repeat against the target, drawn: both logits at the mask, and token dropout's scale on its own line."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.figures.style import CLEAN, OTHER, TARGET, styled, translucent

LETTER = OTHER[0]
"""The colour of the repeated residue."""


def competing_logits(
    table: pd.DataFrame, x: str, *, target: str, letter: str, x_title: str, held: pd.DataFrame | None = None
) -> go.Figure:
    """The target's and the repeated residue's logit over `x` (a column), and token dropout's scale below them.

    `table` has columns `x`, target, repeated and scale, several rows for one `x` where orders were drawn: lines are
    means, bands one standard deviation. `held` is the same with the scale fixed, drawn dotted.
    """
    figure = make_subplots(rows=2, shared_xaxes=True, row_heights=[0.75, 0.25], vertical_spacing=0.06)
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
        scale = mean["scale"].to_numpy()
        line = {"color": CLEAN, "dash": dash}
        figure.add_scatter(x=places, y=scale, name=f"token dropout's scale{note}", line=line, row=2, col=1)
    figure = styled(figure, "", "Logit at the mask", height=460)
    figure.update_yaxes(title={"text": "Scale"}, row=2, col=1)
    return figure.update_xaxes(title={"text": x_title}, row=2, col=1)
