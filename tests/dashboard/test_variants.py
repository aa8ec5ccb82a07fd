"""The Variants page as a script: its numbers are core's, bad rows get one line each, the others are kept."""

import re
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from core.analyses.evidence import measure_support
from core.analyses.substitutions import substitutions
from core.analyses.variant_evidence import ratio_shares, without_evidence
from core.model import Model, load_model
from core.proteins.numbering import Numbering
from core.proteins.variants import parse_variant
from dashboard import engine
from dashboard.views.variants import page as variants_page
from tests.dashboard.test_circuit_lab import APP, SEQUENCE, SLOW, said, start

NUMBERING = Numbering(SEQUENCE)
RESIDUES = tuple(range(len(SEQUENCE)))


@pytest.fixture(scope="module")
def embedded() -> Model:
    return load_model("embedded")


@pytest.mark.parametrize(("choice", "marginal"), [({}, "masked"), ({"marginal": "Wild-type marginals"}, "wild type")])
def test_every_ratio_is_drawn_listed_and_handed_out(embedded, handed_out, choice, marginal):
    app = start("variants", **choice)
    assert not app.exception
    found = substitutions(embedded, SEQUENCE, marginal)
    table = handed_out["ratios"]
    assert len(table) == 19 * len(SEQUENCE)
    assert table.ratio.to_numpy() == pytest.approx(found.table.ratio.to_numpy(), abs=1e-4)
    assert table.variant[0] == "M1L"
    listed = app.dataframe[0].value
    assert len(listed) == variants_page.STRONGEST
    assert listed.iloc[0, 1] == pytest.approx(found.table.ratio.min(), abs=1e-4)
    names = {"masked": "Masked marginals.", "wild type": "Wild-type marginals."}
    assert names[marginal] in said(app)
    at_the_start = int(listed.Variant.str.startswith("M1").sum())
    assert (f"{at_the_start} of these replace M1" in said(app)) == (at_the_start > variants_page.STRONGEST / 2)


def test_until_a_long_pass_is_asked_for_the_first_picture_is_shown_and_told(monkeypatch):
    monkeypatch.setattr(engine, "UNASKED_SECONDS", 0.0)
    app = start("variants", sequence="MKVLAAGIVGLCAKWQ")
    assert not app.exception
    assert "Wild-type marginals." in said(app)
    [ask] = [button for button in app.button if button.label.startswith("Mask one residue at a time (about")]
    ask.click().run()
    assert "Masked marginals." in said(app)


def test_a_chosen_variant_is_taken_apart(embedded):
    app = start("variants", variant="K2W:Y5W")
    variant = parse_variant("K2W:Y5W", NUMBERING)
    found = ratio_shares(measure_support(embedded, SEQUENCE, (1, 4)), variant)
    shown = [*app.success, *app.warning, *app.error, *app.info]
    assert len(shown) == 1
    assert shown[0].value.startswith("**K2W:Y5W: ")
    assert f"Of {found.total:+.2f} nats" in shown[0].value
    assert f"add up to {found.total:+.2f} nats" in said(app)


def test_a_letter_outside_the_twenty_has_no_scores_and_breaks_nothing(handed_out):
    app = start("variants", sequence="MKXAYIAKQRQISFVK", hatched="true", variants="X3A K2R")
    assert not app.exception
    table = handed_out["ratios"]
    assert len(table) == 19 * 15
    assert table.verdict.notna().all()
    assert "residue 3 is X, none of the twenty" in said(app)


def test_what_is_scored_by_default_is_said_loudly():
    app = start("variants", variant="M1W")
    assert len(app.warning) == 1
    assert app.warning[0].value.startswith("**M1W: likely scored by default.**")


def test_residues_without_evidence_are_hatched_and_handed_out(embedded, handed_out):
    app = start("variants", hatched="true")
    hatched = without_evidence(measure_support(embedded, SEQUENCE, RESIDUES))
    assert f"Hatched: {len(hatched)} of {len(SEQUENCE)} residues" in said(app)
    table = handed_out["ratios"]
    assert set(table[~table.evidence_at_residue].residue) == {NUMBERING.name(residue) for residue in hatched}


def test_a_picked_residue_lists_its_nineteen():
    listed = start("variants", pick="K2").dataframe[0].value
    assert len(listed) == 19
    assert listed.Variant.str.startswith("K2").all()


def test_pasted_scores_are_correlated_and_bad_rows_are_listed(embedded):
    names = ["K2R", "T3V", "A4G", "Y5F", "I6V", "A7G", "K8R:Q9E"]
    rows = [f"{name},{place}" for place, name in enumerate(names)]
    app = start("variants", variants="\n".join(["mutant,fitness", *rows, "A2V,1", "K99R,1", "K2B,3"]))
    assert not app.exception
    listed = app.dataframe[1].value
    found = substitutions(embedded, SEQUENCE)
    ratios = [found.of(parse_variant(name, NUMBERING)) for name in names]
    assert listed.iloc[:, 1].to_numpy() == pytest.approx(ratios, abs=1e-4)
    spearman = pd.Series(ratios).corr(pd.Series(np.arange(7.0)), method="spearman")
    assert f"Spearman's correlation **{spearman:.2f} [" in said(app)
    assert ", N = 7" in said(app)
    lines = said(app).replace("\\", "")
    assert "- row 9, A2V: residue 2 is K, not A\n" in lines
    assert "- row 10, K99R: there is no residue 99" in lines
    assert "- row 11, K2B: 'B' is none of the twenty" in lines
    assert "the ratios are added" in lines


def test_no_correlation_is_stated_below_six():
    app = start("variants", variants="mutant,fitness\nK2R,1\nT3V,2\nA4G,3")
    assert "Spearman" not in said(app)
    assert "No correlation is stated" in said(app)


def test_a_table_without_variants_gets_one_line_and_the_page_stands():
    app = start("variants", variants="a,b\nhello,1\nworld,2")
    [line] = [each.value for each in app.error if "column" in each.value]
    assert line.replace("\\", "").startswith("no column of variants (variant, mutant, mutation, hgvs_pro) among")
    assert app.get("plotly_chart")


def test_a_variant_that_does_not_fit_gets_one_line():
    app = start("variants", variant="A2V")
    assert [each.value.replace("\\", "") for each in app.warning] == ["residue 2 is K, not A"]
    assert app.get("plotly_chart")


@pytest.mark.browser
def test_the_heatmap_and_the_strip_are_drawn_and_a_click_lists_a_residue(open_page: Callable[..., Page]):
    page = open_page(APP, query=f"/variants?from=Paste&sequence={SEQUENCE}", width=1024, height=768, dark=True)
    expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible(timeout=SLOW)
    expect(page.locator(".map")).to_be_hidden(timeout=SLOW)
    page.locator(".residue").nth(1).click()
    expect(page.get_by_text("All substitutions of K2")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text(re.compile(r"M1\w: likely scored by default")).first).to_be_visible(timeout=SLOW)
    assert page.get_by_test_id("stException").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
