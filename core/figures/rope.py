"""What RoPE does in a circuit, drawn: rotations removed, swapped and shifted, and scores taken apart by band."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Float

from core.figures.style import (
    AT_START,
    CLEAN,
    EDITED,
    INSIDE,
    OTHER,
    RIGHT,
    TARGET,
    WRONG,
    Curve,
    axes,
    bars,
    curves,
    on,
    panels,
)


def removal(layers: Sequence[str], gap: Float[np.ndarray, " layers"], target: str) -> go.Figure:
    """The gap without rotation at the mask in one layer at a time; the first bar has all rotations."""
    colours = [CLEAN] + [EDITED] * (len(layers) - 1)
    figure = bars(
        layers, {"gap": gap}, colours=colours, x_title="Layers without rotation", y_title=f"{target} gap (logits)"
    )
    return figure.add_hline(y=0, line={"color": CLEAN, "width": 1})


def causes(
    heads: Sequence[str],
    clean: Float[np.ndarray, " heads"],
    internal: Float[np.ndarray, " heads"],
    rotation: Float[np.ndarray, " heads"],
    content: Float[np.ndarray, " heads"],
) -> go.Figure:
    """Each head's attention to BOS in both runs, and with the clean run's rotation or query content alone."""
    series = {"clean": clean, "rotation alone": rotation, "content alone": content, "internal": internal}
    colours = {"clean": AT_START, "rotation alone": EDITED, "content alone": OTHER[0], "internal": INSIDE}
    figure = bars(heads, series, colours=colours, x_title="Head", y_title="Attention to BOS")
    return figure.update_yaxes(range=[0, 1])


def swap_steps(
    heads: Sequence[str], rate: Float[np.ndarray, " steps"], rescue: Float[np.ndarray, " steps"]
) -> go.Figure:
    """M-rate and rescue, in %, as one head after another is swapped too."""
    labels = [f"{step}. {name}" for step, name in enumerate(heads)]
    series = {"target first (% of sequences)": 100 * rate, "rescue (%)": rescue}
    colours = dict(zip(series, (TARGET, EDITED), strict=True))
    return bars(labels, series, colours=colours, x_title="Head added", y_title="%")


def patch_sets(conditions: Sequence[str], rescue: Float[np.ndarray, " conditions"]) -> go.Figure:
    """How much of the gap each set of queries and rotations brings back, in %, after the two runs themselves."""
    colours = [AT_START, INSIDE] + [EDITED] * (len(conditions) - 2)
    figure = axes("Rescue (%)", "", height=100 + 42 * len(conditions)).add_bar(
        x=rescue,
        y=[name.replace(" and ", "<br>and ").replace("whole layers", "<br>whole layers") for name in conditions],
        orientation="h",
        marker={"color": colours},
        text=[f"{value:z.0f}%" for value in rescue],
        cliponaxis=False,  # a bar near zero has its number beside it, over the axis
        hovertemplate="%{y}: %{x:.1f}%<extra></extra>",
    )
    return figure.update_yaxes(autorange="reversed").update_layout(margin={"l": 190})


def shift(
    shifts: Sequence[int],
    clean: Float[np.ndarray, "proteins shifts"],
    internal: Float[np.ndarray, "proteins shifts"],
    control: Float[np.ndarray, "proteins shifts"],
    target: str,
) -> go.Figure:
    """The gap against the shift of a head's queries: mean over proteins, bands of one standard deviation."""
    lines = []
    for name, values, colour in (("mask at the start", clean, AT_START), ("mask inside", internal, INSIDE)):
        mean, spread = values.mean(0), values.std(0)
        lines.append(Curve(name, mean, colour, mean - spread, mean + spread))
    lines.append(Curve("control: q and k together", control.mean(0), OTHER[0], dash="dot"))
    return curves(
        np.asarray(shifts),
        lines,
        x_title="Shift of the query's position (residues)",
        y_title=f"{target} gap (logits)",
        zero_line=True,
    )


def shifted_cosine(shifts: Sequence[int], cosine: Float[np.ndarray, " shifts"]) -> go.Figure:
    """Cosine between the query as it is and as it is shifted."""
    return curves(
        np.asarray(shifts),
        [Curve("cosine", cosine, EDITED)],
        x_title="Shift (residues)",
        y_title="Cosine with the unshifted query",
    )


