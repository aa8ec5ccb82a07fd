"""Which control of Explore costs a pass of the model, and which is arithmetic on what is there."""

from pathlib import Path

import pytest
from streamlit.runtime.scriptrunner import StopException
from streamlit.testing.v1 import AppTest

import core.run
from core.analyses.head_ablation import ComponentLogits, component_logits
from core.progress import Progress
from dashboard import engine
from dashboard.views.explore import grid
from dashboard.views.explore.effects import Effects

APP = Path(__file__).parents[2] / "dashboard" / "app.py"
SEQUENCE = "MSEYLRKGQEDVLHFTANICWPQSTRVKAG"


class Passes:
    """Counts batches of rows that go through the model's layers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.n = 0
        through_layers = core.run.layers

        def counted(*arguments, **settings):
            self.n += 1
            return through_layers(*arguments, **settings)

        monkeypatch.setattr(core.run, "layers", counted)

    def of(self, app: AppTest) -> int:
        """How many a rerun makes."""
        before = self.n
        app.run()
        assert not app.exception
        return self.n - before


@pytest.fixture
def passes(monkeypatch):
    return Passes(monkeypatch)


@pytest.fixture(scope="module")
def app() -> AppTest:
    return opened({"from": "Paste", "sequence": SEQUENCE, "mask": "1", "off": ["L2H2"], "head": "L4H7"})


def opened(link: dict[str, str | list[str]]) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=120)
    for name, value in link.items():
        app.query_params[name] = value
    return app.run()


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("selectbox", "target", "K"),
        ("selectbox", "among", "vocabulary"),
        ("selectbox", "head", "L1H3"),
        ("segmented_control", "readout", "logit"),
        ("selectbox", "map", "head"),
        ("selectbox", "map", "heads"),
        ("multiselect", "averaged", ["L2H1", "L5H4"]),
        ("selectbox", "colour", "to"),
        ("text_input", "pick", "S2, K7"),
        ("selectbox", "query", "S2"),
        ("selectbox", "key", "K7"),
        ("segmented_control", "pattern", "clean"),
        ("toggle", "given", False),
    ],
)
def test_what_is_read_off_a_run_costs_no_pass(app, passes, kind, key, value):
    getattr(app, kind)(key=key).set_value(value)
    assert passes.of(app) == 0


def test_an_edit_costs_a_pass_for_logits_one_for_attention_and_one_for_features(app, passes):
    app.multiselect(key="off").set_value(["L3H5", "L4 MLP"])
    assert passes.of(app) == 3
    app.multiselect(key="off").set_value(["L2H2"])
    assert passes.of(app) == 0, "it is the edit from before"


def test_a_scope_costs_a_sweep_for_the_grid_too(app, passes):
    app.selectbox(key="scope").set_value("mask")
    assert passes.of(app) > 2


def test_a_first_guess_stands_in_the_grid_until_its_effects_are_measured(monkeypatch):
    monkeypatch.setattr(engine, "UNASKED_SECONDS", 0.2)
    app = opened({"from": "Paste", "sequence": 2 * SEQUENCE[::-1], "mask": "3"})
    assert "Hatched, a first guess: estimated" in said(app)
    next(button for button in app.button if button.label.startswith("Compute the effect of all")).click().run()
    assert not app.exception
    assert "Hatched" not in said(app)
    assert "rank correlation" in said(app)


def test_a_long_sweep_is_drawn_layer_by_layer(monkeypatch):
    """After two of six layers, in the page of who waits; then the sweep is cancelled, as by leaving."""
    monkeypatch.setattr(engine, "UNASKED_SECONDS", 0.2)

    def stopped_after_two_layers(effects: Effects, partly) -> None:
        def show(so_far: ComponentLogits) -> None:
            found = so_far.effects(effects.target)
            if found.n_known_layers == 2:
                partly(so_far)
                raise StopException

        heard = Progress()
        monkeypatch.setattr(heard, "show", show)
        component_logits(effects.question.model, effects.question.tokens, 3, progress=heard, **effects.settings)

    monkeypatch.setattr(grid, "STREAMED_FROM", 0.0)
    monkeypatch.setattr(grid, "swept", stopped_after_two_layers)
    app = opened({"from": "Paste", "sequence": 2 * SEQUENCE[::-1], "mask": "3"})
    next(button for button in app.button if button.label.startswith("Compute the effect of all")).click().run()
    assert not app.exception
    assert "Measured so far: L1 to L2. Hatched" in said(app)


def said(app: AppTest) -> str:
    return " ".join(caption.value for caption in app.caption)
