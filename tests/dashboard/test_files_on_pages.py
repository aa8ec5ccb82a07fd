"""Proteins and links as people have them, on a page: what is read, chosen and said."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect
from streamlit.testing.v1 import AppTest

from core.proteins.protein import Protein, read_file, read_text
from core.proteins.structure import read_structure
from tests.dashboard.conftest import ROOT, OpenPage
from tests.made_structures import as_pdb, chain, entry

FIRST, SECOND = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDG", "GSHMLEDPVDAFKWQNRTYLVACG"
GENE = "ATGAAAACCGCGTATATTGCGAAACAGCGTCAGATTAGCTTTGTG"


def ask_alone() -> None:
    """A page that asks and says what it was told."""
    import streamlit as st

    from dashboard import sidebar

    question = sidebar.ask()
    st.text(f"{question.protein.sequence} masked {question.masked} reads {question.residue_label}")


def ask_of_a_numbered_structure() -> None:
    """The sidebar's last part, on a chain that its authors number from 101."""
    import streamlit as st

    from core.model import load_model
    from core.proteins.protein import protein_from_structure
    from core.proteins.structure import read_structure
    from dashboard import sidebar
    from tests.made_structures import as_pdb, chain, entry

    text = as_pdb(entry(chain("A", "MKTAYIAKQRQISFVKSHFS", first=101)))
    protein = protein_from_structure(read_structure(text))
    question = sidebar.choose_mask_and_target(load_model("embedded"), protein, sidebar._choose_numbering(protein))
    st.text(f"masked {question.masked} reads {question.residue_label}")


@pytest.fixture
def page() -> Callable[..., AppTest]:
    """The page, opened by a link."""

    def open_it(script: Callable[[], None] = ask_alone, **link: str) -> AppTest:
        app = AppTest.from_function(script, default_timeout=60)
        for name, value in link.items():
            app.query_params[name] = value
        return app.run()

    return open_it


def lines(app: AppTest) -> str:
    return " | ".join(str(each.value) for each in (*app.caption, *app.error, *app.text))


def test_a_pasted_text_with_a_bad_record_is_read_and_the_record_is_said(page):
    app = page(**{"from": "Paste"}, sequence=f">good\n{FIRST}\n>stop\nMKT*AY\n>other\n{SECOND}\n")
    assert app.selectbox(key="entry").options == ["1. good", "2. other"]
    assert FIRST in app.text[0].value
    assert "1 of 3 records left out: stop: residue 4 is" in lines(app).replace("\\", "")


def test_what_cannot_be_used_is_said_and_the_page_keeps_what_was_there(page):
    app = page(**{"from": "Paste"}, sequence=SECOND, mask="3")
    shown = app.text[0].value
    app.text_area(key="sequence").set_value("MKT?AY").run()
    assert "residue 4 is '?'" in app.error[0].value.replace("\\", "")
    assert app.text[0].value == shown
    app.text_input(key="mask").set_value("200").run()
    assert len(app.error) == 2
    assert app.text[0].value == shown
    app.text_area(key="sequence").set_value(FIRST).run()
    assert app.text[0].value.startswith(f"{FIRST} masked (2,)")
    assert page(**{"from": "Paste"}, sequence="MKT?AY").text.len == 0


def test_a_pasted_gene_is_said_and_translated_when_asked(page):
    app = page(**{"from": "Paste"}, sequence=f">gene\n{GENE}\n")
    assert "gene is DNA or RNA, not protein" in app.error[0].value.replace("\\", "")
    app.toggle(key="translate").set_value(True).run()
    assert app.text[0].value.startswith("MKTAYIAKQRQISFV masked")


def test_a_row_of_a_pasted_alignment_is_chosen(page):
    rows = f">query\n{FIRST}\n>hit\n{FIRST[:6]}aa{FIRST[6:15]}---{FIRST[18:]}\n"
    app = page(**{"from": "Paste"}, sequence=rows)
    assert app.text[0].value.startswith(f"{FIRST} masked")
    app.selectbox(key="row").set_value(2).run()
    assert app.text[0].value.startswith(f"{FIRST[:15]}{FIRST[18:]} masked")
    assert "gaps (3) and inserted residues (2)" in lines(app).replace("\\", "")


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ({"model": "My model"}, "The link asks for the model “My model”, which is not here"),
        ({"example": "Titin"}, "The link asks for the example “Titin”, which is not here"),
        (
            {"from": "Paste", "sequence": f">a\n{FIRST}\n>b\n{SECOND}\n", "entry": "3. c"},
            "The link asks for the protein “3. c”, which is not here",
        ),
    ],
)
def test_a_link_to_what_is_not_here_says_so_and_keeps_the_address(page, link, said):
    app = page(**link)
    assert not app.exception
    assert said in app.error[0].value.replace("\\", "")
    assert not app.text
    assert {name: app.query_params[name] for name in link} == link
    key = list(link)[-1]
    box = app.selectbox(key=f"{key} instead")
    box.set_value({"model": "embedded", "example": "bpti", "entry": "2. b"}[key]).run()
    assert not app.error
    assert " masked (0,)" in app.text[0].value


def test_numbers_that_are_typed_mean_what_is_chosen(page):
    app = page(ask_of_a_numbered_structure)
    assert app.text[0].value == "masked (0,) reads M1 (101)"
    app.text_input(key="mask").set_value("K2, 5-6").run()
    assert app.text[0].value == "masked (1, 4, 5) reads K2 (102)"
    app.segmented_control(key="numbers").set_value("structure").run()
    assert app.text_input(key="mask").value == "K102, Y105, I106"
    assert app.text[0].value == "masked (1, 4, 5) reads K2 (102)"
    app.text_input(key="mask").set_value("103, 120-118").run()
    assert app.text[0].value == "masked (2, 17, 18, 19) reads T3 (103)"
    app.text_input(key="mask").set_value("3").run()
    assert "the structure has no residue 3: its numbers go from 101 to 120" in app.error[0].value.replace("\\", "")


def test_a_protein_without_other_numbers_is_not_asked_about_them(page):
    app = page()
    with pytest.raises(KeyError):
        app.segmented_control(key="numbers")


def test_what_the_page_reads_is_what_python_reads():
    text = f">a\n{FIRST}\n>b\n{SECOND}\n"
    assert read_text(text).proteins == read_file("x.fasta", text.encode()).proteins
    made = as_pdb(entry(chain("A", FIRST)))
    (protein,) = read_file("x.pdb", made.encode()).proteins
    assert protein == Protein(protein.name, read_structure(made).sequence, protein.notes)


@pytest.mark.browser
def test_the_browsers_address_stays_until_another_example_is_chosen(open_page: OpenPage):
    page = open_page(ROOT / "dashboard" / "app.py", query="/explore?example=Titin")
    expect(page.get_by_text("The link asks for the example “Titin”")).to_be_visible(timeout=60_000)
    assert page.url.endswith("?example=Titin")
    page.get_by_role("combobox", name="Another example").click()
    page.get_by_role("option").nth(1).click()
    expect(page.get_by_text("The link asks for the example “Titin”")).to_have_count(0)
    page.wait_for_url("**example=*")
    assert "Titin" not in page.url
