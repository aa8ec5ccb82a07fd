"""What is predicted at a masked residue of many sequences, drawn."""

from collections.abc import Sequence
from itertools import groupby
from typing import Final

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from core.figures.style import CLEAN, TARGET, axes

MOST_NAMED: Final = 20
"""More names than these would leave no room for the bars: they are told when a bar is pointed at."""


def gaps(
    names: Sequence[str],
    gap: Float[np.ndarray, " sequences"],
    first: Sequence[str],
    target: str,
    groups: Sequence[str] = (),
) -> go.Figure:
    """A bar per sequence: the target's gap, orange where the target ranks first; `first` is what does elsewhere.

    `groups` tells which group each sequence is of: neighbours of one group stand under its name.
    """
    figure = axes("Sequence", f"{target} gap (logits)").add_bar(
        x=list(names),
        y=gap,
        marker={"color": [TARGET if value > 0 else CLEAN for value in gap]},
        customdata=list(first),
        hovertemplate="%{x}<br>gap %{y:.2f}, first: %{customdata}<extra></extra>",
    )
    figure.add_hline(y=0, line={"color": CLEAN, "width": 1})
    begin = 0
    for group, members in groupby(groups):
        end = begin + len(list(members))
        if begin:
            figure.add_vline(x=begin - 0.5, line={"color": CLEAN, "width": 1, "dash": "dot"})
        figure.add_annotation(x=(begin + end - 1) / 2, y=1, yref="paper", yanchor="bottom", text=group, showarrow=False)
        begin = end
    return figure.update_xaxes(type="category", automargin=True, showticklabels=len(names) <= MOST_NAMED)
