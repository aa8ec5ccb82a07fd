"""A session saved and opened again is the same session; a file that isn't one is refused by what it is."""

import json
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from core.errors import InputError
from dashboard import session_file
from dashboard.controls.uploads import Upload
from tests.dashboard.conftest import OpenPage
from tests.dashboard.test_circuit_lab import APP, SEQUENCE, SLOW

PAGES = frozenset({"explore", "variants"})
CHOICES = {"mask": ["M1, K2"], "off": ["L1H2", "L2 MLP"]}
GIVEN = {"file": Upload("mine.fasta", b">a\nMK\n"), "structure file": Upload("a.pdb.gz", bytes(range(256)))}


def test_what_was_written_is_read():
    session = session_file.read("it.json", session_file.written("explore", CHOICES, GIVEN), PAGES)
    assert (session.page, session.choices, session.uploads) == ("explore", CHOICES, GIVEN)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"kind": "recipe"}, "its kind isn't 'plmscope session'"),
        ({"version": 7}, "version 7: this plmscope reads version 1"),
        ({"page": "kitchen"}, "opens the page 'kitchen', which this plmscope doesn't have"),
        ({"page": 3}, "not a whole session file: Expected `str`, got `int` - at `$.page`"),
        ({"choices": {"mask": 5}}, "Expected `array`, got `int` - at `$.choices[...]`"),
        ({"uploads": {"file": {"name": "a"}}}, "missing required field `data`"),
        ({"uploads": {"file": {"name": "a", "data": "%"}}}, "$.uploads[...].data"),
        ({"more": 1}, "unknown field `more`"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(change: dict, why: str):
    found = json.loads(session_file.written("explore", CHOICES, GIVEN)) | change
    with pytest.raises(InputError) as refused:
        session_file.read("it.json", json.dumps(found).encode(), PAGES)
    assert str(refused.value).startswith("it.json ")
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"[1, 2]", b"<html>"])
def test_what_is_no_session_is_refused(data: bytes):
    with pytest.raises(InputError, match=r"it\.json is no session file"):
        session_file.read("it.json", data, PAGES)


@pytest.mark.browser
@pytest.mark.parametrize("opened_on", ["variants", "explore"])
def test_a_session_comes_back_with_its_upload(opened_on: str, open_page: OpenPage, tmp_path: Path):
    link = {"from": "Upload", "mask": "K2", "off": "L1H2"}
    page = open_page(APP, query=f"/explore?{urlencode(link)}")
    given = tmp_path / "mine.fasta"
    given.write_text(f">mine\n{SEQUENCE}\n")
    page.locator("[data-testid=stSidebar] input[type=file]").first.set_input_files(given, timeout=SLOW)
    expect(page.get_by_text("Reading K2, target K").first).to_be_visible(timeout=SLOW)
    page.get_by_role("textbox", name="Picked residues").first.fill("2", timeout=SLOW)
    page.get_by_role("textbox", name="Picked residues").first.press("Enter")
    page.wait_for_url("**pick=2**")
    page.get_by_text("Share and keep").first.click()
    page.wait_for_timeout(500)  # until the page begins to run
    expect(page.locator("[data-test-script-state=notRunning]").first).to_be_attached(timeout=SLOW)
    with page.expect_download(timeout=SLOW) as download:
        page.get_by_role("button", name="Save session").first.click()
    saved = tmp_path / "session.json"
    download.value.save_as(saved)

    again = open_page(APP, query=f"/{opened_on}?mask=5&off=L2H2")
    again.get_by_text("Share and keep").first.click(timeout=SLOW)
    place = again.locator("[data-testid=stSidebar] input[type=file]").last
    place.set_input_files(saved, timeout=SLOW)
    expect(again.get_by_text("mine.fasta, from the session file").first).to_be_visible(timeout=SLOW)
    expect(again.get_by_text("Reading K2, target K").first).to_be_visible(timeout=SLOW)
    again.wait_for_url("**/explore?**")
    assert "off=L1H2" in again.url
    assert "pick=2" in again.url
    assert "L2H2" not in again.url
    bad = tmp_path / "bad.json"
    bad.write_text("{}")
    again.get_by_text("Share and keep").first.click(timeout=SLOW)
    again.locator("[data-testid=stSidebar] input[type=file]").last.set_input_files(bad, timeout=SLOW)
    expect(again.get_by_text("bad.json is no session file").first).to_be_visible(timeout=SLOW)


@pytest.mark.browser
def test_a_long_link_is_short_and_opens_the_same_view(open_page: OpenPage):
    link = {"from": "Paste", "sequence": SEQUENCE * 20, "mask": "K2", "off": [f"L{n}H{n}" for n in range(1, 7)]}
    page = open_page(APP, query=f"/explore?{urlencode(link, doseq=True)}")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    expect(page.get_by_text("Reading K2, target K").first).to_be_visible(timeout=SLOW)
    page.get_by_text("Share and keep").first.click()
    page.get_by_role("button", name="Copy link").first.click(timeout=SLOW)
    expect(page.get_by_text("letters instead of").first).to_be_visible(timeout=SLOW)
    short, whole = page.evaluate("navigator.clipboard.readText()"), page.url
    assert "#choices=" in short
    assert len(short) < len(whole)
    page.goto("about:blank")
    page.goto(short)
    expect(page.get_by_text("Reading K2, target K").first).to_be_visible(timeout=SLOW)
    page.wait_for_url(whole, timeout=SLOW)
