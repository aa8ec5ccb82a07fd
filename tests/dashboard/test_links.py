"""Links that name heads and modules which the model doesn't have: said in one line, and left out."""

import pytest

from core.model import load_model
from tests.dashboard.test_circuit_lab import start

SHAPE = load_model("embedded").shape
HAS = f"embedded has layers 1 to {SHAPE.n_layers} and heads 1 to {SHAPE.n_heads}"
LAST, BEYOND = f"L{SHAPE.n_layers}H{SHAPE.n_heads}", f"L{SHAPE.n_layers}H{SHAPE.n_heads + 1}"


@pytest.mark.parametrize(
    ("view", "link", "named", "left"),
    [
        ("patching", {"main": "L99H1"}, "L99H1", {}),
        ("bos", {"main": "L5H1", "keys": ["L9H9", "L2H2"]}, "L9H9", {"main": "L5H1", "keys": ["L2H2"]}),
        ("rope", {"keys": ["L9H9", "L7H1"]}, "L9H9, L7H1", {}),
        ("sufficiency", {"kept": ["L99 MLP", "L2 MLP"], "second": BEYOND}, f"L99 MLP, {BEYOND}", {"kept": ["L2 MLP"]}),
        ("rope-shift", {"main": "L1H99"}, "L1H99", {}),
        ("rope-bands", {"main": "L1H99"}, "L1H99", {}),
        ("rope-swap", {"swapmain": "L99H1", "steps": "1"}, "L99H1", {}),
        ("injection", {"main": "L3H4", "also": "L7H1"}, "L7H1", {"main": "L3H4", "also": []}),
        ("explore", {"off": ["L99H1", "L1H2"], "bos": "every head"}, "L99H1", {"off": ["L1H2"], "bos": ["every head"]}),
        ("explore", {"head": "**L7H1**\n<b>"}, "**L7H1** <b>", {}),
    ],
)
def test_what_the_model_lacks_is_named_and_left_out(view, link, named, left):
    app = start(view, **link)
    assert not app.exception
    assert not app.error
    [warning] = app.warning
    were = "they were" if ", " in named else "it was"
    assert warning.value.replace("\\", "") == f"the link names {named}: {HAS}; {were} left out"
    assert "**" not in warning.value
    assert "<" not in warning.value.replace("\\<", "")
    assert {name: app.session_state[name] for name in left} == left
    assert app.get("plotly_chart")


@pytest.mark.parametrize(
    ("view", "link"),
    [
        ("patching", {"main": "L3H4"}),
        ("sufficiency", {"kept": ["L2 MLP", "L1 attention", LAST]}),
        ("explore", {"off": ["L1H2", "L1 attention"], "bos": "every head", "averaged": "L2H3"}),
    ],
)
def test_nothing_is_said_of_what_the_model_has(view, link):
    assert not start(view, **link).warning
