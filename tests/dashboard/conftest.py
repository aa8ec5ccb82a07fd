"""A real browser for the tests that need one: `open_page` serves a Streamlit script and opens it in Chromium."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from dashboard import page_parts
from dashboard.widgets.set_up_3dmol import STATIC, is_set_up

ROOT = Path(__file__).parents[2]
FLAGS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
SECONDS_TO_START = 60

OpenPage = Callable[..., Page]


def missing(what: str) -> NoReturn:
    """Skips the test with the reason, except on CI, where a browser test that doesn't run is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(autouse=True)
def own_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives `__main__` back after a test: AppTest puts its script there, and processes spawned later would run it."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture
def handed_out(monkeypatch: pytest.MonkeyPatch) -> dict[str, pd.DataFrame]:
    """What a page run as a script hands out as the data of its figures, by their keys."""
    tables: dict[str, pd.DataFrame] = {}
    monkeypatch.setattr(
        page_parts, "download", lambda table, name: tables.update({name: table() if callable(table) else table})
    )
    return tables


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, with WebGL in software; skips when there is no Chromium on the path."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        missing("no chromium on the path: `apt-get install chromium`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        expect.set_options(timeout=20_000)  # a busy machine is no failure
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def with_3dmol() -> None:
    """Skips when 3Dmol.js isn't set up."""
    if not is_set_up():
        missing("3Dmol.js isn't set up: `python -m dashboard.widgets.set_up_3dmol`")


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path], str]]:
    """Serves a Streamlit script and returns its address; one server per script for the whole session.

    Streamlit serves the folder `static` beside the script, so scripts of the tests are copied beside a link to ours.
    """
    servers: dict[Path, tuple[subprocess.Popen[bytes], str]] = {}

    def start(script: Path) -> str:
        if script not in servers:
            place = script
            if script.parent != STATIC.parent:
                folder = tmp_path_factory.mktemp(script.stem) / "app"
                shutil.copytree(script.parent, folder)
                (folder / "static").symlink_to(STATIC)
                place = folder / script.name
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
            command = [sys.executable, "-m", "streamlit", "run", str(place), "--server.headless=true"]
            server = subprocess.Popen([*command, f"--server.port={port}"], cwd=ROOT)
            servers[script] = server, f"http://127.0.0.1:{port}"
            wait_until_healthy(server, servers[script][1])
        return servers[script][1]

    yield start
    for server, _ in servers.values():
        server.terminate()
        server.wait(timeout=20)


def wait_until_healthy(server: subprocess.Popen[bytes], address: str) -> None:
    """Returns as soon as the server answers; fails when it ends or stays silent."""
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"streamlit did not start at {address}")


@pytest.fixture
def open_page(browser: Browser, serve: Callable[[Path], str]) -> Iterator[OpenPage]:
    """Opens a script in a fresh browser session. A JavaScript error on the page fails the test, as does any request
    that would leave this machine."""
    contexts = []
    errors: list[str] = []

    def note_if_outside(url: str) -> None:
        if not url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "blob:", "data:")):
            errors.append(f"request to {url}")

    def start(script: Path, *, query: str = "", width: int = 1440, height: int = 900, dark: bool = False) -> Page:
        address = serve(script)
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: note_if_outside(request.url))
        page.goto(address + query)
        return page

    yield start
    for context in contexts:
        context.close()
    assert not errors, errors
