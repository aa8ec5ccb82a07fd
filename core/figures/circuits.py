"""What a prediction's circuit is made of, drawn: knock-outs, greedy searches, sufficiency, write vectors."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Float

from core.alphabet import AMINO_ACIDS
from core.analyses.super_additivity import SuperAdditivity
from core.analyses.write_vectors import WriteVectors
from core.figures.style import (
    CLEAN,
    EDITED,
    OTHER,
    SEQUENTIAL,
    TARGET,
    Curve,
    axes,
    bars,
    curves,
    head_heatmap,
    head_labels,
    heatmap,
)


def attention_to_bos(attention: Float[np.ndarray, "layer head"]) -> go.Figure:
    """A cell per head, dark where the mask attends to BOS."""
    return head_heatmap(attention, quantity="attention to BOS", diverging=False)


def pattern(attention: Float[np.ndarray, "query key"], names: Sequence[str]) -> go.Figure:
    """A head's whole pattern: a row per query, a column per key, dark where it attends."""
    figure = axes("To (key)", "From (query)", height=520).add_heatmap(
        z=attention.astype(np.float32),
        x=list(names),
        y=list(names),
        colorscale=SEQUENTIAL,
        zmin=0,
        zmax=1,
        colorbar={"title": {"text": "attention", "side": "right"}},
        hovertemplate="from %{y} to %{x}: %{z:.3f}<extra></extra>",
    )
    return figure.update_yaxes(autorange="reversed", type="category").update_xaxes(type="category")


def ablated_and_blocked(
    ablated: Float[np.ndarray, " sequences"], blocked: Float[np.ndarray, " sequences"], names: Sequence[str], head: str
) -> go.Figure:
    """A point per sequence: what the target's logit loses with a head ablated, and with its attention to BOS blocked.

    On the line both do the same.
    """
    ends = [min(ablated.min(), blocked.min()), max(ablated.max(), blocked.max())]
    figure = axes(f"Change of the logit, {head} ablated", f"{head}'s attention to BOS blocked")
    figure.add_scatter(x=ends, y=ends, mode="lines", line={"color": CLEAN, "width": 1}, hoverinfo="skip")
    figure.add_scatter(
        x=ablated,
        y=blocked,
        text=list(names),
        mode="markers",
        marker={"color": EDITED, "size": 8, "opacity": 0.7},
        hovertemplate="%{text}<br>ablated %{x:.2f}, blocked %{y:.2f}<extra></extra>",
    )
    return figure.update_layout(showlegend=False)


def knockouts(gaps: Mapping[str, Float[np.ndarray, "knockouts"]], names: Sequence[str], target: str) -> go.Figure:
    """The mean gap under each knock-out, one bar per set of heads; right of the line the target ranks first."""
    figure = axes(f"{target} gap (logits)", "", height=420)
    for (heads, values), colour in zip(gaps.items(), (OTHER[0], OTHER[1], EDITED), strict=False):
        wrapped = [name.replace(", ", ",<br>") for name in names]
        figure.add_bar(x=values, y=wrapped, name=heads, orientation="h", marker={"color": colour})
    figure.update_yaxes(autorange="reversed").update_layout(margin={"l": 130}, barmode="group", showlegend=True)
    return figure.add_vline(x=0, line={"color": CLEAN, "width": 1})


