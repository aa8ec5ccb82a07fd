"""Verdicts are said as surely as the calibration lets them be."""

from core.answers.calibration import Calibration, Criterion, kept_calibration
from core.answers.evidence import VERDICTS
from core.answers.verdict_words import RATIO_VERDICTS_SAID, VERDICTS_SAID, ratio_words, verdict_words
from core.model import load_model


def criterion(verdict: str, counted: int, of: int) -> Criterion:
    return Criterion(verdict, verdict, verdict, 0.8, "at least", counted, of)


def calibration(*criteria: Criterion) -> Calibration:
    return Calibration("it", "0", "rule", criteria, "sample")


def test_there_is_a_word_for_every_verdict():
    assert set(VERDICTS_SAID) == set(VERDICTS)


def test_what_was_never_tried_is_likely_and_plain_facts_are_not():
    words = verdict_words(None)
    assert words["evidence"] == "likely evidence from this sequence"
    assert words["position"].startswith("likely ")
    for fact in ("competition", "unsettled", "none"):
        assert words[fact] == VERDICTS_SAID[fact]
    assert verdict_words(calibration(criterion("copied", 0, 0)))["copied"].startswith("likely ")


def test_what_meets_everything_asked_is_said_plainly():
    words = verdict_words(calibration(criterion("evidence", 9, 10), criterion("evidence", 8, 10)))
    assert words["evidence"] == VERDICTS_SAID["evidence"]


def test_one_shortfall_weakens_the_word():
    found = calibration(criterion("evidence", 9, 10), criterion("evidence", 7, 10), criterion("position", 10, 10))
    assert verdict_words(found)["evidence"].startswith("likely ")
    assert verdict_words(found)["position"] == VERDICTS_SAID["position"]


def test_a_ratio_is_scored_by_default_for_sure_only_where_both_defaults_are_sure():
    position, composition = criterion("position", 10, 10), criterion("composition", 10, 10)
    assert ratio_words(calibration(position))["default"].startswith("likely ")
    assert ratio_words(calibration(position, composition))["default"] == RATIO_VERDICTS_SAID["default"]
    assert ratio_words(None)["undecided"] == RATIO_VERDICTS_SAID["undecided"]


def test_the_embedded_model_is_sure_of_composition_alone():
    kept = kept_calibration(load_model("embedded"))
    assert kept is not None
    assert kept.sure == {"composition"}
