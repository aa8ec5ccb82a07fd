"""The Explore page: as a script (every control, bad input), and in a real browser (clicks, links, linked picking)."""

import re
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest
import torch
from playwright.sync_api import Page, expect
from streamlit.testing.v1 import AppTest

from core.alphabet import AMINO_ACIDS, token_id, tokenize
from core.analyses.exploration import view_run
from core.components import head_names
from core.interventions import AblateHead, BlockAttention, Head
from core.metrics import target_gap
from core.model import load_model
from core.run import run
from dashboard.session import EVERY_HEAD
from tests.dashboard.conftest import OpenPage

APP = Path(__file__).parents[2] / "dashboard" / "app.py"
UBIQUITIN = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG"
LINK = {
    "from": "Paste",
    "sequence": UBIQUITIN,
    "mask": "M1, T7",
    "target": "K",
    "head": "L4H7",
    "off": ["L2H2", "L1 attention", "L3 MLP"],
    "scope": "BOS and the mask",
    "mode": "its mean",
    "bos": ["L3H11"],
    "shift": "-3",
    "shifted": ["L6H5", "L1H2"],
    "side": "q and k (control)",
    "given": "true",
    "among": "all other tokens",
    "readout": "logit",
    "map": "Chosen heads, averaged",
    "averaged": ["L4H1", "L5H2"],
    "below": "Clean run",
    "colour": "Attention to the picked residue",
    "pick": "M1, K27",
    "query": "I3",
    "key": "K6",
    "pattern": "clean",
}


def start(**link) -> AppTest:
    """The app at a link to Explore; without its page's name, as links were when Explore was the front door."""
    app = AppTest.from_file(str(APP), default_timeout=120)
    for name, value in ({"mask": "1"} | link).items():
        app.query_params[name] = value
    return app.run()


def metric(app: AppTest, label: str) -> str:
    return next(found.value for found in app.metric if found.label.startswith(label))


def said(app: AppTest) -> str:
    return " ".join(found.value for found in app.markdown)


# The page as a script


@pytest.fixture(scope="module")
def opened() -> AppTest:
    return start()


def test_a_first_visit_shows_the_clean_run_of_an_example(opened):
    assert not opened.exception
    assert "Nothing is switched off" in said(opened)
    assert "not ESM-2" in " ".join(found.value for found in opened.caption)
    assert 0 <= float(metric(opened, "P(")) <= 1
    assert len(opened.selectbox(key="example").options) >= 8


def test_a_first_visit_looks_at_the_head_that_m_rests_on(opened):
    model = load_model("embedded")
    heads = [Head.parse(name) for name in head_names(model.shape)]
    without = run(model, tokenize(UBIQUITIN, [0]), [(AblateHead(head, "mask"),) for head in heads]).logits[:, 1]
    assert opened.selectbox(key="head").value == str(heads[int(without[:, token_id("M")].argmin())])


def test_switching_every_head_off_changes_the_prediction_and_reset_brings_it_back():
    app = start()
    clean = metric(app, "P(")
    app.multiselect(key="bos").set_value([EVERY_HEAD]).run()
    assert not app.exception
    assert metric(app, "P(") != clean
    assert "attention of L1H1" in said(app)
    next(button for button in app.button if button.label == "Reset").click().run()
    assert metric(app, "P(") == clean
    assert "Nothing is switched off" in said(app)


def test_the_control_shift_changes_nothing_and_the_shift_of_q_does():
    app = start(head="L2H2")
    clean = metric(app, "M gap")
    app.slider(key="shift").set_value(5).run()
    shifted = metric(app, "M gap")
    app.segmented_control(key="side").set_value("qk").run()
    assert metric(app, "M gap") == clean != shifted


