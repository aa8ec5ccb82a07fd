"""The circuit lab's pages: as scripts (their numbers are core's, bad input gets one line), and in a real browser."""

import json
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from playwright.sync_api import Page, expect
from streamlit.testing.v1 import AppTest

from core.alphabet import AMINO_ACIDS, tokenize
from core.analyses.competition import crossing, elongation
from core.analyses.minimal_circuits import minimal_circuit
from core.analyses.norm_direction import aggregate, compare_bands
from core.analyses.patching import patch_heads, patch_stream
from core.analyses.reading import read
from core.analyses.rope_experiments import patch_sets
from core.analyses.rope_shift import SHIFTS, shift_curve
from core.analyses.sufficiency import token_scopes
from core.analyses.write_vectors import write_vectors
from core.answers.ablation import costliest_heads
from core.answers.nulls import Shape
from core.answers.rope_swap import swap_path
from core.answers.subjects import several_masks
from core.components import modules
from core.interventions import Head, component_name
from core.metrics import Target, rescue
from core.model import Model, load_model
from dashboard.controls.protein_sets import ProteinSet
from dashboard.menu import MENU
from dashboard.views.circuits import repeats
from dashboard.views.rope import shift as rope_shift
from tests.answers.conftest import DirectSurvey

APP = Path(__file__).parents[2] / "dashboard" / "app.py"
SEQUENCE = "MKTAYIAKQRQISFVKSHFSRQ"
INSIDE = 10
SLOW = 60_000
"""Milliseconds that a page may take to compute on a busy machine."""

VIEWS = {view.PATH: view for views in MENU.values() for view in views}
OF_THE_PAPER = [view for heading in ("Circuits", "RoPE") for view in MENU[heading] if view is not repeats]
CIRCUIT_LAB = [view.PATH for view in OF_THE_PAPER]


def start(address: str, **link: object) -> AppTest:
    """One page as a script, on a short pasted protein."""
    module = VIEWS[address].__name__
    script = "from importlib import import_module\nfrom dashboard.sidebar import ask\n"
    app = AppTest.from_string(script + f"import_module({module!r}).page(ask())", default_timeout=120)
    for name, value in ({"from": "Paste", "sequence": SEQUENCE} | link).items():
        app.query_params[name] = value
    return app.run()


FIGURES = ("plotly_chart", "bidi_component")


def without_data(app: AppTest) -> list[int]:
    """Which of a page's figures, counted from 0, aren't followed by their data before the next figure."""
    drawn = [
        node.type for node in app.main if node.type in FIGURES or getattr(node, "label", "").startswith("Data (CSV)")
    ]
    assert any(kind in FIGURES for kind in drawn)
    figures = [
        kind for before, kind in pairwise(["", *drawn, FIGURES[0]]) if before != FIGURES[0]
    ]  # less their buttons
    followed = [after for kind, after in pairwise(figures) if kind in FIGURES]
    return [place for place, after in enumerate(followed) if after in FIGURES]


def said(app: AppTest) -> str:
    return " ".join(found.value for found in [*app.markdown, *app.caption])


@pytest.fixture(scope="module")
def embedded() -> Model:
    return load_model("embedded")


@pytest.fixture(scope="module")
def clean() -> torch.Tensor:
    return tokenize(SEQUENCE, [0])


@pytest.fixture(scope="module")
def internal() -> torch.Tensor:
    return tokenize(SEQUENCE, [INSIDE])


@pytest.fixture(scope="module")
def main(embedded: Model) -> Head:
    return costliest_heads(DirectSurvey(embedded), {"it": SEQUENCE}, Target("M", 0))[0]


@pytest.mark.parametrize("view", CIRCUIT_LAB)
def test_a_page_asks_a_question_shows_figures_beside_the_paper_and_gives_its_data(view):
    app = start(view)
    assert not app.exception
    assert not app.error
    assert app.markdown[0].value.startswith("#### ")
    assert app.markdown[0].value.endswith("?")
    assert len(app.markdown[1].value) > 200
    assert without_data(app) == []
    assert "Beside the paper" in said(app)
    assert "not ESM-2" in said(app)


# The numbers are core's


def test_the_ablation_page_names_the_costliest_head(main):
    assert str(main) in start("ablation").table[-1].value.iloc[3, -1]


