"""The Explore page's figures: clean run in grey beside the edited run in blue, target in orange."""

from typing import Literal

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from plotly.subplots import make_subplots

from core.alphabet import AMINO_ACIDS
from core.analyses.exploration import BandView
from core.analyses.prediction import Prediction
from core.figures.style import CLEAN, EDITED, SEQUENTIAL, TARGET, Curve, curves, head_labels, layer_labels, styled

Readout = Literal["probability", "logit"]


def prediction_bars(clean: Prediction, edited: Prediction, target: str, readout: Readout = "probability") -> go.Figure:
    """Twenty bars in the order of the clean run: clean outlined, edited filled, the target orange."""
    values = {"probability": (clean.probabilities, edited.probabilities), "logit": (clean.logits, edited.logits)}
    before, after = values[readout]
    order = np.argsort(-clean.logits, kind="stable")
    letters = [AMINO_ACIDS[index] for index in order]
    at = letters.index(target)
    figure = go.Figure()
    for name, colour, chosen in (("edited", EDITED, set(range(20)) - {at}), (f"edited, {target}", TARGET, {at})):
        heights = [value if place in chosen else None for place, value in enumerate(after[order])]
        hover = "%{x}: %{y:.3f} edited<extra></extra>"
        figure.add_bar(x=letters, y=heights, name=name, marker={"color": colour}, hovertemplate=hover)
    figure.add_bar(
        x=letters,
        y=before[order],
        name="clean",
        marker={"color": "rgba(0,0,0,0)", "line": {"color": CLEAN, "width": 2}},
        hovertemplate="%{x}: %{y:.3f} clean<extra></extra>",
    )
    figure = styled(figure, "Amino acid", readout.capitalize(), height=270)
    figure.update_layout(barmode="overlay", bargap=0.25, margin={"l": 45, "r": 5, "t": 20, "b": 45})
    return figure.update_yaxes(rangemode="tozero").update_xaxes(tickmode="linear", tickangle=0, tickfont={"size": 9})


def band_bars(clean: BandView, edited: BandView) -> go.Figure:
    """Four panels over RoPE bands: |q|, |k|, cos of the angle between them, and what each band adds to the score."""
    panels = [
        ("|q| (norm)", "q_norm"),
        ("|k| (norm)", "k_norm"),
        ("cos θ between q and k", "cosine"),
        ("Added to the score before softmax", "contribution"),
    ]
    titles = [title for title, _ in panels]
    figure = make_subplots(rows=2, cols=2, subplot_titles=titles, horizontal_spacing=0.12, vertical_spacing=0.3)
    labels = [f"{length:.1f}" if length < 10 else f"{length:,.0f}" for length in clean.wavelengths]
    for panel, (_, quantity) in enumerate(panels):
        for name, view, colour in (("clean", clean, CLEAN), ("edited", edited, EDITED)):
            figure.add_bar(
                x=labels,
                y=getattr(view, quantity),
                customdata=np.arange(len(labels)),
                name=name,
                legendgroup=name,
                showlegend=panel == 0,
                marker={"color": colour},
                hovertemplate=f"band %{{customdata}}, %{{x}} residues: %{{y:.3f}} ({name})<extra></extra>",
                row=1 + panel // 2,
                col=1 + panel % 2,
            )
    figure = styled(figure, "", "", height=520)
    figure.update_xaxes(type="category", title={"text": "Wavelength (residues)"}, tickangle=-45)
    figure.update_yaxes(range=[-1.05, 1.05], row=2, col=1)
    figure.update_annotations(font={"size": 13})
    return figure.update_layout(margin={"l": 30, "t": 60, "b": 70}, legend={"y": 1.12})


def bos_attention_heads(
    clean: Float[np.ndarray, "n_layers n_heads"], edited: Float[np.ndarray, "n_layers n_heads"], query: str
) -> go.Figure:
    """Attention from one query residue to BOS, a cell per head: the clean run above, the edited one below."""
    n_layers, n_heads = clean.shape
    figure = make_subplots(rows=2, shared_xaxes=True, subplot_titles=["Clean run", "Edited run"], vertical_spacing=0.14)
    for row, values in enumerate((clean, edited), start=1):
        figure.add_heatmap(
            z=values,
            x=head_labels(n_heads),
            y=layer_labels(n_layers),
            coloraxis="coloraxis",
            hovertemplate=f"%{{y}}%{{x}}: {query} attends %{{z:.3f}} to BOS<extra></extra>",
            row=row,
            col=1,
        )
    figure = styled(figure, "", "Layer", height=140 + 2 * max(130, min(24 * n_layers, 420)))
    figure.update_xaxes(type="category").update_xaxes(title={"text": "Head"}, row=2)
    figure.update_yaxes(title={"text": "Layer"}, autorange="reversed", type="category")
    figure.update_layout(
        coloraxis={
            "colorscale": SEQUENTIAL,
            "cmin": 0,
            "cmax": 1,
            "colorbar": {"title": {"text": "attention to BOS", "side": "right"}},
        }
    )
    return figure


def bos_attention_positions(clean: Float[np.ndarray, " pos"], edited: Float[np.ndarray, " pos"]) -> go.Figure:
    """One head's attention to BOS from every residue of the sequence, clean and edited."""
    residues = np.arange(1, len(clean) - 1)
    lines = [Curve("clean", clean[1:-1], CLEAN), Curve("edited", edited[1:-1], EDITED)]
    figure = curves(residues, lines, x_title="Query residue", y_title="Attention to BOS")
    return figure.update_yaxes(range=[0, 1.02]).update_layout(height=300)


def pattern_heatmap(pattern: Float[np.ndarray, "pos pos"], name: str, most: float | None = None) -> go.Figure:
    """A head's whole attention pattern: queries downwards, keys across, BOS at 0 and EOS last; each row sums to 1.

    Colours end where all but a thousandth of the attention does, or at `most`.
    """
    step = -(-len(pattern) // 600)  # a browser draws a million cells in seconds: show every step-th row and column
    shown = pattern[::step, ::step]
    positions = np.arange(0, len(pattern), step)
    figure = go.Figure(
        go.Heatmap(
            z=shown,
            x=positions,
            y=positions,
            colorscale=SEQUENTIAL,
            zmin=0,
            zmax=most or float(np.quantile(pattern, 0.999)) or 1.0,
            # Along the foot of the figure, whatever the axes leave: beside a square map it would narrow the map.
            colorbar={
                "orientation": "h",
                "thickness": 12,
                "yref": "container",
                "y": 0,
                "yanchor": "bottom",
                "nticks": 3,
            },
            hovertemplate="query %{y} → key %{x}: %{z:.3f}<extra></extra>",
        )
    )
    figure = styled(figure, "Key position (BOS is 0)", "Query position", height=430)
    figure.update_yaxes(autorange="reversed", scaleanchor="x", constrain="domain").update_xaxes(constrain="domain")
    return figure.update_layout(title={"text": name, "font": {"size": 14}}, margin={"t": 60, "b": 120})
