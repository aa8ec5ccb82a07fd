"""What can be taken away from every page: pictures, data, Python and notebooks; each is opened again."""

import base64
import io
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import nbformat
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
import streamlit
from nbclient import NotebookClient
from PIL import Image
from playwright.sync_api import Page

from core.alphabet import tokenize
from core.analyses.contact_attribution import contact_maps
from core.components import ablate
from core.figures.drawn import drawn
from core.model import load_model
from core.proteins.contact_scores import VERDICTS, top_contacts
from dashboard import take_away
from dashboard.menu import MENU
from dashboard.script import ROWS, Script, notebook, python
from dashboard.views.explore import headline
from dashboard.widgets.head_grid import HeadGridData
from dashboard.widgets.linked_view import DrawnContact, Heat, LinkedViewData
from tests.dashboard.conftest import ROOT, OpenPage
from tests.dashboard.test_circuit_lab import APP, SEQUENCE, SLOW, start

PANELS = {
    "explore": ["prediction", "bands", "bos heads", "bos positions", "pattern", "features at the mask"],
    "sanity": ["surprise", "verdicts", "shares", "ladder"],
    "variants": ["ratios", "parts of the ratio"],
    "compare": [
        *("both predictions", "prediction difference", "both bands", "band difference"),
        *("bos heads A", "bos heads B", "bos heads difference", "bos positions", "bos positions difference"),
        *("pattern A", "pattern B", "pattern difference", "effects A", "effects B", "effects difference"),
        *("both features", "features difference"),
    ],
    "first-residue": ["gaps"],
    "ablation": ["scopes"],
    "bos": ["necessity", "sufficiency", "attention", "pattern"],
    "circuit": ["path"],
    "sufficiency": ["token scopes", "along", "pair"],
    "patching": ["stream"],
    "injection": ["injection"],
    "write-vectors": ["cosine", "drops"],
    "competition": ["length", "masks"],
    "repeats": ["twin attention", "blocked heads"],
    "contact-heads": ["ranking", "sweep"],
    "contact-head": ["weights"],
    "features": ["where they fire", "feature effects"],
    "feature": ["histogram", "letters", "write_effect", "write_weight", "read_effect", "read_weight"],
    "feature-edits": ["changed features"],
    "rope": ["removal", "patch sets", "causes"],
    "rope-swap": ["steps"],
    "rope-shift": ["shift", "cosine", "shares"],
    "rope-bands": ["two positions", "attribution", "along"],
}
"""Every page's figures; each is offered as PNG, SVG and CSV."""
DRAWN_HERE = {
    "explore": {"which heads matter": "png svg", "sequence": "png svg", "where are the contacts": "png svg"}
    | {"where are they in 3d": "png"},
    "ablation": {"one part off at a time": "png svg"},
    "variants": {"sequence": "png svg"},
}
"""The panels that are no plotly figures, and the formats they offer."""
OPENED = ["explore", "ablation", "variants", "bos"]
"""Whose pictures are opened in a browser; the buttons of all figures are the same."""
SMALL = {
    "first-residue": {"over": "This protein"},
    "repeats": {"segments": "4", "length": "6"},
    "competition": {"longest": "5"},
    "feature": {"feature": "L5F2951"},
    "feature-edits": {"off": "L1H6"},
}


@dataclass
class Taken:
    """What a page drew and offered, run as a script."""

    figures: dict[str, go.Figure] = field(default_factory=dict)
    scripts: list[Script] = field(default_factory=list)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Taken:
    found = Taken()
    monkeypatch.setattr(streamlit, "plotly_chart", lambda figure, key, **_: found.figures.update({key[8:]: figure}))
    for module in (take_away, headline):
        monkeypatch.setattr(module, "show_script", found.scripts.append)
    return found


# Data


@pytest.mark.parametrize("page", PANELS)
def test_every_figure_has_its_data(page: str, taken: Taken, handed_out: dict[str, pd.DataFrame]):
    app = start(page, **SMALL.get(page, {}))
    assert not app.exception
    assert not app.error
    assert set(taken.figures) <= set(PANELS[page])
    assert set(taken.figures) >= set(PANELS[page]) - {"surprise"}  # seen until the verdicts take its place
    for name, figure in taken.figures.items():
        given, values = handed_out[name], drawn(figure)
        assert len(given), name
        assert len(values), name
        assert np.isfinite(given.select_dtypes("number").to_numpy(float)).any(), name
    assert len(taken.scripts) == 1


def test_every_page_with_a_figure_is_in_the_table():
    others = {"", "learn", "glossary", "contacts", "contact-edits", "motif"}
    assert {view.PATH for views in MENU.values() for view in views} == others | set(PANELS)


def test_a_grid_and_a_map_have_their_data():
    grid = HeadGridData(np.array([[0.1, 0.2]]), np.array([0.3]), np.array([-0.4])).table
    assert dict(grid.to_numpy().tolist()) == {"L1H1": 0.1, "L1H2": 0.2, "L1 attention": 0.3, "L1 MLP": -0.4}
    above, below = Heat(np.arange(9.0).reshape(3, 3), "edited", "edited"), Heat(np.eye(3), "truth", "truth")
    pairs = LinkedViewData(["M1", "K2", "L3"], above, below, (DrawnContact(0, 2, "right"),)).pairs
    assert pairs.to_numpy().tolist() == [
        ["M1", "K2", 1.0, 0.0, ""],
        ["M1", "L3", 2.0, 0.0, VERDICTS["right"]],
        ["K2", "L3", 5.0, 0.0, ""],
    ]


# Python and notebooks


def numbers(text: str) -> np.ndarray:
    return np.array([float(each) for each in re.findall(r"-?\d+\.\d+(?:e-?\d+)?", text.replace("−", "-"))])