def test_every_sequence_of_the_set_has_its_gap(embedded, clean):
    table = start("first-residue", over="This protein").dataframe[0].value
    assert table["M gap (logits)"].tolist() == pytest.approx([read(embedded, clean, [()]).gap[0]], abs=1e-5)
    page = start("first-residue")
    members = page.dataframe[0].value
    first = members[members["M's rank"] == 1]
    assert f"random {(first.Group == 'random').sum()} of 15 (" in " ".join(text.value for text in page.main.markdown)
    assert len(members) > 50
    assert ((members["M's rank"] == 1) == (members["M gap (logits)"] > 0)).all()


def test_knock_outs_begin_with_the_clean_gap(embedded, clean):
    table = start("bos").dataframe[0].value
    none = table[(table["Test"] == "necessity") & (table["Knocked out"] == "none")]
    assert none["M gap"].astype(float).to_numpy() == pytest.approx(read(embedded, clean, [()]).gap[0], abs=0.005)


def test_the_minimal_circuit_is_the_greedy_searchs(embedded, clean):
    needed = minimal_circuit(embedded, clean, modules(embedded.shape), scope="all").needed
    names = [component_name(component) for component in needed]
    assert f"Needed: {', '.join(names)}" in said(start("circuit"))
    app = start("sufficiency")
    assert app.session_state["kept"] == names
    whole = token_scopes(embedded, clean, needed).gap[0]
    assert f"whole model {whole:.2f}" in said(app)


def test_rescues_are_those_of_the_patches(embedded, clean, internal, main):
    rows = start("patching").table[-1].value.iloc[:, -1]
    mask, bos = patch_stream(embedded, clean, internal, "resid_pre", scopes=["mask", "bos"]).rescue[-1]
    assert rows[0].startswith(f"rescue {bos:z.0f}% before the last layer, mean of 1")
    assert rows[1].startswith(f"rescue {mask:z.0f}%")
    content = patch_heads(embedded, clean, internal, "q").rescue[main.layer, main.index]
    assert rows[2] == f"rescue {content:.1f}% by {main}'s, mean of 1"


def test_the_largest_cosine_is_the_write_vectors(embedded, clean, main):
    found = write_vectors(embedded, clean).cosine
    head, letter = np.unravel_index(int(found.argmax()), found.shape)
    rows = start("write-vectors").table[-1].value.iloc[:, -1]
    if main.layer != embedded.shape.n_layers - 1:
        assert rows[0].startswith(f"not applicable: {main} isn't in the last layer. There ")
        return
    assert rows[0].startswith(f"L{embedded.shape.n_layers}H{head + 1}, {AMINO_ACIDS[letter]}, chosen and judged on")
    assert rows[1].startswith(f"{found.max():.2f}")


def test_the_repeat_wins_where_the_gaps_cross(embedded):
    table = elongation(embedded, "G", range(1, 21))
    place = crossing(table.length.to_numpy(), table.gap.to_numpy())
    told = f"at {place:.1f} residues of G" if np.isfinite(place) else "nowhere"
    assert f"The strongest amino acid changes {told}" in said(start("competition", repeat="G"))


def test_patch_sets_and_greedy_steps_are_those_of_the_search(embedded, main):
    target = Target("M", 0)
    search = swap_path(DirectSurvey(embedded), {"it": SEQUENCE}, target, main=main, inside=INSIDE, steps=5)
    swapped = start("rope-swap", steps="5").dataframe[-1].value
    assert swapped.iloc[: len(search.heads), 4].tolist() == [str(head) for head in search.heads]
    assert swapped.iloc[0, 6] == pytest.approx(search.steps.rescue[1], abs=1e-3)
    app = start("rope")
    assert app.session_state["keys"] == [str(head) for head in search.heads]
    masks = several_masks({"it": SEQUENCE}, target, INSIDE).values()
    sets = [patch_sets(embedded, each.clean, each.internal, main, search.heads) for each in masks]
    gaps = sum(each.set_index("condition").gap for each in sets) / len(sets)
    query = rescue(gaps["readout's full q"], gaps["corrupted"], gaps["clean"])
    shown = app.table[-1].value.iloc[:, -1].tolist()
    assert any(f", {query:z.1f}%; " in said for said in shown)


