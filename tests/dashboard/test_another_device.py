"""Every page with its model on another device, as on a machine with a GPU."""

from collections.abc import Iterator

import pytest
import streamlit as st

from core.model import load_model
from dashboard import engine
from dashboard.menu import MENU, asks
from tests.another_device import ELSEWHERE, ElsewhereTensor
from tests.dashboard.test_circuit_lab import FIGURES, VIEWS, start

NO_DICTIONARY = [view.PATH for view in MENU["Features"]]
"""Pages of dictionaries, which the embedded model comes without; `test_features_pages` makes one."""
PATHS = [path for path, view in VIEWS.items() if asks(view) and path not in NO_DICTIONARY and path != "write-vectors"]
"""All others but one: its gradients are taken below what a made-up device can follow (PyTorch squeezes in place)."""
CONTACTS = [view.PATH for view in MENU["Contacts"]]


@pytest.fixture
def model_elsewhere(monkeypatch) -> Iterator[None]:
    st.cache_resource.clear()  # results are kept by model, wherever it is
    monkeypatch.setattr(
        engine, "load_model", lambda name, **settings: load_model(name, **settings | {"device": ELSEWHERE})
    )
    monkeypatch.setattr(engine, "UNASKED_SECONDS", 600.0)  # as if the person had asked for what takes long
    yield
    st.cache_resource.clear()


@pytest.mark.parametrize("view", PATHS)
def test_a_page_draws_its_answer_with_its_model_elsewhere(view, model_elsewhere):
    link = {"from": "Example"} if view == "explore" or view in CONTACTS else {}
    app = start(view, **link | ({"repeats": "1"} if view == "motif" else {}))
    assert isinstance(engine.model("embedded").embedding, ElsewhereTensor)
    assert not app.exception
    assert not app.error
    assert any(node.type in FIGURES for node in app.main)