def decoded(value: Any) -> Any:
    """A figure's JSON with its arrays of bytes as arrays."""
    if isinstance(value, dict) and "bdata" in value:
        array = np.frombuffer(base64.b64decode(value["bdata"]), value["dtype"])
        return array.reshape([int(side) for side in str(value.get("shape", len(array))).split(",")])
    if isinstance(value, dict):
        return {name: decoded(each) for name, each in value.items()}
    return [decoded(each) for each in value] if isinstance(value, list) else value


def same(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    try:
        pd.testing.assert_frame_equal(one, other, check_dtype=False, rtol=1e-3, atol=1e-3)
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize("page", PANELS)
def test_a_notebook_gives_the_pages_numbers_and_figure(page: str, taken: Taken, tmp_path: Path):
    start(page, **SMALL.get(page, {}))
    [script] = taken.scripts
    book = nbformat.reads(notebook(script, str(ROOT)), as_version=4)
    NotebookClient(book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    *_, computed, shown = book.cells
    printed = numbers("".join(output.get("text", "") for output in computed.outputs))
    assert printed.size
    [picture] = [output.data for output in shown.outputs if "application/vnd.plotly.v1+json" in output.get("data", {})]
    figure = go.Figure(decoded(picture["application/vnd.plotly.v1+json"]["data"]))
    figure.update_layout(decoded(picture["application/vnd.plotly.v1+json"]["layout"]))
    assert any(same(drawn(figure), drawn(each)) for each in taken.figures.values())


@pytest.mark.parametrize("page", ["variants", "write-vectors"])
def test_a_script_prints_the_pages_first_numbers(
    page: str, taken: Taken, handed_out: dict[str, pd.DataFrame], tmp_path: Path
):
    start(page)
    [script] = taken.scripts
    (tmp_path / "it.py").write_text(python(script, str(ROOT)))
    ran = subprocess.run([sys.executable, "it.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    table = handed_out["ratios"] if page == "variants" else handed_out["cosine"]
    first = table["ratio"].head(10) if page == "variants" else table.iloc[0, 1:11]
    for value in first.to_numpy(float):
        assert np.abs(numbers(ran.stdout) - value).min() < 1e-5


@pytest.mark.parametrize("page", ["contacts", "contact-edits"])
def test_a_contact_maps_script_finds_the_highest_pairs(page: str, taken: Taken, capsys: pytest.CaptureFixture[str]):
    app = start(page, off="L2 MLP")
    assert not app.exception
    [script] = taken.scripts
    exec(python(script, str(ROOT)), {})
    model = load_model("embedded")
    condition = ablate(("mlp", 1), "all", "zero") if page == "contact-edits" else ()
    predicted = next(contact_maps(model, tokenize(SEQUENCE), [tuple(condition)], ()))
    assert capsys.readouterr().out.strip() == str(top_contacts(predicted)[:ROWS])


# Pictures


def opened(page: Page, button: int, folder: Path) -> Path:
    with page.expect_download(timeout=SLOW) as download:
        page.locator(".save button:visible").nth(button).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


@pytest.mark.browser
@pytest.mark.parametrize("address", OPENED)
def test_every_picture_opens_again(address: str, open_page: OpenPage, with_3dmol: None, tmp_path: Path):
    link = {"from": "Example"} if address in DRAWN_HERE else {"from": "Paste", "sequence": SEQUENCE}
    page = open_page(APP, query=f"/{address}?{urlencode(link)}", dark=True)
    named = {key.replace(" ", "-"): {"png", "svg"} for key in PANELS[address]}
    named |= {key.replace(" ", "-"): set(formats.split()) for key, formats in DRAWN_HERE.get(address, {}).items()}
    n_buttons = sum(map(len, named.values()))
    page.locator(".save button:visible").nth(n_buttons - 1).wait_for(timeout=SLOW)
    page.locator("[data-testid=stStatusWidget]").wait_for(state="detached", timeout=SLOW)
    files = [opened(page, button, tmp_path) for button in range(page.locator(".save button:visible").count())]
    offered: dict[str, set[str]] = {}
    for file in files:
        offered.setdefault(file.stem, set()).add(file.suffix[1:])
        if file.suffix == ".png":
            image = np.asarray(Image.open(file).convert("L"))
            assert min(image.shape) > 300, file
            assert image.std() > 3, file  # not blank
            assert image[0, 0] == 255, file  # on white, also from a dark page
        else:
            root = ET.parse(file).getroot()
            assert float(root.get("width") or 0) > 300
            words = " ".join(root.itertext())
            assert "embedded teaching model" in words, file
            assert len(list(root.iter())) > 20, file
    for name, formats in named.items():
        assert offered.get(name, set()) >= formats, name


@pytest.mark.browser
def test_a_figures_csv_holds_what_it_draws(open_page: OpenPage):
    page = open_page(APP, query=f"/explore?{urlencode({'from': 'Paste', 'sequence': SEQUENCE})}")
    panel = page.locator(".st-key-panel-prediction").first
    with page.expect_download(timeout=SLOW) as download:
        panel.get_by_role("button", name="Data (CSV)").click(timeout=SLOW)
    table = pd.read_csv(io.BytesIO(Path(download.value.path()).read_bytes()))
    assert list(table.columns) == ["series", "Amino acid", "Probability"]
    assert set(table["Amino acid"]) == set("ACDEFGHIKLMNPQRSTVWY")
    shown = float(page.get_by_test_id("stMetricValue").first.inner_text())
    of_target = table[(table["Amino acid"] == "M") & table.series.str.startswith("clean")]
    assert of_target.Probability.iloc[0] == pytest.approx(shown, abs=5e-4)