def test_the_shape_is_that_of_the_shift_curve_and_the_control_is_flat(embedded, clean, main):
    told = said(start("rope-shift"))
    gap = shift_curve(embedded, clean, [main]).gap
    assert f"The mean curve of 1 sequence {Shape(SHIFTS, gap).in_words}." in told
    largest = re.search(r"The control changes no logit by more than (\S+) in ", told)
    assert largest
    assert 0 <= float(largest[1]) < 1e-10


def test_the_shifts_data_holds_the_spread_that_is_drawn(embedded, main, monkeypatch, handed_out):
    both = ProteinSet("both", {"forward": SEQUENCE, "backward": "M" + SEQUENCE[:0:-1]})
    monkeypatch.setattr(rope_shift, "choose_set", lambda _: both)
    assert not start("rope-shift").exception
    for suffix, masked in (("", 0), ("_inside", INSIDE)):
        tokens = [tokenize(sequence, [masked]) for sequence in both.sequences.values()]
        gaps = np.stack([shift_curve(embedded, each, [main]).gap for each in tokens])
        assert handed_out["shift"]["gap" + suffix].to_numpy() == pytest.approx(gaps.mean(0), abs=1e-5)
        assert handed_out["shift"][f"gap{suffix}_sd"].to_numpy() == pytest.approx(gaps.std(0), abs=1e-5)
        assert gaps.std(0).max() > 0.01


def test_norm_and_direction_are_the_attributions(embedded, clean, internal, main):
    found = aggregate([compare_bands(embedded, clean, internal, main).attribution])
    assert f"the norm explains {found.norm_share:.0%} (A {found.norm_share_a:.0%}" in said(start("rope-bands"))


# Controls, links and bad input


def test_a_link_restores_the_controls():
    link = {"site": "Each head's q after RoPE", "at": "BOS", "inside": "7", "main": "L3H4", "target": "K"}
    app = start("patching", **link)
    assert not app.exception
    held = {"site": "q_rot", "at": "bos", "inside": 7, "main": "L3H4", "target": "K"}
    assert {name: app.session_state[name] for name in held} == held
    assert "K gap" in said(app)


def test_beside_another_target_none_of_the_papers_values_stands():
    app = start("first-residue", over="This protein", target="A")
    assert not app.exception
    assert "Beside the paper: not applicable. It follows M at residue 1, this page A at residue 1." in said(app)
    assert not app.table


def test_a_set_is_measured_when_the_person_asks_and_pooled(embedded):
    app = start("rope-bands", over="Evaluation set", target="M")
    assert not app.exception
    told = said(app)
    assert "sequences are left out" in " ".join(found.label for found in app.expander)
    assert "the norm explains" in told


@pytest.mark.parametrize(
    ("view", "link", "message"),
    [
        ("bos", {"inside": "300"}, "cannot mask residue 300: the sequence has residues 1 to 22"),
        ("patching", {"inside": "300"}, "cannot mask residue 300"),
        ("rope", {"mask": "11"}, "residue 11 is the masked one"),
        ("rope-swap", {"swapinside": "300"}, "cannot mask residue 300"),
        ("rope-shift", {"inside": "300"}, "cannot mask residue 300"),
        ("rope-bands", {"inside": "300"}, "cannot mask residue 300"),
        ("circuit", {"target": "W"}, "W doesn't rank first here"),
        ("injection", {"target": "W"}, "W ranks first in none of the sources"),
        ("sufficiency", {"first": "L2H1", "second": "L2H1"}, "L2H1 is chosen twice"),
    ],
)
def test_bad_input_gets_one_line(view, link, message):
    app = start(view, **link)
    assert not app.exception
    assert len(app.error) == 1
    assert message in app.error[0].value.replace("\\", "")
    assert "\n" not in app.error[0].value


# In a browser


@pytest.fixture
def open_lab(open_page):
    def start(address: str, query: str = "", **settings: object) -> Page:
        page = open_page(APP, query=f"/{address}?from=Paste&sequence={SEQUENCE}{query}", **settings)
        page.set_default_timeout(SLOW)
        expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible(timeout=90_000)
        return page

    return start


@pytest.mark.browser
@pytest.mark.parametrize("address", CIRCUIT_LAB)
def test_every_page_draws_its_figures(open_lab, address):
    page = open_lab(address, width=1024, height=768, dark=address.startswith("rope"))
    expect(page.get_by_text("Beside the paper").first).to_be_visible(timeout=SLOW)
    assert page.get_by_test_id("stException").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.browser
