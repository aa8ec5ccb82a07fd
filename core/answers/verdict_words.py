"""The verdicts as people read them: as sure as the model's calibration lets them be."""

from collections.abc import Mapping
from typing import Final

from core.analyses.variant_evidence import RatioVerdict
from core.answers.calibration import Calibration
from core.answers.evidence import Verdict

VERDICTS_SAID: Final[Mapping[Verdict, str]] = {
    "evidence": "evidence from this sequence",
    "copied": "copied from a repeat",
    "position": "default of position",
    "composition": "default of composition",
    "competition": "competition between two letters",
    "unsettled": "confident, but no one source stands out",
    "none": "no confident prediction",
}
RATIO_VERDICTS_SAID: Final[Mapping[RatioVerdict, str]] = {
    "evidence": "evidence from this sequence",
    "copied": "copied from a repeat",
    "default": "scored by default",
    "unsettled": "without one source that stands out",
    "undecided": "hardly told apart from the protein's own letter",
}
NAMES_A_SOURCE: Final[Mapping[Verdict, RatioVerdict]] = {
    "evidence": "evidence",
    "copied": "copied",
    "position": "default",
    "composition": "default",
}
"""The verdicts that say where a prediction comes from, and so can be wrong; and a ratio's that rests on the same."""


def verdict_words(calibration: Calibration | None) -> dict[str, str]:
    """The words for each verdict: with "likely" before those that name a source, unless the calibration tried them and
    they met all that is asked."""
    unsure = _unsure(calibration)
    return {verdict: f"likely {said}" if verdict in unsure else said for verdict, said in VERDICTS_SAID.items()}


def ratio_words(calibration: Calibration | None) -> dict[str, str]:
    """The same for the verdicts on a variant's ratio, which rests on the same parts."""
    unsure = {NAMES_A_SOURCE[verdict] for verdict in _unsure(calibration)}
    return {verdict: f"likely {said}" if verdict in unsure else said for verdict, said in RATIO_VERDICTS_SAID.items()}


def _unsure(calibration: Calibration | None) -> set[Verdict]:
    sure = frozenset() if calibration is None else calibration.sure
    return {verdict for verdict in NAMES_A_SOURCE if verdict not in sure}