def test_a_link_restores_every_control():
    app = start(**LINK)
    assert not app.exception
    assert not app.error
    held = {
        "from": "Paste",
        "sequence": UBIQUITIN,
        "scope": "bos+mask",
        "mode": "mean",
        "shift": -3,
        "side": "qk",
        "given": True,
        "among": "vocabulary",
        "map": "heads",
        "below": "clean",
        "colour": "to",
    }
    for name, expected in (LINK | held).items():
        assert app.session_state[name] == expected, name
    sentence = said(app)
    for part in ("L2H2, L1 attention, L3 MLP set to its mean at BOS and the mask", "L3H11", "shifted by -3"):
        assert part in sentence


def test_values_in_a_link_that_mean_nothing_fall_back():
    app = start(head="L99H1", off=["L1H1", "L77H3"], scope="everywhere", shift="300", target="J")
    assert not app.exception
    assert app.session_state["off"] == ["L1H1"]
    assert app.session_state["shift"] == 0
    assert app.session_state["scope"] == "all"


@pytest.mark.parametrize(
    ("link", "message"),
    [
        ({"from": "Paste", "sequence": "MKTJ"}, "residue 4 is 'J'"),
        ({"from": "Paste", "sequence": "M" * 1023}, "1,023 residues"),
        ({"mask": "A1"}, "residue 1 is M, not A"),
        ({"mask": "900"}, "there is no residue 900"),
        ({"mask": ""}, "mask at least one residue"),
        ({"scope": "Chosen residues", "off": ["L1H1"]}, "none is named"),
        ({"from": "Identifier", "identifier": "../../etc/passwd"}, "passwd"),
    ],
)
def test_bad_input_gets_one_line_and_no_traceback(link, message):
    app = start(**link)
    assert not app.exception
    assert len(app.error) == 1
    assert message in app.error[0].value
    assert "\n" not in app.error[0].value


def test_a_protein_without_structure_has_every_other_view():
    app = start(**{"from": "Paste", "sequence": ">one\nMKTAYIAKQRQISFVKSHFSRQ\n>two\nGAVLIMCFYW", "entry": "2. two"})
    assert not app.exception
    assert not app.error
    assert "10 residues" in " ".join(found.value for found in app.caption)


def test_two_heads_off_in_either_order_give_cores_numbers():
    heads = [Head(1, 1), Head(4, 10)]
    model, tokens = load_model("embedded"), tokenize(UBIQUITIN, [0])
    conditions = [tuple(AblateHead(head) for head in order) for order in (heads, heads[::-1])]
    one, other = (run(model, tokens, [condition]).logits[0, 1] for condition in conditions)
    assert torch.allclose(one, other, atol=1e-6)
    shown = view_run(model, tokens, conditions[0], residue=0, head=heads[0])
    assert torch.allclose(torch.from_numpy(shown.logits), one, atol=1e-6)
    for order in (heads, heads[::-1]):
        app = start(**{"from": "Paste", "sequence": UBIQUITIN, "target": "M"})
        for count in (1, 2):
            app.multiselect(key="off").set_value([str(head) for head in order[:count]]).run()
        assert metric(app, "P(M)") == f"{one.softmax(-1)[token_id('M')]:.3f}"
        assert metric(app, "M gap") == f"{target_gap(one, 'M'):+.2f}"


# The page in a browser


@pytest.fixture
def open_explore(open_page: OpenPage) -> OpenPage:
    def start(query: str = "", **settings: object) -> Page:
        page = open_page(APP, query=f"/explore{query}", **settings)
        page.set_default_timeout(60_000)
        expect(page.locator(".cell").first).to_be_visible(timeout=60_000)
        return page

    return start


def shown(page: Page, label: str) -> str:
    return page.get_by_test_id("stMetric").filter(has_text=label).get_by_test_id("stMetricValue").inner_text()


@pytest.mark.browser
def test_a_click_on_the_grid_reaches_every_view_and_the_address(open_explore):
    page = open_explore("?target=M")
    clean = shown(page, "P(M)")
    page.locator(".cell[data-layer='1'][data-column='1']").click()
    expect(page.get_by_text("L2H2 off at every position").first).to_be_visible()
    expect(page).to_have_url(re.compile("off=L2H2"))
    edited = shown(page, "P(M)")
    assert edited != clean
    again = open_explore("?" + page.url.split("?", 1)[1])
    expect(again.get_by_text("L2H2 off at every position").first).to_be_visible()
    assert shown(again, "P(M)") == edited