def test_a_clicked_cell_is_carried_to_explore_with_the_protein(open_lab):
    page = open_lab("ablation")
    page.locator(".cell[data-layer='1'][data-column='1']").click()
    expect(page.get_by_text("L2H2 off at the mask").first).to_be_visible(timeout=SLOW)
    expect(page).to_have_url(re.compile("off=L2H2"), timeout=SLOW)
    expect(page).to_have_url(re.compile(f"sequence={SEQUENCE}"), timeout=SLOW)


@pytest.mark.browser
def test_a_fasta_file_is_measured_and_what_is_too_short_is_listed(open_page, tmp_path):
    fasta = tmp_path / "three.fasta"
    fasta.write_text(f">whole\n{SEQUENCE}\n>short <b>\nMKTAY\n>half\n{SEQUENCE[:12]}\n")
    page = open_page(APP, query="/rope-bands?over=FASTA+file")
    expect(page.get_by_text("A link to this page cannot hold it")).to_be_visible(timeout=SLOW)
    page.get_by_test_id("stMain").locator("input[type=file]").first.set_input_files(str(fasta))
    page.get_by_text("1 of 3 sequences are left out").click(timeout=SLOW)
    listed = page.get_by_text("2. short <b>: cannot mask residue 11: the sequence has residues 1 to 5")
    expect(listed).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("the norm explains").first).to_be_visible(timeout=SLOW)


@pytest.mark.browser
def test_over_a_set_a_head_ablated_is_compared_with_its_attention_to_bos_blocked(open_page, tmp_path):
    fasta = tmp_path / "three.fasta"
    fasta.write_text(f">one\n{SEQUENCE}\n>two\n{SEQUENCE[::-1]}\n>three\n{SEQUENCE[:15]}\n")
    page = open_page(APP, query="/bos?over=FASTA+file&main=L6H18&keys=L1H6")
    page.get_by_test_id("stMain").locator("input[type=file]").first.set_input_files(str(fasta))
    expect(page.get_by_text("Is BOS all that L6H18 brings?")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text(re.compile(r"r = -?\d\.\d\d, slope -?\d\.\d\d, over 3 sequences"))).to_be_visible(
        timeout=SLOW
    )


@pytest.mark.browser
def test_found_heads_are_carried_to_the_knock_outs(open_lab):
    page = open_lab("rope-swap", "&steps=2&swapinside=9&swapmain=L5H5")
    expect(page.get_by_text(re.compile("beside L5H5")).first).to_be_visible(timeout=SLOW)
    heads = page.get_by_text(re.compile("beside L5H5")).first.inner_text().split(" beside ")[0].split(", ")
    page.get_by_role("link", name="Knock out what these heads read from BOS").click()
    expect(page.get_by_text("Sufficiency: residues from 9 on masked").first).to_be_visible(timeout=SLOW)
    for head in heads:
        expect(page.get_by_test_id("stMultiSelect").get_by_text(head, exact=True).first).to_be_visible(timeout=SLOW)
    expect(page).to_have_url(re.compile("main=L5H5"), timeout=SLOW)


@pytest.mark.browser
def test_a_circuit_is_saved_and_loaded_back(open_lab, tmp_path):
    page = open_lab("circuit")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save").click()
    saved = json.loads(Path(download.value.path()).read_text())
    assert saved["components"]
    other = tmp_path / "other.json"
    other.write_text(json.dumps(saved | {"name": "two parts", "components": ["L1 MLP", "L2H3"]}))
    page.get_by_role("link", name="Is it enough?").click()
    expect(page.get_by_text("Is a circuit enough").first).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("Load a saved circuit").first).to_be_visible(timeout=SLOW)
    for name in saved["components"]:
        expect(page.get_by_test_id("stMultiSelect").get_by_text(name, exact=True).first).to_be_visible(timeout=SLOW)
    page.locator("input[type=file]").last.set_input_files(str(other))
    expect(page.get_by_test_id("stMultiSelect").get_by_text("L2H3", exact=True).first).to_be_visible(timeout=SLOW)
    expect(page).to_have_url(re.compile("name=two"), timeout=SLOW)
