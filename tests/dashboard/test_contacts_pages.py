"""The Contacts pages as scripts: each draws its answer on a protein with a structure, and says what it cannot do."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from playwright.sync_api import expect
from streamlit.testing.v1 import AppTest

from core.alphabet import tokenize
from core.analyses import contact_probe
from core.analyses.contact_attribution import contact_shares
from core.analyses.contact_calibration import kept_calibration, worth_marking
from core.contacts import contact_map
from core.interventions import AblateAttention, AblateHead, Head
from core.model import load_model
from core.proteins.contact_scores import precision_at, top_contacts
from core.proteins.examples import EXAMPLES_FOLDER, load_example
from core.proteins.labelled import labelled_examples
from core.proteins.protein import residue_name
from core.proteins.structure import contact_truth, residue_distances
from dashboard import engine, take_away
from dashboard.menu import MENU
from dashboard.script import Script, python
from tests.dashboard.conftest import ROOT

APP = Path(__file__).parents[2] / "dashboard" / "app.py"
VIEWS = {view.PATH: view.__name__ for view in MENU["Contacts"]}
SHORT = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ"


def script(module: str) -> None:
    from importlib import import_module

    from dashboard.sidebar import ask

    import_module(module).page(ask())


def start(address: str, **link) -> AppTest:
    app = AppTest.from_function(script, kwargs={"module": VIEWS[address]}, default_timeout=300)
    for name, value in link.items():
        app.query_params[name] = value
    return app.run()


def captions(app: AppTest) -> str:
    return " ".join(found.value for found in app.caption)


@pytest.mark.parametrize("page", VIEWS)
def test_every_page_opens_on_an_example_and_on_a_bare_sequence(page):
    for link in ({}, {"from": "Paste", "sequence": SHORT}):
        app = start(page, **link)
        assert not app.exception
        assert not app.error
        assert any(found.value.startswith("#### ") for found in app.markdown)


def test_the_table_counts_the_contact_heads_pairs():
    app = start("contacts")
    table = app.dataframe[0].value
    protein = load_example(app.session_state["example"])
    predicted = contact_map(load_model("embedded"), tokenize(protein.sequence))
    contacts, known = contact_truth(protein.structure)
    found = precision_at(predicted, contacts, known, "long", 2)
    assert table.loc["long P@L/2", "Contact head"] == pytest.approx(found.precision, abs=1e-3)
    assert table.loc["long P@L/2", "Chance"] == pytest.approx(found.chance, abs=1e-3)


def test_pairs_are_marked_by_what_their_probability_is_worth():
    model, protein = load_model("embedded"), load_example("ubiquitin")
    predicted = contact_map(model, tokenize(protein.sequence))
    calibration = kept_calibration(model)
    assert calibration is not None
    worth = worth_marking(predicted, calibration)
    i, j = np.triu_indices(len(predicted), 6)
    assert len(worth) == (calibration.calibrated(predicted[i, j]) >= 0.5).sum()
    app = start("contacts")
    assert not app.exception
    assert any("marked pairs" in each.label for each in app.expander) is bool(worth)
    app = start("contacts", highest="true")
    table = next(each.value for each in app.dataframe if "verdict" in each.value)
    assert len(table) == len(protein.sequence) // 2
    best = top_contacts(predicted)[0]
    assert table.score.iloc[0] == pytest.approx(predicted[best])
    assert table["distance (Å)"].iloc[0] == pytest.approx(residue_distances(protein.structure)[best])


def test_a_picked_pair_is_told_with_its_distance():
    app = start("contacts", pick="M1, K63")
    distance = residue_distances(load_example("ubiquitin").structure)[0, 62]
    assert any("M1–K63: score" in each.value and f"{distance:.1f} Å apart" in each.value for each in app.markdown)


def test_switched_off_parts_reach_the_table_the_map_and_one_contacts_shares():
    off = (AblateHead(Head(1, 5)), AblateAttention(2))
    app = start("contact-edits", off=["L2H6", "L3 attention"], pick="M1, Q62")
    assert not app.exception
    assert not app.error
    model, protein = load_model("embedded"), load_example(app.session_state["example"])
    tokens = tokenize(protein.sequence)
    clean, edited = contact_map(model, tokens), contact_map(model, tokens, off)
    table = app.dataframe[0].value
    for run, predicted in (("Clean run", clean), ("Edited run", edited)):
        found = precision_at(predicted, *contact_truth(protein.structure), "long", 1)
        assert table.loc["long P@L", run] == pytest.approx(found.precision, abs=1e-3)
    shares = contact_shares(model, tokens, 0, 61, off)
    assert f"a probability of {shares.probability:.2f} (clean {clean[0, 61]:.2f})" in captions(app)


def picks() -> None:
    import streamlit as st

    from core.proteins.numbering import Numbering
    from dashboard.controls.picked import choose_picked, picked_before

    st.write(str(picked_before(Numbering("MKTAY"))))
    choose_picked(Numbering("MKTAY"))


def test_what_a_link_picks_is_known_above_the_box_at_once():
    app = AppTest.from_function(picks)
    app.query_params["pick"] = "K2, 5"
    assert app.run().markdown[0].value == "(1, 4)"
    assert app.text_input(key="pick").set_value("").run().markdown[0].value == "()"


@pytest.mark.browser
def test_a_clicked_part_and_a_picked_pair_reach_the_difference_map_the_shares_and_the_address(open_page, with_3dmol):
    page = open_page(APP, query="/contact-edits")
    page.set_default_timeout(60_000)
    expect(page.get_by_text("Nothing is off yet: above the diagonal")).to_be_visible(timeout=60_000)
    page.locator(".cell[data-layer='1'][data-column='5']").click()
    expect(page.get_by_text("L2H6 off at every position").first).to_be_visible()
    expect(page.get_by_text("highest pairs give way to others, which are marked")).to_be_visible(timeout=60_000)
    expect(page.get_by_role("button", name="Mask", exact=True)).to_be_hidden()
    expect(page).to_have_url(re.compile("off=L2H6"))
    map_ = page.locator(".map canvas").first
    map_.scroll_into_view_if_needed()
    box = map_.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 0.8, box["y"] + box["height"] * 0.3)
    expect(page).to_have_url(re.compile("pick="), timeout=60_000)
    expect(page.locator(".residue.picked")).to_have_count(2)
    first, second = page.locator(".residue.picked").evaluate_all("cells => cells.map(cell => cell.ariaLabel)")
    expect(page.get_by_text(f"{first}–{second}, contact head, edited run")).to_be_visible(timeout=60_000)


@pytest.mark.parametrize(("page", "said"), [("contact-edits", "contact head, clean run"), ("motif", "Coupling of")])
def test_without_a_pick_the_highest_ranked_contact_is_looked_at(page, said, monkeypatch):
    monkeypatch.setattr(engine, "UNASKED_SECONDS", 600.0)  # as if the person had asked for what takes long
    app = start(page)
    protein = load_example(app.session_state["example"])
    predicted = contact_map(load_model("embedded"), tokenize(protein.sequence))
    contacts, _ = contact_truth(protein.structure)
    far = np.where(np.triu(contacts, 24), predicted, -np.inf)
    names = [residue_name(protein.sequence, int(at)) for at in np.unravel_index(far.argmax(), far.shape)]
    assert any("–".join(names) in found.value and said in found.value for found in app.caption)


def test_the_cheap_jacobian_says_how_it_agrees_with_the_full_one():
    link = {"from": "Paste", "sequence": SHORT, "method": "Categorical Jacobian", "cheap": "true"}
    app = start("contacts", **link)
    assert not app.exception
    assert "Cheap mode (5 of 20 substitutions)" in captions(app)
    assert "rank correlation" in captions(app)


def test_a_contact_head_fitted_here_is_used_from_then_on(monkeypatch):
    scripts: list[Script] = []
    monkeypatch.setattr(take_away, "show_script", scripts.append)
    app = start("contact-head")
    shipped = load_model("embedded").contact_head
    app.number_input(key="n").set_value(4).run()
    next(button for button in app.button if button.label == "Fit a contact head").click().run()
    assert not app.exception
    assert not app.error
    fitted = app.session_state["contact heads"][load_model("embedded").trunk_fingerprint].contact_head
    assert not torch.equal(fitted.weight, shipped.weight)
    assert "Fitted here on 4 proteins" in captions(app)
    n_weights = int((fitted.weight != 0).sum())
    assert f"The contact head in use: {n_weights} of {len(fitted.weight)} heads have a weight" in captions(app)
    fits: list[dict] = []  # the script's own fit would take as long again
    probe = SimpleNamespace(model=load_model("embedded").with_contact_head(fitted))
    monkeypatch.setattr(contact_probe, "fit_probe", lambda _, proteins: fits.append(proteins) or probe)
    space: dict = {}
    exec(python(scripts[-1], str(ROOT)), space)
    assert fits == [{name: labelled_examples()[name] for name in ("ubiquitin", "bpti", "adenylate_kinase", "enolase")}]
    np.testing.assert_array_equal(space["weights"].ravel(), fitted.weight.numpy())


def test_a_folder_is_offered_only_by_who_runs_the_app(monkeypatch, tmp_path):
    chosen = {"labelled": "A folder on this machine"}
    monkeypatch.delenv("PLMSCOPE_STRUCTURES", raising=False)
    app = start("contact-head", **chosen)
    assert app.segmented_control(key="labelled").value == "The app's examples"
    (tmp_path / "1abc.pdb").write_text("nothing")
    monkeypatch.setenv("PLMSCOPE_STRUCTURES", str(tmp_path))
    app = start("contact-head", **chosen)
    assert not app.exception
    assert "none of the 1 proteins" in app.error[0].value


def test_of_uploaded_structures_the_first_chain_is_taken_until_others_are_chosen():
    protease, ubiquitin = ((EXAMPLES_FOLDER / f"{name}.pdb.gz").read_bytes() for name in ("hiv_protease", "ubiquitin"))
    files = [("a.pdb.gz", protease), ("b.pdb.gz", ubiquitin), ("again.pdb.gz", ubiquitin), ("mine.fasta", b">a\nMK")]
    app = start("contact-heads", labelled="Uploaded structures")
    app.file_uploader(key="structures").set_value([(name, data, "") for name, data in files]).run()
    assert not app.exception
    said = captions(app).replace("\\", "")
    assert "Chosen: a.pdb.gz chain A, b.pdb.gz chain A" in said
    assert "again.pdb.gz chain A: it is the same as b.pdb.gz chain A" in said
    assert "mine.fasta: it holds a sequence and no structure" in said
    chains = app.multiselect[0]
    assert chains.options == ["a.pdb.gz chain A", "a.pdb.gz chain B", "b.pdb.gz chain A"]
    chains.set_value(["a.pdb.gz chain B"]).run()
    assert "Chosen: a.pdb.gz chain B" in captions(app).replace("\\", "")


def test_heads_are_ranked_on_the_chosen_proteins(monkeypatch, capsys):
    scripts: list[Script] = []
    monkeypatch.setattr(take_away, "show_script", scripts.append)
    app = start("contact-heads")
    app.number_input(key="n").set_value(3).run()
    next(button for button in app.button if button.label == "Rank all heads").click().run()
    assert not app.exception
    assert not app.error
    assert "heads were ranked on 3 proteins" in captions(app)
    [held] = app.session_state["rankings"].values()
    exec(python(scripts[-1], str(ROOT)), {})
    assert capsys.readouterr().out.strip() == held.ranking.table().head(10).to_string().strip()


@pytest.mark.parametrize(
    ("page", "link", "message"),
    [
        ("contact-edits", {"pick": "M1, M1000"}, "there is no residue 1000"),
        ("contact-edits", {"scope": "The mask", "off": "L2H6"}, "no residue is masked"),
        ("motif", {"pick": "X1, 5"}, "residue 1 is M, not X"),
    ],
)
def test_bad_input_is_refused_in_one_line(page, link, message):
    app = start(page, **link)
    assert not app.exception
    assert len(app.error) == 1
    assert message in app.error[0].value.replace("\\", "")
