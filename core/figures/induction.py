"""Figures about copying: which heads look at twins, and what is left of copying without them."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Float

from core.analyses.induction import NO_REPEAT, NOTHING
from core.figures.style import CLEAN, EDITED, TARGET, head_heatmap, styled


def gains(gain: Float[np.ndarray, "layer head"]) -> go.Figure:
    """A cell per head: attention to twins above that to the same place where nothing repeats."""
    return head_heatmap(gain, quantity="attention to the twin, gain")


def blocking(table: pd.DataFrame, guess: float) -> go.Figure:
    """The twin's probability with sets of heads blocked, with intervals; grey without a repeat, a dashed line for a
    guess. Columns blocked, probability, low, high."""
    colours = [{NOTHING: TARGET, NO_REPEAT: CLEAN}.get(blocked, EDITED) for blocked in table.blocked]
    figure = go.Figure(
        go.Bar(
            x=table.blocked.tolist(),
            y=table.probability.to_numpy(),
            marker={"color": colours},
            error_y={
                "type": "data",
                "array": (table.high - table.probability).to_numpy(),
                "arrayminus": (table.probability - table.low).to_numpy(),
                "thickness": 1,
            },
            hovertemplate="%{x}: P %{y:.3f}<extra></extra>",
        )
    )
    figure.add_hline(y=guess, line={"color": CLEAN, "dash": "dash", "width": 1})
    return styled(figure, "Attention to the twin blocked in", "P(the twin's letter)").update_yaxes(rangemode="tozero")
