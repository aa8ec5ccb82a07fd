"""The head grid: what the browser is sent, and what clicks in a real one do."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from core.errors import InputError
from core.interventions import Head
from dashboard.widgets.head_grid.data import HeadChoice, HeadGridData, from_cells, payload, to_cells

OpenPage = Callable[..., Page]
APP = Path(__file__).parent / "apps" / "head_grid_app.py"

# What the browser is sent


def test_payload_names_and_orders_heads_then_modules() -> None:
    data = HeadGridData(np.array([[0.5, -2.0], [np.nan, 1.0]]), np.array([-9.0, 0.0]), np.array([3.0, np.nan]))
    sent = json.loads(json.dumps(payload(data)))
    assert sent["columns"] == ["H1", "H2", "Attn", "MLP"]
    assert sent["names"] == [["L1H1", "L1H2", "L1 attention", "L1 MLP"], ["L2H1", "L2H2", "L2 attention", "L2 MLP"]]
    assert sent["effects"] == [[0.5, -2.0, -9.0, 3.0], [None, 1.0, 0.0, None]]
    assert sent["largest"] == 2.0, "a module's larger effect must not pale the heads"


def test_nothing_computed_has_no_scale() -> None:
    sent = payload(HeadGridData.not_computed(3, 2))
    assert sent["largest"] == 0.0
    assert sent["effects"] == [[None] * 4] * 3


def test_effects_of_zero_are_computed_ones() -> None:
    nothing = np.zeros(2)
    assert payload(HeadGridData(np.zeros((2, 3)), nothing, np.array([0.0, -0.5])))["largest"] == 0.5
    assert payload(HeadGridData(np.zeros((2, 3)), nothing, nothing))["largest"] == 1.0
    small = HeadGridData(np.full((2, 3), 0.5), nothing, nothing, noise=4.0)
    assert payload(small)["largest"] == 4.0, "what is within noise stays pale"


def test_effects_of_different_models_are_refused() -> None:
    with pytest.raises(InputError, match="2 layers, but effects of 3 attention modules"):
        HeadGridData(np.zeros((2, 4)), np.zeros(3), np.zeros(2))


def test_choices_survive_the_browser() -> None:
    choice = HeadChoice(frozenset({Head(0, 3), Head(5, 0), ("attention", 2), ("mlp", 0), ("mlp", 5)}), Head(1, 2))
    assert from_cells(json.loads(json.dumps(to_cells(choice, 4))), 6, 4) == choice


def test_cells_of_another_model_are_left_out() -> None:
    value = {"off": [[0, 0], [6, 0], [0, 6], [-1, 0], [1, 4], [1, 5]], "selected": [0, 4]}
    assert from_cells(value, 6, 4) == HeadChoice(frozenset({Head(0, 0), ("attention", 1), ("mlp", 1)}))


# In the browser


@pytest.fixture
def open_grid(open_page: OpenPage) -> OpenPage:
    def start(query: str = "", **settings: object) -> Page:
        page = open_page(APP, query=query, **settings)
        expect(page.locator(".cell").first).to_be_visible()
        return page

    return start


def cell(page: Page, layer: int, column: int) -> Locator:
    return page.locator(f".cell[data-layer='{layer}'][data-column='{column}']")


def expect_python(page: Page, text: str) -> None:
    expect(page.get_by_text(text, exact=True)).to_be_visible()


@pytest.mark.browser
def test_a_click_switches_a_head_off_at_once_and_on_again(open_grid: OpenPage) -> None:
    page = open_grid()
    milliseconds = cell(page, 5, 7).evaluate(
        "cell => { const start = performance.now(); cell.click();"
        " return cell.classList.contains('off') ? performance.now() - start : Infinity; }"
    )
    assert milliseconds < 100
    expect_python(page, "off: L6H8; selected L1H1")
    cell(page, 5, 7).click()
    expect_python(page, "off: none; selected L1H1")


@pytest.mark.browser
def test_labels_switch_rows_and_columns_and_modules_have_cells(open_grid: OpenPage) -> None:
    page = open_grid("?layers=3&heads=4")
    page.get_by_text("L2", exact=True).click()
    expect_python(page, "off: L2H1, L2H2, L2H3, L2H4; selected L1H1")
    page.get_by_text("H3", exact=True).click()
    expect_python(page, "off: L1H3, L2H1, L2H2, L2H3, L2H4, L3H3; selected L1H1")
    page.get_by_text("L2", exact=True).click()
    expect_python(page, "off: L1H3, L3H3; selected L1H1")
    page.get_by_role("button", name="All on").click()
    cell(page, 2, 4).click()
    cell(page, 0, 5).click()
    expect_python(page, "off: L1 MLP, L3 attention; selected L1H1")
    page.get_by_text("Attn", exact=True).click()
    expect_python(page, "off: L1 MLP, L1 attention, L2 attention, L3 attention; selected L1H1")


@pytest.mark.browser
def test_shift_click_and_select_mode_choose_a_head(open_grid: OpenPage) -> None:
    page = open_grid()
    cell(page, 4, 8).click(modifiers=["Shift"])
    expect_python(page, "off: none; selected L5H9")
    page.get_by_role("button", name="Select").click()
    cell(page, 1, 2).click()
    cell(page, 1, 20).click()  # an attention module: nothing to look at closely
    expect_python(page, "off: none; selected L2H3")
    assert page.locator(".cell.selected").count() == 1


@pytest.mark.browser
def test_quick_clicks_all_count(open_grid: OpenPage) -> None:
    page = open_grid()
    for head in range(6):
        cell(page, 0, head).click(delay=0)
    expect_python(page, "off: L1H1, L1H2, L1H3, L1H4, L1H5, L1H6; selected L1H1")
    assert page.locator(".cell.off").count() == 6


@pytest.mark.browser
def test_the_page_sets_the_choice(open_grid: OpenPage) -> None:
    page = open_grid()
    cell(page, 0, 0).click()
    expect_python(page, "off: L1H1; selected L1H1")
    page.get_by_role("button", name="Switch L2H2 off").click()
    expect_python(page, "off: L2H2; selected None")
    expect(page.locator(".cell.off")).to_have_attribute("data-layer", "1")


@pytest.mark.browser
def test_keys_move_switch_and_select(open_grid: OpenPage) -> None:
    page = open_grid()
    page.locator(".grid").focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowRight", "Space", "ArrowLeft", "s"):
        page.keyboard.press(key)
    expect_python(page, "off: L2H3; selected L2H2")


@pytest.mark.browser
def test_keys_reach_the_names_of_rows_and_columns(open_grid: OpenPage) -> None:
    page = open_grid("?layers=3&heads=4")
    page.locator(".grid").focus()
    for key in ("ArrowDown", "ArrowLeft", "Enter"):
        page.keyboard.press(key)
    expect(page.locator(".tip")).to_have_text("Switch all heads of L2")
    expect_python(page, "off: L2H1, L2H2, L2H3, L2H4; selected L1H1")
    for key in ("Enter", "ArrowRight", "ArrowUp", "ArrowUp", "s", "Space"):
        page.keyboard.press(key)
    expect_python(page, "off: L1H1, L2H1, L3H1; selected L1H1")
    expect(page.locator(".grid")).to_have_attribute("aria-activedescendant", "label--1-0")


@pytest.mark.browser
def test_names_stay_readable_where_there_is_little_room(open_grid: OpenPage) -> None:
    page = open_grid(width=560)
    named = page.locator(".row:first-child .label:not(.unnamed)")
    expect(named).to_have_text(["H2", "H4", "H6", "H8", "H10", "H12", "H14", "H16", "H18", "H20", "Attn", "MLP"])
    sizes = named.evaluate_all("labels => labels.map(label => parseFloat(getComputedStyle(label).fontSize))")
    assert min(sizes) >= 11
    edges = named.evaluate_all(
        """labels => labels.map(label => {
            const range = document.createRange();
            range.selectNodeContents(label);
            const { left, right } = range.getBoundingClientRect();
            return [left, right];
        })"""
    )
    assert all(before[1] < after[0] for before, after in pairwise(edges)), "names run into each other"


@pytest.mark.browser
def test_a_head_says_its_name_and_effect(open_grid: OpenPage) -> None:
    page = open_grid()
    cell(page, 5, 7).hover()
    expect(page.locator(".tip")).to_have_text("L6H8 · −5.2 logits when off")
    expect(page.locator(".legend")).to_contain_text("change of target gap (logits) when off")


@pytest.mark.browser
def test_colours_tell_signs_and_sizes_apart(open_grid: OpenPage) -> None:
    page = open_grid()
    strong, _, _ = rgb = colour(cell(page, 5, 7))
    assert rgb[2] > strong + 60, "the one head that lowers the gap much is blue"
    unknown = open_grid("?case=not-computed")
    assert len({colour(cell(unknown, layer, layer)) for layer in range(6)}) == 1
    expect(unknown.locator(".legend")).to_contain_text("Effects are not computed yet.")


def colour(target: Locator) -> tuple[int, ...]:
    """The colour that a cell is painted with, as red, green and blue."""
    return tuple(
        target.evaluate(
            """cell => {
                const pen = new OffscreenCanvas(1, 1).getContext("2d");
                pen.fillStyle = getComputedStyle(cell).backgroundColor;
                pen.fillRect(0, 0, 1, 1);
                return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
            }"""
        )
    )


@pytest.mark.browser
@pytest.mark.parametrize(("layers", "heads"), [(6, 12), (33, 20)])
def test_small_and_large_models_fit_the_same_picture(open_grid: OpenPage, layers: int, heads: int) -> None:
    page = open_grid(f"?layers={layers}&heads={heads}")
    assert page.locator(".cell").count() == layers * (heads + 2)
    box = page.locator(".heads").bounding_box()
    assert box
    assert box["height"] < 560
    assert cell(page, layers - 1, heads - 1).bounding_box()["height"] >= 11  # pyright: ignore[reportOptionalSubscript]
