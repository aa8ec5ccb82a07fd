"""The page Compare: its numbers are core's for either side, locks and swap do what they say, a link restores both."""

import re
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect
from streamlit.testing.v1 import AppTest

from core.alphabet import token_id, tokenize
from core.interventions import AblateHead, Head
from core.metrics import target_gap
from core.model import Model, load_model
from core.proteins.variants import WILD_TYPES
from core.run import run
from dashboard.menu import MENU
from dashboard.views.compare import page as compare
from tests.conftest import random_fair_esm
from tests.dashboard.conftest import OpenPage
from tests.dashboard.test_circuit_lab import APP, SEQUENCE, SLOW, said, start
from tests.test_model import write_pt

HEAD = Head(1, 1)


@pytest.fixture(scope="module")
def embedded() -> Model:
    return load_model("embedded")


def gaps(app: AppTest) -> list[str]:
    """The target gap of A and of B."""
    return [metric.value for metric in app.metric if "gap" in metric.label]


def captions(app: AppTest) -> str:
    return " ".join(caption.value for caption in app.caption).replace("\\", "")


def gap(model: Model, sequence: str, *off: Head) -> str:
    condition = tuple(AblateHead(head) for head in off)
    return f"{target_gap(run(model, tokenize(sequence, [0]), [condition]).logits[0, 1], sequence[0]):+.2f}"


def test_it_stands_in_the_menu_after_variants() -> None:
    first = [view.PATH for view in MENU[""]]
    assert first[first.index("variants") + 1] == compare.PATH


def test_at_first_both_sides_are_the_same_and_nothing_differs() -> None:
    app = start("compare")
    assert not app.exception
    assert not app.error
    changes = [metric.delta for metric in app.metric if metric.delta]
    assert changes == ["as in A"] * 3
    assert f"position by position, {len(SEQUENCE)} residues, all the same" in captions(app)
    assert len(app.get("plotly_chart")) >= 14


def test_edits_of_one_side_and_swapped_sides(embedded: Model) -> None:
    link = {"a_off": [str(HEAD)], "a_head": "L4H7"}
    clean, edited = gap(embedded, SEQUENCE), gap(embedded, SEQUENCE, HEAD)
    assert clean != edited
    app = start("compare", **link)
    assert gaps(app) == [edited, clean]
    app.toggle(key="swapped").set_value(True).run()
    assert not app.exception
    assert gaps(app) == [clean, edited]
    app.toggle(key="same_edits").set_value(True).run()
    assert gaps(app) == [edited, edited]


def test_a_variant_of_a_becomes_b(embedded: Model) -> None:
    app = start("compare")
    app.text_input(key="variant of").set_value("T3A").run()
    next(button for button in app.button if button.label == "Compare with it").click().run()
    assert not app.exception
    assert not app.error
    variant = SEQUENCE[:2] + "A" + SEQUENCE[3:]
    assert gaps(app) == [gap(embedded, SEQUENCE), gap(embedded, variant)]
    assert f"{len(SEQUENCE) - 1} with the same letter" in captions(app)
    assert app.session_state["b_sequence"].endswith(variant)
    assert variant in app.query_params["b_sequence"]  # so that a link shows it too


def test_a_variant_has_its_wild_types_structure_and_numbers() -> None:
    app = start("compare", **{"from": "Example", "example": "HIV-1 capsid, C-terminal domain", "mask": "4"})
    app.text_input(key="variant of").set_value("R4A").run()
    next(button for button in app.button if button.label == "Compare with it").click().run()
    assert not app.exception
    assert WILD_TYPES in captions(app)
    assert sum("P@L/2" in caption.value for caption in app.caption) == 2
    assert app.text_input(key="b_mask").value == "A4"
    app.segmented_control(key="numbers").set_value("structure").run()
    assert (app.text_input(key="mask").value, app.text_input(key="b_mask").value) == ("R154", "A154")
    assert not app.error


