"""Every page in a real browser, light and dark: axe-core finds nothing serious or critical, and the menu is at hand."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, TimeoutError, expect

from dashboard.menu import MENU, asks

OpenPage = Callable[..., Page]
APP = Path(__file__).parents[2] / "dashboard" / "app.py"
STILL = """() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'
    && !document.querySelector('[data-stale=true], [data-testid=stSpinner]')"""
PAPER: dict[Literal["light", "dark"], str] = {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 28)"}
SHOWN = "paper => getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor === paper"
MOST_MS = 5_000
NOT_STALE = {"exclude": [["[data-stale=true]"]]}
"""Streamlit fades what it is about to draw again."""


LOOKS = 4
STILL_CSS = "*, *::before, *::after {transition: none !important; animation: none !important}"


def serious(page: Page) -> Iterator[str]:
    """What axe-core finds serious or critical on a page as it stands: rule, place and reason."""
    found = Axe().run(page, context=NOT_STALE, options={"resultTypes": ["violations"]}).response["violations"]
    for rule in found:
        if rule["impact"] in ("serious", "critical"):
            yield from (f"{rule['id']}: {node['html'][:120]}: {node['failureSummary']}" for node in rule["nodes"])


def lasting(page: Page) -> list[str]:
    """What is serious at each of several looks: a colour seen while Streamlit redraws is gone at the next."""
    for look in range(LOOKS):
        page.wait_for_timeout(1000 * look)
        found = list(serious(page))
        if not found:
            break
    return found


@pytest.mark.browser
@pytest.mark.parametrize("heading", MENU)
def test_axe_finds_nothing_serious_on_any_page(open_page: OpenPage, heading: str) -> None:
    """Pages that compute for long are looked at as far as they came."""
    page = open_page(APP)
    address, found = page.url.rstrip("/"), []
    for view in MENU[heading]:
        page.emulate_media(color_scheme="light")
        page.goto(f"{address}/{view.PATH}")
        expect(page.get_by_test_id("stMain").get_by_role("heading").first).to_be_visible(timeout=60_000)
        if asks(view):
            expect(page.get_by_label("Model").first).to_be_visible(timeout=60_000)
        with suppress(TimeoutError):
            page.wait_for_function(STILL, timeout=MOST_MS)
        page.add_style_tag(content=STILL_CSS)
        for theme, paper in PAPER.items():
            page.emulate_media(color_scheme=theme)
            page.wait_for_function(SHOWN, arg=paper)
            found += [f"/{view.PATH} {theme}: {each}" for each in lasting(page)]
    assert not found, "\n".join(found)


@pytest.mark.browser
@pytest.mark.parametrize("path", ["", "explore"])
def test_the_menu_is_at_hand_in_a_narrow_window(open_page: OpenPage, path: str) -> None:
    """As at 200% zoom on a laptop."""
    page = open_page(APP, query=f"/{path}", width=720)
    page.get_by_test_id("stExpandSidebarButton").click(timeout=60_000)
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Sanity check").click()
    expect(page.get_by_role("heading", name="Is a confident prediction evidence").first).to_be_visible(timeout=60_000)


@pytest.mark.browser
def test_a_mask_is_asked_for_only_where_it_counts_and_kept_elsewhere(open_page: OpenPage) -> None:
    page = open_page(APP, query="/explore?mask=5")
    expect(page.get_by_role("textbox", name="Masked residues").first).to_be_visible(timeout=60_000)
    page.get_by_role("link", name="Variants").first.click()
    expect(page.get_by_role("heading", name="What would each substitution do").first).to_be_visible(timeout=60_000)
    expect(page.get_by_role("textbox", name="Masked residues").first).to_be_hidden()
    page.get_by_role("link", name="Explore").first.click()
    expect(page.get_by_role("textbox", name="Masked residues").first).to_have_value("5", timeout=60_000)


@pytest.mark.browser
def test_the_first_tab_leads_past_menu_and_sidebar_to_a_panel(open_page: OpenPage) -> None:
    page = open_page(APP, query="/explore")
    expect(page.locator(".heads .cell").first).to_be_visible(timeout=60_000)
    page.locator(".skip-links a").first.focus()
    expect(page.locator(".skip-links a")).to_contain_text(["Skip to the page", "Which heads matter?"])
    page.locator(".skip-links a", has_text="Which heads matter?").focus()
    page.keyboard.press("Enter")
    for _ in range(6):
        page.keyboard.press("Tab")
        if page.locator(".grid:focus").count():
            break
    page.keyboard.press("Space")
    expect(page.locator(".cell.off")).to_have_count(1)
