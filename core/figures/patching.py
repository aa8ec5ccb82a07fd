"""What patched and injected activations do to a prediction, drawn."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from core.figures.style import CLEAN, EDITED, axes, head_heatmap, heatmap, layer_labels


def rescue_by_head(rescue: Float[np.ndarray, "layer head"]) -> go.Figure:
    """How much of the clean gap each head's patched activation brings back, in %."""
    return head_heatmap(rescue, quantity="rescue (%)")


def rescue_by_place(rescue: Float[np.ndarray, "layer places"], places: Sequence[str], *, x: str) -> go.Figure:
    """How much of the clean gap each layer's patched stream brings back, a column per place, in %."""
    return heatmap(rescue, layer_labels(len(rescue)), places, quantity="rescue (%)", x=x, y="Layer")


def injection(
    names: Sequence[str],
    before: Float[np.ndarray, " targets"],
    after: Float[np.ndarray, "targets sources"],
    target: str,
) -> go.Figure:
    """Every protein's gap as it is (grey bar) and with each source's activation (blue points)."""
    figure = axes("Protein injected into", f"{target} gap (logits)")
    figure.add_bar(x=list(names), y=before, name="as it is", marker={"color": CLEAN})
    figure.add_scatter(
        x=np.repeat(np.asarray(names), after.shape[1]),
        y=after.ravel(),
        name="injected, a point per source",
        mode="markers",
        marker={"color": EDITED, "size": 8, "opacity": 0.7},
    )
    return figure.add_hline(y=0, line={"color": CLEAN, "width": 1})
