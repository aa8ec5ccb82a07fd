"""Heads, attention modules and MLPs: which a model has, their names, sets of them, and circuits as files."""

from collections.abc import Collection, Sequence

import msgspec
import numpy as np
import pandas as pd
from jaxtyping import Float

from core.errors import InputError
from core.interventions import (
    AblateAttention,
    AblateHead,
    AblateMlp,
    Component,
    Condition,
    Head,
    Mode,
    Scope,
    Source,
    component_name,
    parse_component,
)
from core.model import ModelShape

MAX_BYTES = 2**16


def components(shape: ModelShape) -> list[Component]:
    """Every head, layer by layer, then every attention module, then every MLP."""
    heads: list[Component] = [Head(layer, index) for layer in range(shape.n_layers) for index in range(shape.n_heads)]
    layers = range(shape.n_layers)
    return [*heads, *(("attention", layer) for layer in layers), *(("mlp", layer) for layer in layers)]


def heads_of_layers(shape: ModelShape, layers: Sequence[int]) -> tuple[Head, ...]:
    """Every head of some layers, in order."""
    return tuple(Head(layer, index) for layer in layers for index in range(shape.n_heads))


def modules(shape: ModelShape) -> list[Component]:
    """Every attention module and MLP, in the order a residue meets them."""
    return [(kind, layer) for layer in range(shape.n_layers) for kind in ("attention", "mlp")]


def heads_in(shape: ModelShape, components: Sequence[Component]) -> list[Component]:
    """The components with every attention module replaced by its heads."""
    split: list[Component] = []
    for component in components:
        if isinstance(component, tuple) and component[0] == "attention":
            split += [Head(component[1], index) for index in range(shape.n_heads)]
        else:
            split.append(component)
    return split


def component_names(shape: ModelShape) -> list[str]:
    """Every head and module under the name that people read."""
    return [component_name(component) for component in components(shape)]


def head_names(shape: ModelShape) -> list[str]:
    """Every head under the name that people read, layer by layer."""
    return component_names(shape)[: shape.n_layers * shape.n_heads]


def ablate(component: Component, scope: Scope = "all", mode: Mode = "zero", source: Source | None = None) -> Condition:
    """The condition that ablates one component; a resample ablation needs its source."""
    if isinstance(component, Head):
        return (AblateHead(component, scope, mode, source),)
    kind, layer = component
    module = AblateAttention if kind == "attention" else AblateMlp
    return (module(layer, scope, mode, source),)


class Circuit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A named set of heads and modules; components are written as people read them (L6H8, L1 MLP, L6 attention)."""

    name: str
    model: str
    components: tuple[str, ...]

    @classmethod
    def of(cls, name: str, model: str, components: Collection[Component]) -> "Circuit":
        return cls(name, model, tuple(component_name(component) for component in components))

    @property
    def members(self) -> tuple[Component, ...]:
        """The components themselves; `InputError` for one that is not written as people read them."""
        return tuple(parse_component(text) for text in self.components)


def circuit_to_json(circuit: Circuit) -> str:
    """The circuit as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(circuit), indent=1).decode()


def circuit_from_json(text: bytes) -> Circuit:
    """The circuit in a file that `circuit_to_json` wrote; `InputError` in one line when it is not one."""
    if len(text) > MAX_BYTES:
        raise InputError(f"the file has {len(text)} bytes: a circuit takes at most {MAX_BYTES}")
    try:
        circuit = msgspec.json.decode(text, type=Circuit)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"not a circuit: {error}") from error
    _ = circuit.members  # raises where a component is not written as one
    return circuit


def by_head(shape: ModelShape, **arrays: Float[np.ndarray, "n_layers n_heads"]) -> pd.DataFrame:
    """A row per head: layer, head (both 0-based), and a column for each array."""
    layers, heads = np.indices((shape.n_layers, shape.n_heads))
    columns = {name: array.ravel() for name, array in arrays.items()}
    return pd.DataFrame({"layer": layers.ravel(), "head": heads.ravel(), **columns})
