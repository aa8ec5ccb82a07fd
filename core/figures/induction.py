"""Figures about copying: which heads look at twins, and what is left of copying without them."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Float

from core.analyses.induction import NO_REPEAT, NOTHING
from core.figures.style import CLEAN, EDITED, TARGET, WHISKER, axes, head_heatmap


def gains(gain: Float[np.ndarray, "layer head"]) -> go.Figure:
    """A cell per head: attention to twins above that to the same place where nothing repeats."""
    return head_heatmap(gain, quantity="attention to the twin, gain")


def blocking(table: pd.DataFrame, guess: float) -> go.Figure:
    """The twin's probability with sets of heads blocked, with intervals; grey without a repeat, a dashed line for a
    guess. Columns blocked, probability, low, high."""
    colours = [{NOTHING: TARGET, NO_REPEAT: CLEAN}.get(blocked, EDITED) for blocked in table.blocked]
    figure = axes("P(the twin's letter)", "").add_bar(
        x=table.probability.to_numpy(),
        y=table.blocked.tolist(),
        orientation="h",
        marker={"color": colours},
        error_x={
            "type": "data",
            "array": (table.high - table.probability).to_numpy(),
            "arrayminus": (table.probability - table.low).to_numpy(),
            "color": WHISKER,
            "thickness": 1,
        },
        hovertemplate="%{y}: P %{x:.3f}<extra></extra>",
    )
    figure.add_vline(x=guess, line={"color": CLEAN, "dash": "dash", "width": 1})
    figure.update_xaxes(rangemode="tozero")
    return figure.update_yaxes(autorange="reversed", type="category").update_layout(margin={"l": 110})
