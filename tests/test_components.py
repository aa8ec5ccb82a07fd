import pytest

from core.components import MAX_BYTES, Circuit, circuit_from_json, circuit_to_json
from core.errors import InputError
from core.interventions import Head


def test_a_saved_circuit_comes_back_with_the_same_members():
    circuit = Circuit.of("M from BOS", "esm2_t6_8M_UR50D", [Head(5, 7), ("mlp", 0), ("attention", 5)])
    assert circuit.components == ("L6H8", "L1 MLP", "L6 attention")
    back = circuit_from_json(circuit_to_json(circuit).encode())
    assert back == circuit
    assert back.members == (Head(5, 7), ("mlp", 0), ("attention", 5))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"not json", "not a circuit"),
        (b"\xff\xfe", "not a circuit"),
        (b'{"name": "x", "model": "y"}', "components"),
        (b'{"name": "x", "model": "y", "components": ["L6H8", "tail"]}', "'tail' is not a component"),
        (b'{"name": "x", "model": "y", "components": [], "more": 1}', "more"),
        (b" " * (MAX_BYTES + 1), "at most"),
    ],
)
def test_what_is_no_circuit_gets_one_line(text: bytes, message: str):
    with pytest.raises(InputError, match=message) as raised:
        circuit_from_json(text)
    assert "\n" not in str(raised.value)
