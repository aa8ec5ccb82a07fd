"""What the head grid shows and what a person chose in it, as frozen data. No Streamlit here."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from jaxtyping import Float

from core.errors import InputError
from core.figures.style import head_labels, layer_labels
from core.interventions import Component, Head, component_name


@dataclass(frozen=True, slots=True, eq=False)
class HeadGridData:
    """The effect of switching off each head, attention module and MLP, in `unit`; NaN where it isn't computed yet.

    `InputError` when the three are not of the same number of layers.
    """

    heads: Float[np.ndarray, "layer head"]
    attention: Float[np.ndarray, " layer"]
    mlps: Float[np.ndarray, " layer"]
    quantity: str = "change of target gap"
    unit: str = "logits"
    title: str = "Which heads matter?"
    noise: float = 0.0
    """Effects up to here say nothing: the colour scale ends no lower."""

    def __post_init__(self) -> None:
        n_layers = self.heads.shape[0]
        if self.attention.shape != (n_layers,) or self.mlps.shape != (n_layers,):
            raise InputError(
                f"heads of {n_layers} layers, but effects of {self.attention.size} attention modules "
                f"and {self.mlps.size} MLPs"
            )

    @classmethod
    def of(cls, effects: Float[np.ndarray, " component"], n_layers: int, noise: float = 0.0, **texts: str) -> Self:
        """The grid of effects in the order of `core.components.components`."""
        heads, attention, mlps = np.split(effects, [-2 * n_layers, -n_layers])
        return cls(heads.reshape(n_layers, -1), attention, mlps, noise=noise, **texts)

    @classmethod
    def not_computed(cls, n_layers: int, n_heads: int) -> Self:
        """The grid before any effect is known: every cell can be clicked, none has a colour."""
        unknown = np.full(n_layers, np.nan)
        return cls(np.full((n_layers, n_heads), np.nan), unknown, unknown)

    @property
    def table(self) -> pd.DataFrame:
        """A row per head, attention module and MLP, layer after layer, and its effect under quantity and unit."""
        n_layers, n_heads = self.heads.shape
        names = [
            component_name(_component(layer, at, n_heads)) for layer in range(n_layers) for at in range(n_heads + 2)
        ]
        effects = np.column_stack([self.heads, self.attention, self.mlps]).ravel()
        return pd.DataFrame({"component": names, f"{self.quantity} ({self.unit})": effects})


@dataclass(frozen=True, slots=True)
class HeadChoice:
    """What is switched off (heads, attention modules, MLPs), and the head looked at closely."""

    off: frozenset[Component] = frozenset()
    selected: Head | None = None


def payload(data: HeadGridData) -> dict[str, Any]:
    """`data` as JSON-ready values: one row of cells per layer, its heads first, then its attention module and its MLP.

    The scale ends at the largest effect of a head, so that a module's larger one doesn't pale the heads; where no head
    has any, at the largest of a module; and never below `noise`. It is 0 where no effect is known.
    """
    n_layers, n_heads = data.heads.shape
    effects = np.column_stack([data.heads, data.attention, data.mlps])
    names = [
        [component_name(_component(layer, column, n_heads)) for column in range(n_heads + 2)]
        for layer in range(n_layers)
    ]
    known = np.isfinite(data.heads)
    return {
        "layers": layer_labels(n_layers),
        "columns": [*head_labels(n_heads), "Attn", "MLP"],
        "names": names,
        "effects": [[round(float(x), 4) if np.isfinite(x) else None for x in row] for row in effects],
        "largest": max(
            _largest(data.heads[known]) or _largest(effects[np.isfinite(effects)]) or float(known.any()),
            data.noise * float(known.any()),
        ),
        "quantity": data.quantity,
        "unit": data.unit,
        "title": data.title,
    }


def _largest(effects: np.ndarray) -> float:
    return float(np.abs(effects).max(initial=0.0))


def to_cells(choice: HeadChoice, n_heads: int) -> dict[str, Any]:
    """A choice as the browser holds it: cells [layer, column], with columns in the order of `payload`."""
    off = [_cell(component, n_heads) for component in choice.off]
    selected = choice.selected and [choice.selected.layer, choice.selected.index]
    return {"off": sorted(off), "selected": selected}


def from_cells(value: dict[str, Any], n_layers: int, n_heads: int) -> HeadChoice:
    """The choice that a browser's cells stand for; a cell that this model doesn't have is left out."""
    off = {tuple(cell) for cell in value["off"] if 0 <= cell[0] < n_layers and 0 <= cell[1] < n_heads + 2}
    layer, column = value["selected"] or (-1, -1)
    exists = 0 <= layer < n_layers and 0 <= column < n_heads
    return HeadChoice(
        off=frozenset(_component(layer, column, n_heads) for layer, column in off),
        selected=Head(layer, column) if exists else None,
    )


def _component(layer: int, column: int, n_heads: int) -> Component:
    if column < n_heads:
        return Head(layer, column)
    return ("attention" if column == n_heads else "mlp", layer)


def _cell(component: Component, n_heads: int) -> list[int]:
    if isinstance(component, Head):
        return [component.layer, component.index]
    kind, layer = component
    return [layer, n_heads if kind == "attention" else n_heads + 1]