def band_shares(wavelengths: Float[np.ndarray, " n_bands"], share: Float[np.ndarray, " n_bands"]) -> go.Figure:
    """Each band's share of how the score varies with the shift."""
    return bars(
        band_labels(wavelengths),
        {"share": 100 * share},
        colours=[EDITED] * len(share),
        x_title="Wavelength (residues)",
        y_title="Share of the variation (%)",
    ).update_xaxes(type="category")


def two_positions(table: pd.DataFrame, wavelengths: Float[np.ndarray, " n_bands"]) -> go.Figure:
    """Four panels over bands, mask at the start beside mask inside: |q|, |k|, cosine, what the band adds to the score.

    `table` has a row per band and columns such as q_norm_clean and q_norm_internal.
    """
    quantities = {"|q|": "q_norm", "|k| of BOS": "k_norm", "cos θ": "cosine", "Added to the score": "contribution"}
    figure = panels(
        list(quantities),
        "Wavelength (residues)",
        "norm (arbitrary units)",
        height=600,
        columns=2,
        xaxis={"type": "category", "tickangle": -45},
        yaxis3={"range": [-1.05, 1.05], "title": {"text": "cosine"}},
        yaxis4={"title": {"text": "score (logits)"}},
        margin={"t": 70},
        legend={"y": 1.06},
    )
    for place, quantity in enumerate(quantities.values()):
        for name, end, colour in (("mask at the start", "clean", AT_START), ("mask inside", "internal", INSIDE)):
            figure.add_bar(
                x=band_labels(wavelengths),
                y=table[f"{quantity}_{end}"].to_numpy(),
                name=name,
                legendgroup=name,
                showlegend=place == 0,
                marker={"color": colour},
                **on(place),
            )
    return figure


def bands_along(table: pd.DataFrame, wavelengths: Float[np.ndarray, " n_bands"]) -> go.Figure:
    """Three panels over the masked residue, a line per band: |q|, cosine with BOS's key, what is added to the score.

    `table` has columns residue (0-based), band, q_norm, cosine and contribution.
    """
    quantities = {
        "|q| (arbitrary units)": "q_norm",
        "cos θ": "cosine",
        "Added to the score (logits)": "contribution",
    }
    figure = panels(
        list(quantities),
        "Masked residue",
        "",
        height=420,
        columns=3,
        xaxis={"type": "log"},
        margin={"t": 80},
        legend={"y": 1.1, "title": {"text": "Wavelength"}},
    )
    colours = (EDITED, TARGET, RIGHT, WRONG, *OTHER, CLEAN)
    for band, label in enumerate(band_labels(wavelengths)):
        own = pd.DataFrame(table[table.band == band])
        for place, quantity in enumerate(quantities.values()):
            figure.add_scatter(
                x=own["residue"].to_numpy() + 1,
                y=own[quantity].to_numpy(),
                mode="lines+markers",
                name=label,
                legendgroup=label,
                showlegend=place == 0,
                line={"color": colours[band % len(colours)]},
                marker={"size": 4},
                **on(place),
            )
    return figure


def norm_and_direction(table: pd.DataFrame, wavelengths: Float[np.ndarray, " n_bands"]) -> go.Figure:
    """What the query's length and its direction add to each band's score difference; flagged bands are hatched.

    `table` has a row per band and columns norm, direction and flagged.
    """
    figure = axes("Wavelength (residues)", "Score difference, start − inside (logits)")
    pattern = ["/" if flagged else "" for flagged in table.flagged]
    for name, colour in (("norm", OTHER[0]), ("direction", EDITED)):
        figure.add_bar(
            x=band_labels(wavelengths),
            y=table[name].to_numpy(),
            name=name,
            marker={"color": colour, "pattern": {"shape": pattern}},
        )
    figure.update_xaxes(type="category")
    return figure.update_layout(barmode="relative").add_hline(y=0, line={"color": CLEAN, "width": 1})


def band_labels(wavelengths: Float[np.ndarray, " n_bands"]) -> list[str]:
    """Bands by their wavelengths in residues, as people read them: 6.3, 20, 1,986."""
    return [f"{length:.1f}" if length < 10 else f"{length:,.0f}" for length in wavelengths]
