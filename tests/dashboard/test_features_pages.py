"""The Features pages as scripts, on a small random dictionary of the embedded model, and on a model without any."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
import streamlit
from playwright.sync_api import expect
from streamlit.testing.v1 import AppTest

from core.alphabet import tokenize
from core.analyses.feature_effects import feature_effects
from core.analyses.protein_features import protein_features
from core.answers.words import counted
from core.features.activations import feature_activations
from core.interventions import AblateHead, ClampFeature, Head, ScaleFeature
from core.metrics import Target
from core.model import Model, load_model
from core.proteins.protein import read_text
from dashboard import engine
from dashboard.menu import MENU
from dashboard.question import Question
from dashboard.script import python
from dashboard.session import parse_feature_edits, plain
from dashboard.views.explore.script import script_of
from dashboard.views.features import heatmap
from tests.dashboard.conftest import ROOT, OpenPage
from tests.dashboard.test_accessibility import STILL
from tests.dashboard.test_circuit_lab import APP, SLOW
from tests.made_features import LAYER, SHORT, write_made_features

VIEWS = {view.PATH: view.__name__ for view in MENU["Features"]}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Model]:
    folder = tmp_path_factory.mktemp("features")
    return folder, write_made_features(folder)


@pytest.fixture
def carried(kept: tuple[Path, Model], monkeypatch: pytest.MonkeyPatch) -> Iterator[Model]:
    folder, model = kept
    for module in ("core.features.files", "core.features.descriptions", "dashboard.controls.features"):
        monkeypatch.setattr(f"{module}.features_folder", lambda _: folder)
    engine.model.clear()
    yield model
    engine.model.clear()


def script(module: str) -> None:
    from importlib import import_module

    from core.errors import InputError
    from dashboard.question import stop_with
    from dashboard.sidebar import ask

    try:  # as app.py does
        import_module(module).page(ask())
    except InputError as error:
        stop_with(error)


def start(address: str, **link: str) -> AppTest:
    module = VIEWS.get(address, address)
    app = AppTest.from_function(script, kwargs={"module": module}, default_timeout=300)
    for name, value in {"from": "Paste", "sequence": SHORT, **link}.items():
        app.query_params[name] = value
    return app.run()


def said(app: AppTest) -> str:
    return " ".join(found.value for found in (*app.caption, *app.markdown, *app.info, *app.warning, *app.error))


@pytest.mark.parametrize("page", VIEWS)
def test_without_a_dictionary_a_page_says_what_to_put_where(page: str, tmp_path: Path, monkeypatch) -> None:
    for module in ("core.features.files", "dashboard.controls.features"):
        monkeypatch.setattr(f"{module}.features_folder", lambda _: tmp_path / "features")
    engine.model.clear()
    app = start(page)
    engine.model.clear()
    assert not app.exception
    assert "has no dictionary of features: put into" in said(app)


def test_a_damaged_dictionary_leaves_the_model_and_says_so(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "config.json").write_text("{")
    monkeypatch.setattr("core.features.files.features_folder", lambda _: tmp_path)
    engine.model.clear()
    loaded = engine.model("embedded")
    engine.model.clear()
    assert not loaded.dictionaries
    assert "cannot read" in loaded.notes[-1]


def test_the_proteins_features_and_their_effects(carried: Model) -> None:
    app = start("features", pick="3", exact="true")
    assert not app.exception
    tokens = tokenize(SHORT, masked=[0])
    dense = feature_activations(carried, tokens, LAYER).numpy()
    table = app.dataframe[0].value
    at_k3 = {f"L3F{each}" for each in np.flatnonzero(dense[3])}
    assert set(table["Feature"]) == at_k3
    assert table["Specificity"].is_monotonic_decreasing
    row = table.iloc[0]
    feature = int(row["Feature"].removeprefix("L3F"))
    assert row["Activation there"] == pytest.approx(dense[:, feature].max())
    expected = feature_effects(carried, tokens, LAYER, (2,), target=Target("M", 0))
    assert f"{expected.rank_correlation:+.2f} over {len(expected.features)} features" in said(app)
    assert "A poor reconstruction" in said(app)  # it is random
    found = start("features", find=row["Feature"][2:])
    assert row["Feature"] in set(found.dataframe[0].value["Feature"])


def test_a_picked_feature_says_where_it_fires_and_is_marked(carried: Model, monkeypatch) -> None:
    drawn: dict[str, go.Figure] = {}
    monkeypatch.setattr(streamlit, "plotly_chart", lambda figure, key, **_: drawn.update({key: figure}))
    monkeypatch.setattr(heatmap, "MOST_DRAWN", 4)
    found = protein_features(carried, tokenize(SHORT, masked=[0]), LAYER)
    feature = int(found.features[-1])  # the least specific
    app = start("features", feature=f"L3F{feature}", pick="3, 5")
    assert not app.exception
    activation = found.of(feature)
    n, strongest = int((activation > 0).sum()), int(activation.argmax())
    place = ["BOS", *[f"{letter}{number}" for number, letter in enumerate(SHORT, start=1)], "EOS"][strongest]
    assert plain(f"fires at {counted(n, 'position')}, the strongest first: {place} ({activation.max():.2f})") in said(
        app
    )
    figure = drawn["figure: where they fire"].to_dict()
    rows = figure["data"][0]["y"]
    assert len(rows) == 4
    assert rows[-1].split()[0] == f"L3F{feature}"
    marks = figure["layout"]["shapes"]
    assert [(mark["y0"], mark["y1"]) for mark in marks] == [(2.5, 3.5), (-0.5, 3.5), (-0.5, 3.5)]
    assert [mark["x0"] for mark in marks[1:]] == [2.5, 4.5]
    app.button[0].click().run()
    assert not {"feature", "pick"} & set(app.query_params)
    assert not drawn["figure: where they fire"].layout.shapes
    assert "is not a feature" in start("features", feature="cysteine").warning[-1].value


@pytest.mark.browser
def test_a_click_on_a_cell_picks_its_feature_and_its_residue(open_page: OpenPage) -> None:
    page = open_page(APP, query="/features?example=Trypsin+inhibitor+BPTI%2C+cow&layer=L5")
    panel = page.locator(".st-key-panel-where-they-fire").first
    plot = panel.locator(".nsewdrag").first
    expect(plot).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("Which are they?").first).to_be_visible(timeout=SLOW)
    page.wait_for_function(STILL, timeout=SLOW)
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box
    row, column = 1, 30
    x, y = box["x"] + box["width"] * (column + 0.5) / 60, box["y"] + box["height"] * (row + 0.5) / 30
    page.mouse.move(x + 3, y)
    page.mouse.move(x, y, steps=3)
    expect(panel.locator(".hoverlayer .hovertext").first).to_be_visible()
    name = panel.locator(".js-plotly-plot").first.evaluate("(chart, row) => chart.data[0].y[row].split(' ')[0]", row)
    page.mouse.click(x, y)
    expect(page.get_by_role("textbox", name="Feature").first).to_have_value(name, timeout=SLOW)
    expect(page.get_by_role("textbox", name="Picked residues").first).to_have_value("C30")
    expect(page).to_have_url(re.compile(f"feature={name}.*pick=C30"))
    expect(panel.locator(".shapelayer path")).to_have_count(2)
    expect(page.get_by_text("What do the features at C30 do").first).to_be_visible(timeout=SLOW)


def test_one_feature(carried: Model) -> None:
    dense = feature_activations(carried, tokenize(SHORT, masked=[0]), LAYER).numpy()
    feature = int(dense[5].argmax())
    app = start("feature", feature=f"L3F{feature}")
    assert not app.exception
    assert not app.error
    assert plain(f"({dense[:, feature].max():.2f})") in said(app)
    assert "The direct path alone" in said(app)
    assert "L3F99 does not exist" in start("feature", feature="L3F99").error[0].value
    assert "is not a feature" in start("feature", feature="L3H1").error[0].value
    assert not start("feature").exception


def test_what_an_edit_changes_in_the_features(carried: Model) -> None:
    app = start("feature-edits", off="L1H6")
    assert not app.exception
    tokens = tokenize(SHORT, masked=[0])
    before = feature_activations(carried, tokens, LAYER)
    after = feature_activations(carried, tokens, LAYER, (AblateHead(Head(0, 5)),))
    change = (after - before).numpy()
    row = app.dataframe[0].value.iloc[0]
    feature = int(row["Feature"].removeprefix("L3F"))
    assert abs(row["Change"]) == pytest.approx(np.abs(change).max(), abs=1e-3)
    assert abs(row["Change"]) == pytest.approx(np.abs(change[:, feature]).max(), abs=1e-3)
    assert "No feature of this layer changes" in said(start("feature-edits"))


def test_features_travel_in_the_link_and_the_snippet(carried: Model, capsys: pytest.CaptureFixture[str]) -> None:
    app = start("feature-edits", feat="L3F5, L3F7 x2, L3F9 = 4", scope="The mask")
    assert not app.exception
    assert "L3F5 off at the mask · L3F7 times 2 at the mask · L3F9 held at 4 at the mask" in said(app)
    condition = parse_feature_edits("L3F5, L3F7 x2, L3F9=4", "mask")
    assert condition == (
        ScaleFeature(2, 5, 0, "mask"),
        ScaleFeature(2, 7, 2, "mask"),
        ClampFeature(2, 9, 4, "mask"),
    )
    assert "no change of a feature" in said(start("feature-edits", feat="L3F5 ?"))
    question = Question(load_model("embedded"), read_text(SHORT).proteins[0], (0,), 0, "M")
    exec(python(script_of(question, condition, Head(2, 0), Target("M", 0)), str(ROOT)), {})
    assert "edited  M gap" in capsys.readouterr().out


def test_explore_shows_the_features_at_the_mask(carried: Model) -> None:
    before = feature_activations(carried, tokenize(SHORT, masked=[0]), LAYER)[1]
    strongest = int(before.argmax())
    app = start("dashboard.views.explore.page", feat=f"L3F{strongest}")
    assert not app.exception
    assert f"L3F{strongest} off at every position" in said(app)
    assert "features of L3; all of them" in said(app)
    assert "Which features are active at M1?" in said(app)
