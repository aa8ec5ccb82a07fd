"""The 3D view marks the residue that is meant, whatever the file calls it: shown by where 3Dmol draws it."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from dashboard.widgets.exchange import COLOURS
from tests.dashboard.conftest import OpenPage

APP = Path(__file__).parent / "apps" / "odd_structures_app.py"
PICKED = np.array([int(COLOURS["picked"][k : k + 2], 16) for k in (1, 3, 5)], dtype=float)
BY_THE_ATOM = 26
"""How far from the Cα on screen, in CSS pixels, its marking is looked for."""


def on_screen(page: Page, position: list[float]) -> tuple[float, float]:
    """Where the viewer draws a point given in Å."""
    x, y, z = position
    place = page.locator(".viewer").evaluate("(host, [x, y, z]) => host.viewer.modelToScreen({ x, y, z })", [x, y, z])
    return place["x"], place["y"]


def marked(page: Page, x: float, y: float) -> int:
    """Pixels of the picked colour around a point of the screen."""
    clip = {"x": x - BY_THE_ATOM, "y": y - BY_THE_ATOM, "width": 2 * BY_THE_ATOM, "height": 2 * BY_THE_ATOM}
    image = np.asarray(Image.open(io.BytesIO(page.screenshot(clip=clip))).convert("RGB")).astype(float)
    brightness = (image @ PICKED) / (PICKED @ PICKED)
    distance = np.abs(image - brightness[..., None] * PICKED).max(axis=-1)
    return int(((distance < 25) & (brightness > 0.45) & (brightness < 1.25)).sum())


@pytest.mark.browser
@pytest.mark.parametrize(
    ("case", "names"),
    [
        ("names", {3: "A4", 20: "R21"}),
        ("insertions", {2: "T3 (12)", 3: "A4 (12A)", 4: "Y5 (12B)", 5: "I6 (13)"}),
        ("letters", {4: "X5", 5: "I6"}),
        ("large", {2: "T3 (10003)", 23: "E24 (10024)"}),
    ],
)
def test_the_residue_that_is_picked_is_the_one_that_is_marked(
    open_page: OpenPage, with_3dmol: None, case: str, names: dict[int, str]
) -> None:
    page = open_page(APP, query=f"?case={case}")
    expect(page.locator(".recentre")).to_be_visible()
    positions = json.loads(page.locator("code").inner_text())
    for residue, name in names.items():
        x, y = on_screen(page, positions[residue])
        before = marked(page, x, y)
        page.locator(".residue").nth(residue).click()
        expect(page.locator(".tag")).to_have_text(name)
        box = page.locator(".tag").bounding_box()
        assert box
        assert abs(box["x"] - x - 10) < 2, "the name stands beside the atom"
        page.wait_for_timeout(200)  # WebGL draws in software
        assert marked(page, x, y) > before + 40
        expect(page.get_by_text(f"Python knows: picked ({residue},)")).to_be_visible()


@pytest.mark.browser
def test_a_click_behind_inserted_residues_picks_what_stands_there(open_page: OpenPage, with_3dmol: None) -> None:
    page = open_page(APP, query="?case=insertions")
    expect(page.locator(".recentre")).to_be_visible()
    positions = np.array(json.loads(page.locator("code").inner_text()))
    front = page.locator(".viewer").evaluate(
        """host => {
            const atoms = host.viewer.selectedAtoms({ atom: "CA" }).filter((atom) => atom.x < 9);
            const best = atoms.reduce((best, atom) => (atom.z > best.z ? atom : best));
            return { ...host.viewer.modelToScreen(best), position: [best.x, best.y, best.z] };
        }"""
    )
    residue = int(np.linalg.norm(positions - front["position"], axis=1).argmin())
    page.mouse.click(front["x"], front["y"])
    expect(page.get_by_text(f"Python knows: picked ({residue},)")).to_be_visible()


@pytest.mark.browser
def test_a_chain_without_oxygens_is_drawn_as_a_trace(open_page: OpenPage, with_3dmol: None) -> None:
    page = open_page(APP, query="?case=trace")
    expect(page.locator(".recentre")).to_be_visible()
    viewer = page.locator(".viewer")
    assert viewer.evaluate("host => host.viewer.selectedAtoms({ atom: 'O' }).length") == 0
    page.wait_for_timeout(200)  # WebGL draws in software
    image = np.asarray(Image.open(io.BytesIO(viewer.screenshot())).convert("L")).astype(float)
    height, width = image.shape
    middle = image[height // 4 : -height // 4, width // 4 : -width // 4]
    assert (np.abs(middle - image[-5, 5]) > 40).mean() > 0.01
