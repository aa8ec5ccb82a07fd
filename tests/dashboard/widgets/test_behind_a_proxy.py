"""The app behind a proxy that strips a prefix of the path: 3D is drawn there, and says where its file isn't."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.prefix_proxy import stripping

APP = Path(__file__).parent / "apps" / "linked_view_app.py"
PREFIX = "/user/ann/proxy/8501"


@pytest.mark.browser
@pytest.mark.parametrize("end", ["/", "/?picked=4"])
def test_3d_is_drawn_below_a_prefix(browser: Browser, serve: Callable[[Path], str], with_3dmol: None, end: str) -> None:
    with stripping(PREFIX, urlsplit(serve(APP)).port or 0) as address:
        page = browser.new_page()
        page.goto(address + end)
        expect(page.locator(".recentre")).to_be_visible(timeout=30_000)
        expect(page.locator(".tag")).to_have_count(1 if "picked" in end else 0)
        page.close()


@pytest.mark.browser
def test_where_the_viewers_file_is_not_a_line_says_so(
    browser: Browser, serve: Callable[[Path], str], with_3dmol: None
) -> None:
    with stripping(PREFIX, urlsplit(serve(APP)).port or 0, hidden="3Dmol") as address:
        page = browser.new_page()
        page.goto(address + "/")
        line = page.locator(".structure .note")
        expect(line).to_contain_text("3D is off: the viewer's file wasn't found at", timeout=30_000)
        expect(line).to_contain_text(f"{address}/app/static/3Dmol.es6-min.js")
        expect(page.locator(".residue").first).to_be_visible()
        page.close()
