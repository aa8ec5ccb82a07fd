"""Two sides on one scale, A pink and B green, and what B shows more (red) or less (blue)."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int
from plotly.colors import get_colorscale

from core.alphabet import AMINO_ACIDS
from core.analyses.comparison import PredictionDifference
from core.analyses.prediction import Prediction
from core.figures.explore import Readout
from core.figures.style import (
    DIVERGING,
    SIDE_A,
    SIDE_B,
    Curve,
    axes,
    bars,
    curves,
    head_heatmap,
    head_labels,
    heatmap,
    layer_labels,
)

LESS, MORE = (get_colorscale(DIVERGING)[at][1] for at in (1, -2))
CHANGE = "B − A"
MOST_CELLS = 600
ALONG_THE_FOOT: Final = {
    "orientation": "h",
    "thickness": 12,
    "yref": "container",
    "y": 0,
    "yanchor": "bottom",
    "xpad": 0,
    "nticks": 5,
    "title": {"side": "bottom", "font": {"size": 12}},  # above the bar, plotly writes it onto the bar
}
"""Of a colour bar: beside a narrow picture it would narrow it more."""


def predictions(first: Prediction, second: Prediction, readout: Readout = "probability") -> go.Figure:
    """The twenty amino acids on either side, most likely in A first."""
    order = np.argsort(-first.logits, kind="stable")
    letters, a, b = _letters(order), _read(first, readout)[order], _read(second, readout)[order]
    return side_by_side(letters, a, b, quantity=readout.capitalize(), x="Amino acid")


def prediction_change(
    first: Prediction, difference: PredictionDifference, readout: Readout = "probability"
) -> go.Figure:
    """The difference of the twenty amino acids, most likely in A first."""
    order = np.argsort(-first.logits, kind="stable")
    return change(_letters(order), _read(difference, readout)[order], quantity=readout.capitalize(), x="Amino acid")


def _letters(order: Int[np.ndarray, "20"]) -> list[str]:
    return [AMINO_ACIDS[place] for place in order]


def _read(found: Prediction | PredictionDifference, readout: Readout) -> Float[np.ndarray, "20"]:
    return found.probabilities if readout == "probability" else found.logits


def side_by_side(
    labels: Sequence[str],
    first: Float[np.ndarray, " bars"],
    second: Float[np.ndarray, " bars"],
    *,
    quantity: str,
    x: str,
) -> go.Figure:
    """A bar of each side per label."""
    colours = {"A": SIDE_A, "B": SIDE_B}
    figure = bars(labels, {"A": first, "B": second}, colours=colours, x_title=x, y_title=quantity)
    return _one_bar_a_label(figure, labels)


def change(labels: Sequence[str], difference: Float[np.ndarray, " bars"], *, quantity: str, x: str) -> go.Figure:
    """A bar of the difference per label."""
    colours = [MORE if value > 0 else LESS for value in difference]
    figure = bars(labels, {CHANGE: difference}, colours=colours, x_title=x, y_title=f"{quantity}, {CHANGE}")
    return _one_bar_a_label(figure, labels)


def _one_bar_a_label(figure: go.Figure, labels: Sequence[str]) -> go.Figure:
    """Every label written; letters and wavelengths are names here, not numbers."""
    figure.update_layout(height=300, margin={"l": 45, "r": 5})
    tick: dict[str, Any] = {"type": "category", "tickmode": "linear", "tickfont": {"size": 10}}
    if max(map(len, labels), default=0) == 1:
        tick["tickangle"] = 0  # letters never lie on their sides
    return figure.update_xaxes(tick)


def component_effects(
    effects: Float[np.ndarray, "n_layers parts"], *, quantity: str, most: float | None = None
) -> go.Figure:
    """A row per layer: its heads, its attention module, its MLP; colours end at `most`."""
    n_layers, n_parts = effects.shape
    columns = [*head_labels(n_parts - 2), "Attn", "MLP"]
    figure = heatmap(effects, layer_labels(n_layers), columns, quantity=quantity, x="Head", y="Layer", most=most)
    return _legend_below(figure).update_layout(height=250 + 26 * n_layers)


def attention_heads(
    attention: Float[np.ndarray, "n_layers n_heads"], *, quantity: str, diverging: bool = False, most: float = 1.0
) -> go.Figure:
    """A cell per head; colours end at `most`."""
    figure = head_heatmap(attention, quantity=quantity, diverging=diverging, most=most)
    return _legend_below(figure).update_layout(height=250 + 26 * len(attention))


def attention_to_bos(first: Float[np.ndarray, " pos"], second: Float[np.ndarray, " other_pos"]) -> go.Figure:
    """One head of each side from every residue of its own protein."""
    n_residues = max(len(first), len(second)) - 2
    ours, theirs = (
        np.pad(each[1:-1], (0, n_residues + 2 - len(each)), constant_values=np.nan) for each in (first, second)
    )
    lines = [Curve("A", ours, SIDE_A), Curve("B", theirs, SIDE_B)]
    residues = np.arange(1, n_residues + 1)
    span = {"range": [0, 1.02]}
    return curves(residues, lines, x_title="Query residue", y_title="Attention to BOS", height=300, yaxis=span)


def attention_change(residues: Int[np.ndarray, " pair"], difference: Float[np.ndarray, " pair"]) -> go.Figure:
    """The difference over the residues of A that have one in B."""
    lines = [Curve(CHANGE, difference, MORE)]
    quantity = f"Attention to BOS, {CHANGE}"
    return curves(residues, lines, x_title="Query residue of A", y_title=quantity, zero_line=True, height=300)


def pattern_change(difference: Float[np.ndarray, "pos pos"], names: Sequence[str], most: float) -> go.Figure:
    """The difference of two patterns, queries downwards, keys across; `names` of the positions are A's."""
    step = -(-len(difference) // MOST_CELLS)
    shown, named = difference[::step, ::step], list(names[::step])
    places = np.arange(0, len(difference), step)
    texts = np.broadcast_to(named, shown.shape)
    figure = axes(
        "Key position (BOS is 0)",
        "Query position",
        height=520,
        xaxis={"constrain": "domain"},
        yaxis={"autorange": "reversed", "scaleanchor": "x", "constrain": "domain"},
    )
    figure.add_heatmap(
        z=shown,
        x=places,
        y=places,
        customdata=np.stack([texts.T, texts], axis=-1),
        colorscale=DIVERGING,
        zmin=-most,
        zmax=most,
        colorbar={"title": {"text": f"attention, {CHANGE}"}},
        hovertemplate="query %{customdata[0]} → key %{customdata[1]}: %{z:+.3f}<extra></extra>",
    )
    return _legend_below(figure)


def _legend_below(figure: go.Figure) -> go.Figure:
    """The figure with its colour bar below it."""
    return figure.update_traces(colorbar=ALONG_THE_FOOT).update_layout(margin={"b": 110})
