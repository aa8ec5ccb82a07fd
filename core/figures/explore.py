"""The Explore page's figures: clean run in grey beside the edited run in blue where there is one, target in orange."""

from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from core.alphabet import AMINO_ACIDS
from core.analyses.exploration import BandView
from core.analyses.prediction import Prediction
from core.figures.style import (
    CLEAN,
    EDITED,
    SEQUENTIAL,
    TARGET,
    Curve,
    axes,
    curves,
    head_labels,
    layer_labels,
    on,
    panels,
)

Readout = Literal["probability", "logit"]


def prediction_bars(
    clean: Prediction, edited: Prediction | None, target: str, readout: Readout = "probability"
) -> go.Figure:
    """Twenty bars in the order of the clean run, the target orange: the edited run's filled, the clean one's outlined
    around them; or where nothing is edited the clean run's filled."""
    shown, run, filled = (clean, "clean", CLEAN) if edited is None else (edited, "edited", EDITED)

    def read(prediction: Prediction) -> Float[np.ndarray, "20"]:
        return prediction.probabilities if readout == "probability" else prediction.logits

    order = np.argsort(-clean.logits, kind="stable")
    letters = [AMINO_ACIDS[index] for index in order]
    at = letters.index(target)
    figure = axes(
        "Amino acid",
        readout.capitalize(),
        height=270,
        barmode="overlay",
        bargap=0.25,
        margin={"l": 45, "r": 5, "t": 20, "b": 45},
        xaxis={"tickmode": "linear", "tickangle": 0, "tickfont": {"size": 11}},
        yaxis={"rangemode": "tozero"},
    )
    for name, colour, chosen in ((run, filled, set(range(20)) - {at}), (f"{run}, {target}", TARGET, {at})):
        heights = [value if place in chosen else None for place, value in enumerate(read(shown)[order])]
        hover = f"%{{x}}: %{{y:.3f}} {run}<extra></extra>"
        figure.add_bar(x=letters, y=heights, name=name, marker={"color": colour}, hovertemplate=hover)
    if edited is not None:
        figure.add_bar(
            x=letters,
            y=read(clean)[order],
            name="clean",
            marker={"color": "rgba(0,0,0,0)", "line": {"color": CLEAN, "width": 2}},
            hovertemplate="%{x}: %{y:.3f} clean<extra></extra>",
        )
    return figure


def band_bars(clean: BandView, edited: BandView | None) -> go.Figure:
    """Four panels over RoPE bands: |q|, |k|, cos of the angle between them, and what each band adds to the score."""
    quantities = {
        "|q| (norm)": "q_norm",
        "|k| (norm)": "k_norm",
        "cos θ between q and k": "cosine",
        "Added to the score before softmax": "contribution",
    }
    figure = panels(
        list(quantities),
        "Wavelength (residues)",
        "",
        height=520,
        columns=2,
        below=0.6,
        xaxis={"type": "category", "tickangle": -45},
        yaxis3={"range": [-1.05, 1.05]},
        margin={"l": 30, "t": 60, "b": 70},
        legend={"y": 1.12},
    )
    labels = [f"{length:.1f}" if length < 10 else f"{length:,.0f}" for length in clean.wavelengths]
    for panel, quantity in enumerate(quantities.values()):
        for name, view, colour in (("clean", clean, CLEAN), ("edited", edited, EDITED)):
            if view is None:
                continue
            figure.add_bar(
                x=labels,
                y=getattr(view, quantity),
                customdata=np.arange(len(labels)),
                name=name,
                legendgroup=name,
                showlegend=panel == 0,
                marker={"color": colour},
                hovertemplate=f"band %{{customdata}}, %{{x}} residues: %{{y:.3f}} ({name})<extra></extra>",
                **on(panel),
            )
    return figure


def bos_attention_heads(
    clean: Float[np.ndarray, "n_layers n_heads"], edited: Float[np.ndarray, "n_layers n_heads"] | None, query: str
) -> go.Figure:
    """Attention from one query residue to BOS, a cell per head: the clean run, and below it the edited one."""
    n_layers, n_heads = clean.shape
    runs = {"Clean run": clean} if edited is None else {"Clean run": clean, "Edited run": edited}
    above: dict[str, Any] = {"xaxis": {"type": "category"}}
    if edited is not None:
        above["xaxis"] |= {"matches": "x2", "showticklabels": False, "title": None}
        above["xaxis2"] = {"matches": None, "showticklabels": True, "title": {"text": "Head"}}
    figure = panels(
        list(runs),
        "Head",
        "Layer",
        height=140 + len(runs) * max(130, min(24 * n_layers, 420)),
        below=0.28,
        yaxis={"autorange": "reversed", "type": "category"},
        coloraxis={
            "colorscale": SEQUENTIAL,
            "cmin": 0,
            "cmax": 1,
            "colorbar": {"title": {"text": "attention to BOS", "side": "right"}},
        },
        **above,
    )
    for panel, values in enumerate(runs.values()):
        figure.add_heatmap(
            z=values,
            x=head_labels(n_heads),
            y=layer_labels(n_layers),
            coloraxis="coloraxis",
            hovertemplate=f"%{{y}}%{{x}}: {query} attends %{{z:.3f}} to BOS<extra></extra>",
            **on(panel),
        )
    return figure


def bos_attention_positions(clean: Float[np.ndarray, " pos"], edited: Float[np.ndarray, " pos"] | None) -> go.Figure:
    """One head's attention to BOS from every residue of the sequence, clean and edited."""
    residues = np.arange(1, len(clean) - 1)
    lines = [Curve("clean", clean[1:-1], CLEAN)]
    if edited is not None:
        lines.append(Curve("edited", edited[1:-1], EDITED))
    return curves(
        residues,
        lines,
        x_title="Query residue",
        y_title="Attention to BOS",
        height=300,
        yaxis={"range": [0, 1.02]},
    )


def pattern_heatmap(pattern: Float[np.ndarray, "pos pos"], name: str, most: float | None = None) -> go.Figure:
    """A head's whole attention pattern: queries downwards, keys across, BOS at 0 and EOS last; each row sums to 1.

    Colours end where all but a thousandth of the attention does, or at `most`.
    """
    step = -(-len(pattern) // 600)  # a browser draws a million cells in seconds: show every step-th row and column
    shown = pattern[::step, ::step]
    positions = np.arange(0, len(pattern), step)
    figure = axes(
        "Key position (BOS is 0)",
        "Query position",
        height=430,
        title={"text": name, "font": {"size": 14}},
        margin={"l": 60, "r": 20, "t": 60, "b": 120},
        xaxis={"constrain": "domain"},
        yaxis={"autorange": "reversed", "scaleanchor": "x", "constrain": "domain"},
    )
    return figure.add_heatmap(
        z=shown,
        x=positions,
        y=positions,
        colorscale=SEQUENTIAL,
        zmin=0,
        zmax=most or float(np.quantile(pattern, 0.999)) or 1.0,
        # Along the foot of the figure, whatever the axes leave: beside a square map it would narrow the map.
        colorbar={"orientation": "h", "thickness": 12, "yref": "container", "y": 0, "yanchor": "bottom", "nticks": 3},
        hovertemplate="query %{y} → key %{x}: %{z:.3f}<extra></extra>",
    )
