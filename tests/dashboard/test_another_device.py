"""Every page with its model on another device, as on a machine with a GPU."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st

from core.model import load_model
from dashboard import engine, views
from tests.another_device import ELSEWHERE, ElsewhereTensor
from tests.dashboard.test_circuit_lab import FIGURES, start

VIEWS = sorted({path.stem for path in Path(views.__path__[0]).glob("[a-z]*.py")} - {"write_vectors"})
"""All but one: its gradients are taken below what a made-up device can follow (an in-place squeeze in PyTorch)."""


@pytest.fixture
def model_elsewhere(monkeypatch) -> Iterator[None]:
    st.cache_resource.clear()  # results are kept by model, wherever it is
    monkeypatch.setattr(
        engine, "load_model", lambda name, **settings: load_model(name, **settings | {"device": ELSEWHERE})
    )
    yield
    st.cache_resource.clear()


@pytest.mark.parametrize("view", VIEWS)
def test_a_page_draws_its_answer_with_its_model_elsewhere(view, model_elsewhere):
    app = start(view, **({"from": "Example"} if view.startswith(("contact", "explore")) else {}))
    assert isinstance(engine.model("embedded").embedding, ElsewhereTensor)
    assert not app.exception
    assert not app.error
    assert any(node.type in FIGURES for node in app.main)
