"""How long does a person wait on the Explore page? From a click to what changes, in a real browser.

Starts the app, opens it in Chromium and prints a table: `python -m benchmarks.page [--repeats 5] [--protein ...]`. It
needs the browser and the packages of the tests (`make test` installs both). README.md beside it has a run's numbers.
"""

import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from urllib.parse import urlencode

import psutil
import typer
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
FLAGS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
METRIC = "[data-testid=stMetric]"
QUIET_MS = 1200
"""A page on which nothing has changed for so long has settled."""

WATCH = """() => {
  const metrics = () => [...document.querySelectorAll('[data-testid=stMetric]')].map(m => m.innerText).join('|')
  const watch = window.watch = {start: 0, metric: 0, last: 0, before: ''}
  new MutationObserver(() => {
    const now = performance.now()
    watch.last = now
    if (!watch.metric && metrics() !== watch.before) watch.metric = now
  }).observe(document.querySelector('[data-testid=stMain]'), {subtree: true, childList: true, characterData: true,
    attributes: true})
  document.addEventListener('pointerdown', () => {
    Object.assign(watch, {start: performance.now(), metric: 0, last: 0, before: metrics()})
  }, {capture: true})
}"""
"""Notes when the pointer was last pressed, when a metric changed after that, and when anything last did."""


@dataclass
class Traffic:
    """What came over the page's websockets."""

    messages: int = 0
    received: int = 0

    def count(self, payload: str | bytes) -> None:
        self.messages += 1
        self.received += len(payload)


@contextmanager
def served(port: int) -> Iterator[tuple[str, int]]:
    """The app's address and process, from when it answers; stopped at the end."""
    command = [sys.executable, "-m", "dashboard", "--server.headless=true"]
    server = subprocess.Popen([*command, f"--server.port={port}"], cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        while server.poll() is None:
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1):
                break
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}", server.pid
    finally:
        server.terminate()
        server.wait()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def settle(page: Page) -> None:
    """Returns when nothing has changed for a while."""
    page.wait_for_function(f"watch.last && performance.now() - watch.last > {QUIET_MS}", timeout=120_000)


def choose(label: str, option: str) -> Callable[[Page], None]:
    """Opens a select box and presses one of its options."""

    def act(page: Page) -> None:
        box = page.locator("[data-testid=stSelectbox]").filter(has_text=label).get_by_role("combobox").first
        box.scroll_into_view_if_needed()
        box.click()
        box.fill(option)  # long lists are drawn in part
        page.get_by_role("option", name=option, exact=True).first.click()

    return act


def press(selector: str) -> Callable[[Page], None]:
    """Presses the first of what `selector` finds."""
    return lambda page: page.locator(selector).first.click()


def cell(layer: int, column: int) -> Callable[[Page], None]:
    return press(f".cell[data-layer='{layer}'][data-column='{column}']")


CONTROLS: dict[str, tuple[Callable[[Page], None], ...]] = {
    "a cell of the grid": tuple(cell(index % 6, 3 + index) for index in range(8)),
    "target": tuple(choose("Target amino acid", letter) for letter in "KLAGVSER"),
    "gap against": (
        choose("Target gap against", "all other tokens"),
        choose("Target gap against", "the other amino acids"),
    ),
    "head": tuple(choose("Look closely at head", f"L{1 + index % 6}H{4 + index}") for index in range(8)),
    "readout": (press("button:has-text('logit')"), press("button:has-text('probability')")),
    "map from": (
        choose("Contact map from", "The chosen head"),
        choose("Contact map from", "Contact head"),
    ),
    "colour in 3D": (
        choose("In 3D", "Attention to the picked residue"),
        choose("In 3D", "Predicted contacts"),
    ),
    "run of the pattern": (press("button:has-text('clean')"), press("button:has-text('edited')")),
    "query of the bands": tuple(choose("Query", residue) for residue in ("I3", "V5", "K6", "T7")),
}
"""What is pressed, in turns; every press changes something."""


def main(repeats: int = 4, protein: str = "", only: str = "") -> None:
    port, started = free_port(), time.monotonic()
    query = urlencode({"from": "Paste", "sequence": protein}) if protein else ""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        traffic = Traffic()
        page.on("websocket", lambda socket: socket.on("framereceived", traffic.count))
        started = time.monotonic()
        with served(port) as (address, process):
            answers = time.monotonic() - started
            server = psutil.Process(process)
            page.goto(f"{address}/explore?{query}")
            page.wait_for_selector(METRIC, timeout=120_000)
            cold = time.monotonic() - started, computed(server)
            print(f"cold server: answers after {answers:.1f} s, metric after {cold[0]:.1f} s, computed {cold[1]:.1f} s")
            page.wait_for_selector(".cell", timeout=120_000)
            page.wait_for_timeout(5000)
            again = time.monotonic()
            page.reload()
            page.wait_for_selector(METRIC, timeout=120_000)
            print(f"warm reload: first metric after {time.monotonic() - again:.1f} s", flush=True)
            page.wait_for_selector(".js-plotly-plot", timeout=120_000)
            page.wait_for_timeout(5000)
            page.evaluate(WATCH)
            print("\n| control | metric (s) | settled (s) | server computed (s) | messages | KB |")
            print("| --- | --- | --- | --- | --- | --- |")
            for name, presses in CONTROLS.items():
                if only in name:
                    print(row(name, page, server, traffic, list(islice(cycle(presses), repeats))), flush=True)
        browser.close()


def computed(server: psutil.Process) -> float:
    """Processor seconds of the server so far: what a busy machine changes least."""
    return sum(server.cpu_times()[:2])


def row(name: str, page: Page, server: psutil.Process, traffic: Traffic, presses: list[Callable[[Page], None]]) -> str:
    """A line of the table: medians over `presses`."""
    metric, settled, messages, kilobytes, busy = [], [], [], [], []
    for act in presses:
        before = traffic.messages, traffic.received, computed(server)
        act(page)
        settle(page)
        start, changed, last = page.evaluate("[watch.start, watch.metric, watch.last]")
        metric.append((changed - start) / 1000 if changed else float("nan"))
        settled.append((last - start) / 1000)
        messages.append(traffic.messages - before[0])
        kilobytes.append((traffic.received - before[1]) / 1000)
        busy.append(computed(server) - before[2])
    seen = [seconds for seconds in metric if seconds == seconds]
    first = f"{statistics.median(seen):.2f}" if seen else "same"
    return (
        f"| {name} | {first} | {statistics.median(settled):.2f} ({min(settled):.2f}–{max(settled):.2f}) | "
        f"{statistics.median(busy):.2f} | {statistics.median(messages):.0f} | {statistics.median(kilobytes):.0f} |"
    )


if __name__ == "__main__":
    typer.run(main)