@pytest.mark.browser
def test_a_picked_map_cell_is_marked_everywhere_and_in_the_address(open_explore):
    page = open_explore()
    canvas = page.locator("canvas.map, .map canvas").first
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 0.8, box["y"] + box["height"] * 0.3)
    expect(page).to_have_url(re.compile(r"pick="))
    expect(page.locator(".residue.picked")).to_have_count(2)


MARKUP = "![x](http://127.0.0.1:9/a.png)<img src=x onerror=document.title=1><b>bold</b> **star** :red[r] $x$"


@pytest.mark.browser
def test_a_header_full_of_markup_is_shown_as_text(open_page):
    query = urlencode({"from": "Paste", "sequence": f">{MARKUP}\nMKTAYIAKQRQISFVKSHFSRQ"})
    page = open_page(APP, query="/explore?" + query)
    expect(page.get_by_text(MARKUP, exact=False).first).to_be_visible(timeout=60_000)
    expect(page.locator(".cell").first).to_be_visible(timeout=60_000)
    assert page.locator("b, img[src='x'], img[src*='127.0.0.1:9']").count() == 0
    assert page.title() != "1"
    picked = open_page(APP, query="/explore?" + urlencode({"pick": MARKUP}))
    expect(picked.locator(".cell").first).to_be_visible(timeout=60_000)
    expect(picked.get_by_text("is not a residue").first).to_be_visible()
    assert picked.locator("b, img[src='x'], img[src*='127.0.0.1:9']").count() == 0
    error = open_page(APP, query="/explore?" + urlencode({"from": "Paste", "sequence": f">{MARKUP}\nMK1J"}))
    expect(error.get_by_text("![x](http://127.0.0.1:9/a.png)", exact=False).first).to_be_visible(timeout=60_000)
    assert error.locator("b, img[src='x'], img[src*='127.0.0.1:9']").count() == 0


@pytest.mark.browser
def test_ten_sessions_at_once_get_the_single_session_numbers(open_page):
    generator = np.random.default_rng(0)
    model = load_model("embedded")
    sessions = []
    for number in range(10):
        sequence = "M" + "".join(generator.choice(list(AMINO_ACIDS), 20 + 5 * number))
        off = [Head(int(layer), int(index)) for layer, index in generator.integers(0, (6, 12), (number % 4, 2))]
        blocked = Head(number % 6, number)
        link = {"from": "Paste", "sequence": sequence, "target": "M", "bos": str(blocked)}
        page = open_page(APP, query="/explore?" + urlencode(link | {"off": [str(head) for head in off]}, doseq=True))
        condition = (*map(AblateHead, dict.fromkeys(off)), BlockAttention(blocked))
        sessions.append((page, run(model, tokenize(sequence, [0]), [condition]).logits[0, 1]))
    for page, logits in sessions:
        expect(page.get_by_test_id("stMetric").first).to_be_visible(timeout=120_000)
        assert shown(page, "P(M)") == f"{logits.softmax(-1)[token_id('M')]:.3f}"
        assert shown(page, "M gap") == f"{target_gap(logits, 'M'):+.2f}"


@pytest.mark.browser
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1440, 1024])
def test_the_first_screen_holds_sentence_grid_and_prediction(open_explore, dark, width):
    page = open_explore(width=width, height={1440: 900, 1024: 768}[width], dark=dark)
    shown = ["What changes when parts of the model are switched off?", "Which heads matter?"]
    if width == 1440:
        shown.append("What does it predict?")
    for text in shown:
        place = page.get_by_text(text).first.bounding_box()
        assert place is not None
        assert place["y"] + place["height"] < page.viewport_size["height"]
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
