"""Figures of features: where they fire in a protein, how strongly, what they do and what they raise."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from core.alphabet import AMINO_ACIDS
from core.analyses.feature_effects import FeatureEffects
from core.features.descriptions import Description
from core.figures.style import CLEAN, EDITED, PICKED, RIGHT, TARGET, axes, heatmap, translucent


@dataclass(frozen=True, slots=True)
class Picked:
    """What is picked of a heatmap, counted from 0."""

    rows: Sequence[int] = ()
    columns: Sequence[int] = ()


def where_they_fire(
    activation: Float[np.ndarray, "features pos"],
    names: Sequence[str],
    places: Sequence[str],
    change: bool = False,
    picked: Picked = Picked(),
) -> go.Figure:
    """Features downwards, BOS to EOS across; with `change` edited minus clean, centred at zero.

    Rows and columns that are `picked` are marked.
    """
    quantity = "change of activation" if change else "activation"
    figure = heatmap(activation, names, places, quantity=quantity, x="Position", y="", diverging=change)
    figure.update_traces(x=list(range(len(places))), customdata=np.broadcast_to(places, activation.shape))
    figure.update_traces(y=list(names), hovertemplate="%{y}<br>%{customdata} " + quantity + " %{z:.3f}<extra></extra>")
    across, down = ("x", len(places), "y", picked.rows), ("y", len(names), "x", picked.columns)
    bands = [
        {f"{along}0": -0.5, f"{along}1": size - 0.5, f"{at}0": each - 0.5, f"{at}1": each + 0.5}
        for along, size, at, chosen in (across, down)
        for each in chosen
    ]
    mark = {"type": "rect", "fillcolor": translucent(PICKED, 0.45), "line": {"width": 0}}
    figure.update_layout(height=140 + 18 * len(names), shapes=[mark | band for band in bands])
    return figure.update_xaxes(type="linear")


def effects(found: FeatureEffects, names: Sequence[str]) -> go.Figure:
    """What each feature's being off does to the target's gap: to first order, and measured where it was."""
    figure = axes("change of the target's gap (logits)", "", height=140 + 26 * len(names))
    across = {"y": list(names), "orientation": "h"}
    figure.add_bar(x=found.by_gradient, name="gradient × activation", marker_color=CLEAN, **across)
    if found.by_ablation is not None:
        figure.add_bar(x=found.by_ablation, name="measured: switched off", marker_color=EDITED, **across)
    return figure.update_yaxes(autorange="reversed", type="category")


def activation_histogram(described: Description) -> go.Figure:
    """How many positions have which activation, over the proteins that the feature was described on."""
    edges = np.linspace(0, described.largest, len(described.histogram) + 1)
    figure = axes("activation", "positions (log)", height=260)
    figure.add_bar(x=(edges[1:] + edges[:-1]) / 2, y=list(described.histogram), marker_color=CLEAN)
    figure.add_vline(x=described.threshold * described.largest, line_color=TARGET, line_dash="dash")
    return figure.update_yaxes(type="log")


def letters(slopes: Float[np.ndarray, " amino_acids"]) -> go.Figure:
    """The amino acids that a feature raises and lowers, strongest first."""
    order = slopes.argsort()[::-1]
    colours = [RIGHT if slopes[each] > 0 else CLEAN for each in order]
    figure = axes("amino acid", "logits per unit of activation", height=260)
    return figure.add_bar(x=[AMINO_ACIDS[each] for each in order], y=slopes[order], marker_color=colours)


def clean_and_edited(
    clean: Float[np.ndarray, " features"], edited: Float[np.ndarray, " features"], names: Sequence[str]
) -> go.Figure:
    """The activation of some features at one position in two runs."""
    figure = axes("activation", "", height=140 + 30 * len(names))
    for run, values, colour in (("clean", clean, CLEAN), ("edited", edited, EDITED)):
        figure.add_bar(x=values, y=list(names), orientation="h", name=run, marker_color=colour)
    return figure.update_yaxes(autorange="reversed", type="category")
