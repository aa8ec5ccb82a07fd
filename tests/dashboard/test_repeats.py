"""The Repeats page as a script: its numbers and its verdict are core's."""

import pytest

from core.analyses.induction import NO_REPEAT, NOTHING, random_repeats
from core.answers.induction import induction
from core.model import load_model
from dashboard import engine
from tests.answers.conftest import DirectSurvey
from tests.dashboard.test_circuit_lab import said, start, without_data

FEW = {"segments": "4", "length": "6", "seed": "2"}


def test_the_page_tells_and_hands_out_what_the_answer_says(handed_out):
    app = start("repeats", **FEW)
    assert not app.exception
    assert not app.error
    found = induction(DirectSurvey(load_model("embedded")), random_repeats(4, 6, 2))
    told = said(app)
    assert f"P = {found.probability(NOTHING)} and rank {found.rank(NOTHING).mean:.1f} of 20" in told
    assert f"P = {found.probability(NO_REPEAT).mean:.3f}" in told
    assert f"The repeat adds {found.rise.mean:+.4f}" in told
    assert f"Best: {found.ranked[0]} gives the twin" in told
    assert handed_out["twin attention"].gain.to_numpy() == pytest.approx(found.heads.gain.to_numpy(), abs=1e-6)
    assert handed_out["blocked heads"].probability.to_numpy() == pytest.approx(found.blocking.probability, abs=1e-6)


def test_every_figure_has_its_data_and_explore_is_linked():
    app = start("repeats", **FEW)
    assert without_data(app) == []
    assert len(app.get("plotly_chart")) == 2
    [link] = app.get("page_link")
    repeat = random_repeats(4, 6, 2)["segment 1"]
    assert f"sequence={repeat.twice}" in link.proto.query_string
    assert "mask=7" in link.proto.query_string


def test_a_verdict_is_no_stronger_than_its_interval():
    app = start("repeats", **FEW)
    [line] = [text.value for text in app.markdown if "teaching model" in text.value]
    found = induction(DirectSurvey(load_model("embedded")), random_repeats(4, 6, 2))
    assert ("does not copy" in line) == (not found.rise.low > 0)
    assert "copies repeats" not in line


def test_what_takes_long_waits_to_be_asked_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(engine, "UNASKED_SECONDS", 0.0)
    app = start("repeats", **FEW | {"seed": "3"})
    assert not app.get("plotly_chart")
    [ask] = app.button
    assert ask.label.startswith("Read 4 repeated segments (about")
    ask.click().run()
    assert len(app.get("plotly_chart")) == 2
