"""A circuit that somebody named: which components it has, in which model, as a JSON file."""

from collections.abc import Collection

import msgspec

from core.errors import InputError
from core.interventions import Component, component_name, parse_component

MAX_BYTES = 2**16


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