def test_what_is_no_variant_is_said_in_one_line() -> None:
    app = start("compare")
    app.text_input(key="variant of").set_value("W3A").run()
    next(button for button in app.button if button.label == "Compare with it").click().run()
    [warning] = app.warning
    assert warning.value.replace("\\", "") == "residue 3 is T, not W"


OTHER = {"same_protein": "false", "b_from": "Paste", "b_mask": "1"}


def test_proteins_of_other_lengths_meet_where_they_are_aligned(embedded: Model) -> None:
    longer = "GSGSGS" + SEQUENCE
    app = start("compare", **OTHER, b_sequence=longer)
    assert not app.exception
    assert f"{len(SEQUENCE)} of {len(SEQUENCE)} and {len(longer)} residues" in captions(app)
    assert gaps(app) == [gap(embedded, SEQUENCE), gap(embedded, longer)]


def test_strangers_of_other_lengths_have_panels_and_one_line_of_why_no_difference() -> None:
    app = start("compare", **OTHER, b_sequence="GAVLIMCFYWGAVLI")
    assert not app.exception
    assert not app.error
    assert "No difference: proteins of 22 and 15 residues correspond through" in captions(app)
    assert app.get("plotly_chart")


@pytest.fixture
def two_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second model on this machine, with other heads."""
    write_pt(random_fair_esm(2, 4, 32).float(), tmp_path / "tiny.pt")
    monkeypatch.setenv("PLMSCOPE_MODELS", str(tmp_path))


@pytest.mark.usefixtures("two_models")
def test_two_models_have_no_difference_of_heads_and_one_of_what_they_predict() -> None:
    app = start("compare", same_model="false", b_model="tiny", a_off="L6H8", same_edits="true")
    assert not app.exception
    assert not app.error
    assert "Left out, as B has none: L6H8" in captions(app)
    assert captions(app).count("a head's name means two heads") == 2
    assert app.selectbox(key="b_head").value in {"L1H1", "L1H2", "L1H3", "L1H4", "L2H1", "L2H2", "L2H3", "L2H4"}
    assert "tiny" in said(app)


@pytest.mark.parametrize(
    ("link", "message"),
    [
        (OTHER | {"b_sequence": "MKTJ"}, "residue 4 is 'J'"),
        (OTHER | {"b_sequence": SEQUENCE, "b_mask": "900"}, "there is no residue 900"),
        ({"b_scope": "Chosen residues", "b_off": ["L1H1"]}, "none is named"),
    ],
)
def test_what_b_cannot_be_is_said_in_one_line(link: dict[str, str], message: str) -> None:
    app = start("compare", **link)
    assert not app.exception
    [error] = app.error
    assert message in error.value.replace("\\", "")


@pytest.mark.browser
def test_explore_opens_beside_the_clean_run(open_page: OpenPage, embedded: Model) -> None:
    link = {"from": "Paste", "sequence": SEQUENCE, "off": str(HEAD)}
    page = open_page(APP, query="/explore?" + urlencode(link))
    page.set_default_timeout(SLOW)
    page.get_by_role("link", name="Compare with clean").first.click(timeout=SLOW)
    expect(page).to_have_url(re.compile(rf"/compare\?.*a_off={HEAD}"), timeout=SLOW)
    shown = page.get_by_test_id("stMetric").filter(has_text="gap").get_by_test_id("stMetricValue")
    expect(shown.first).to_have_text(gap(embedded, SEQUENCE, HEAD), timeout=SLOW)
    expect(shown.last).to_have_text(gap(embedded, SEQUENCE), timeout=SLOW)
    p_m = run(embedded, tokenize(SEQUENCE, [0])).logits[0, 1].softmax(-1)[token_id("M")]
    probability = page.get_by_test_id("stMetric").filter(has_text="P(M)").get_by_test_id("stMetricValue")
    expect(probability.last).to_have_text(f"{p_m:.3f}", timeout=SLOW)
    page.get_by_text("Difference of the maps").first.wait_for(timeout=SLOW)
