"""What ablation does to a prediction, drawn: modules by scope, the last layer's heads, failure rates."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from core.figures.style import heatmap


def by_scope(
    values: Mapping[str, Float[np.ndarray, " components"]], components: Sequence[str], *, quantity: str
) -> go.Figure:
    """A row per component and a column per scope, as wide as its labels need; `quantity` names the colour."""
    diverging = min(float(column.min()) for column in values.values()) < 0
    figure = heatmap(
        np.stack(list(values.values()), axis=1),
        list(components),
        list(values),
        quantity=quantity,
        x="Switched off at",
        y="Module",
        diverging=diverging,
    )
    figure.update_traces(texttemplate="%{z:.2f}")
    return figure.update_yaxes(title=None)
