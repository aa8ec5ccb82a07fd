"""The report to keep says what the answer says, and nothing that a person wrote becomes markup."""

import pytest

from core.answers.calibration import Criterion, make_calibration
from core.answers.evidence import RULE, evidence
from core.answers.evidence_report import report_html
from core.model import Model
from core.tables import rows
from tests.answers.conftest import SEQUENCES, DirectSurvey


@pytest.mark.parametrize("calibrated", [True, False])
def test_the_report_has_every_number_and_no_foreign_markup(survey: DirectSurvey, lively: Model, calibrated: bool):
    name = "<b>one</b>"
    found = evidence(survey, {name: SEQUENCES["one"]})
    names = [f"{letter}{at}" for at, letter in enumerate(SEQUENCES["one"], start=1)]
    criterion = Criterion("a", "<i>group</i>", "evidence", 0.8, "at least", 1, 4)
    calibration = make_calibration(lively, [criterion], "A sample.") if calibrated else None
    html = report_html(lively, found, name, names, ["**Bold** <script>"], calibration, 0)
    page = html.split("<h1>")[1]
    assert "&lt;b&gt;one&lt;/b&gt;" in page
    assert "<b>one</b>" not in page
    assert "<b>Bold</b> &lt;script&gt;" in page
    assert "<th>Position (BOS, EOS)</th>" in page
    assert RULE.split(";")[0] in page
    assert ("&lt;i&gt;group&lt;/i&gt;" in page) is calibrated
    for _, row in rows(found.letters, role="top").iterrows():
        assert f"<td>{row.total:.2f}</td>" in page
        assert f"{row.order_low:+.2f} to {row.order_high:+.2f}" in page
    assert "src=" not in page
