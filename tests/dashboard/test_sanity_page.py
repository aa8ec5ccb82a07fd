"""The Sanity check page and Explore's line: their numbers are core's, and a link opens what it says."""

import pandas as pd
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from core.answers.calibration import COMMAND, kept_calibration
from core.answers.evidence import RULE, Chosen, Evidence, contact_sureness, evidence, letters
from core.answers.evidence_words import at_the_start, beside_prediction, sentences
from core.answers.residue_card import residue_card
from core.answers.verdict_words import verdict_words
from core.model import Model, load_model
from core.tables import rows
from dashboard.views.sanity import page as sanity
from dashboard.views.sanity import strip
from tests.answers.conftest import DirectSurvey
from tests.dashboard.test_circuit_lab import said, start, without_data

SEQUENCE = "AKTAYIAKQRQI"
NAMES = tuple(f"{letter}{at}" for at, letter in enumerate(SEQUENCE, start=1))


@pytest.fixture(scope="module")
def embedded() -> Model:
    return load_model("embedded")


@pytest.fixture(scope="module")
def survey(embedded: Model) -> DirectSurvey:
    return DirectSurvey(embedded)


@pytest.fixture(scope="module")
def app() -> AppTest:
    return start("sanity", sequence=SEQUENCE)


@pytest.fixture(scope="module")
def found(survey: DirectSurvey) -> Evidence:
    return evidence(survey, {"pasted protein": SEQUENCE})


def words(model: Model) -> dict[str, str]:
    return verdict_words(kept_calibration(model))


def test_the_page_says_what_the_answer_says(app: AppTest, found: Evidence, embedded: Model):
    assert not app.exception
    assert not app.error
    assert app.markdown[0].value == "#### Is a confident prediction evidence, or a default?"
    assert app.markdown[2].value == at_the_start(found, "pasted protein", "A1", words(embedded))  # read before all else
    assert without_data(app)[1:] == []  # the structure's view has its data above it
    for sentence in sentences(found, "pasted protein", NAMES, contact_sureness(embedded, SEQUENCE), words(embedded)):
        assert sentence in said(app)
    assert RULE in said(app)


def test_a_first_residue_that_is_no_m_is_a_default_of_position(app: AppTest, survey: DirectSurvey):
    card = residue_card(survey, {"it": Chosen(SEQUENCE, (0,))})
    assert card.letters.letter[0] == "M"
    assert "#### A1: likely default of position" in said(app)
    assert f"{card.needed['head'].iloc[0]} ({card.needed.gap_change.iloc[0]:+.2f})" in said(app)
    top = card.letters.iloc[0]
    assert f"position {top.position:+.2f}" in said(app)


def test_the_data_are_the_answers(monkeypatch: pytest.MonkeyPatch, handed_out: dict, found: Evidence):
    monkeypatch.setattr(sanity, "download", lambda table, name: handed_out.update({name: table}))
    start("sanity", sequence=SEQUENCE)
    theirs = found.strip
    ours = handed_out["verdicts"]
    assert ours.residue.tolist() == [residue + 1 for residue in theirs.residue]
    assert ours.verdict.tolist() == theirs.verdict.tolist()
    assert ours.surprise.tolist() == pytest.approx(theirs.surprise.tolist(), abs=1e-4)
    apart = handed_out["sanity-letters"]
    for column in ("p", "position", "order_low", "order_high"):
        assert apart[column].tolist() == pytest.approx(found.letters[column].tolist(), abs=1e-3), column


def test_a_picked_residue_has_its_card(survey: DirectSurvey):
    app = start("sanity", sequence=SEQUENCE, pick="T3")
    top = letters(survey, {"it": Chosen(SEQUENCE, (2,))}).iloc[0]
    assert any(each.value.startswith("#### T3: ") for each in app.markdown)
    assert f"- **{top.letter}** (top; P {top.p:.2f})" in said(app)


def test_a_long_protein_is_asked_for_first(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(strip, "ASKS_FROM", 10)
    app = start("sanity", sequence=SEQUENCE)
    assert [button.label for button in app.button if button.label.startswith("Mask the 12 residues in turn")]
    assert "In short" not in said(app)


def test_verdicts_come_in_stretches_and_stay_in_sight_when_the_rest_is_cancelled(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("core.answers.evidence.STRETCH", 4)
    monkeypatch.setattr("core.answers.evidence.CONFIDENT", 0.0)
    monkeypatch.setattr(strip, "SHOWS_PROGRESS_AFTER", 0.0)
    drawn: dict[str, list[str]] = {}

    def draw(figure: go.Figure, caption: str, key: str, data: pd.DataFrame | None = None) -> None:
        drawn.setdefault(key, []).append(caption)

    monkeypatch.setattr(strip, "draw", draw)
    app = start("sanity", sequence=SEQUENCE, seed="3")
    growing = [key for key in drawn if key.startswith("verdicts on ")]
    assert len(growing) > 1
    assert "not taken apart yet" in drawn[growing[0]][0]
    assert "verdicts so far" not in drawn
    stages = app.session_state["stages of long work"]
    [verdicts] = (each for each in stages if "shown_as_it_grows" in each[1])
    stages[verdicts] = "waits"
    app.run()
    assert len(drawn["verdicts so far"]) == 1
    assert any(button.label.startswith("Take the ") for button in app.button)


def test_a_model_without_a_calibration_says_how_to_make_one(embedded: Model, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("core.answers.calibration.file_beside", lambda name, what: None)
    assert kept_calibration(embedded) is None
    assert COMMAND in said(start("sanity", sequence=SEQUENCE))


def test_explore_says_whether_it_is_evidence(survey: DirectSurvey, embedded: Model):
    line = beside_prediction(letters(survey, {"it": Chosen(SEQUENCE, (0,))}), "A1", words(embedded))
    assert "likely default of position, not evidence" in line
    shown = said(start("explore", sequence=SEQUENCE)).replace("\\", "")
    assert line in shown
    inside = beside_prediction(rows(letters(survey, {"it": Chosen(SEQUENCE, (4,))}), residue=4), "Y5", words(embedded))
    assert inside in said(start("explore", sequence=SEQUENCE, mask="5")).replace("\\", "")
