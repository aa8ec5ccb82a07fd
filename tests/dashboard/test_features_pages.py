"""The Features pages as scripts, on a small random dictionary of the embedded model, and on a model without any."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.alphabet import tokenize
from core.analyses.feature_effects import feature_effects
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
from tests.dashboard.conftest import ROOT
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