def search_path(
    names: Sequence[str], gap: Float[np.ndarray, " steps"], logit: Float[np.ndarray, " steps"], target: str
) -> go.Figure:
    """The gap and the target's logit as a greedy search ablates one component after another."""
    steps = np.arange(1, len(names) + 1)
    lines = [Curve(f"{target} gap", gap, EDITED), Curve(f"{target}'s logit", logit, TARGET)]
    figure = curves(steps, lines, x_title="Component ablated, in this order", y_title="Logits", zero_line=True)
    figure.update_traces(text=names, hovertemplate="%{x}. %{text} off: %{y:.2f}<extra></extra>")
    step = -(-len(names) // 30)
    return figure.update_xaxes(tickvals=steps[::step], ticktext=list(names)[::step], tickangle=-45)


def necessity(frequency: Mapping[str, float]) -> go.Figure:
    """How often a search could not spare each component."""
    values = {"needed": np.array(list(frequency.values()))}
    figure = bars(
        list(frequency), values, colours=[EDITED] * len(frequency), x_title="Component", y_title="Share of sequences"
    )
    return figure.update_yaxes(range=[0, 1])


def token_scopes(table: pd.DataFrame, target: str) -> go.Figure:
    """The gap with a circuit's attention (down) and MLPs (across) kept at some positions only, as a grid of numbers."""
    kept = table[table.attention_at != "the whole model"]
    wide = kept.pivot(index="attention_at", columns="mlps_at", values="gap")
    wide = wide.loc[list(dict.fromkeys(kept.attention_at)), list(dict.fromkeys(kept.mlps_at))]
    words = {"mask": "the mask", "bos": "BOS", "bos+mask": "BOS and the mask", "all": "everywhere"}
    figure = heatmap(
        wide.to_numpy(),
        [words[scope] for scope in wide.index],
        [words[scope] for scope in wide.columns],
        quantity=f"{target} gap (logits)",
        x="MLPs kept at",
        y="Attention kept at",
    )
    # the numbers stand in the cells, so the room of a colour bar is theirs
    return figure.update_traces(texttemplate="%{z:.2f}", showscale=False).update_layout(margin={"l": 80})


def along(table: pd.DataFrame, target: str) -> go.Figure:
    """The gap with each residue masked in turn, one line per condition; above the line the target is predicted."""
    names = list(dict.fromkeys(table.condition))
    residues = np.unique(table.residue.to_numpy())
    colours, dashes = (CLEAN, EDITED, OTHER[1], OTHER[2], OTHER[0]), ("solid", "solid", "dash", "dash", "dot")
    lines = [
        Curve(name, table[table.condition == name].gap.to_numpy(), colour, dash=dash)
        for name, colour, dash in zip(names, colours, dashes, strict=False)
    ]
    return curves(residues + 1, lines, x_title="Masked residue", y_title=f"{target} gap (logits)", zero_line=True)


def pair(found: SuperAdditivity, first: str, second: str, target: str) -> go.Figure:
    """The gap with two components alone, added and together, between neither and the whole model."""
    gaps = {
        "neither": found.neither,
        f"{first} alone": found.first,
        f"{second} alone": found.second,
        "merely added": found.added,
        "together": found.both,
        "whole model": found.whole_model,
    }
    colours = [CLEAN, OTHER[1], OTHER[1], OTHER[0], EDITED, CLEAN]
    figure = bars(
        list(gaps),
        {"gap": np.array(list(gaps.values()))},
        colours=colours,
        x_title="Kept",
        y_title=f"{target} gap (logits)",
    )
    return figure.add_hline(y=0, line={"color": CLEAN, "width": 1})


def write_vectors(found: WriteVectors, layer: int) -> go.Figure:
    """A row per head of the last layer (0-based `layer`), a column per amino acid: cosine of write and gradient."""
    rows = [f"L{layer + 1}{name}" for name in head_labels(len(found.cosine))]
    return heatmap(found.cosine, rows, list(AMINO_ACIDS), quantity="cosine", x="Amino acid whose logit rises", y="Head")


def ablation_drops(drops: Float[np.ndarray, " heads"], layer: int, target: str) -> go.Figure:
    """What the target's logit loses without each head of one layer (0-based)."""
    names = [f"L{layer + 1}{name}" for name in head_labels(len(drops))]
    return bars(
        names, {"drop": drops}, colours=[EDITED] * len(names), x_title="Head", y_title=f"Drop of {target}'s logit"
    )


def rates(found: Mapping[str, tuple[float, float]], residue: int) -> go.Figure:
    """How often the target ranks first at one residue (0-based) and at all others, one pair of bars per condition."""
    here, elsewhere = (np.array([pair[place] for pair in found.values()]) for place in (0, 1))
    name = f"at residue {residue + 1}"
    figure = bars(
        list(found),
        {name: here, "elsewhere": elsewhere},
        colours={name: TARGET, "elsewhere": CLEAN},
        x_title="Run",
        y_title="Share where the target ranks first",
    )
    return figure.update_yaxes(range=[0, 1])
