"""Pages of the circuit lab while they compute: asked for, told how far they are, and stopped."""

import pytest

from core.progress import Progress
from dashboard import engine as long_work
from dashboard import survey
from tests.dashboard.test_circuit_lab import start


def test_competition_waits_to_be_asked_for_where_it_takes_long(monkeypatch):
    monkeypatch.setattr(long_work, "UNASKED_SECONDS", 0.0)
    app = start("competition", repeat="C", longest="7")
    assert not app.exception
    assert not app.get("plotly_chart")
    asked = [button.label.split(" (about ")[0] for button in app.button]
    assert asked == ["Grow the repeat to 7 residues, and mask it in 50 orders"]
    app.button[0].click().run()
    assert len(app.get("plotly_chart")) == 2
    assert len(app.table) == 1


@pytest.mark.parametrize(
    ("view", "parts"), [("competition", 40), ("sufficiency", 17), ("bos", 6), ("rope", 8), ("injection", 2)]
)
def test_a_page_tells_how_far_it_is_and_stops_when_cancelled(monkeypatch, view, parts):
    told: list[tuple[int, int | None]] = []
    report = Progress.report

    def note(progress: Progress, done: int, total: int | None) -> None:
        told.append((done, total))
        if total == parts:
            progress.cancel()
        report(progress, done, total)

    monkeypatch.setattr(Progress, "report", note)
    monkeypatch.setattr(survey, "UNASKED_SECONDS", -1.0)  # heads and circuits aren't looked for unasked
    app = start(view, sequence="MSTNPKPQRKTKRNTNRRPQDV", repeat="H", keys=["L2H2"])  # of no other test: nothing is kept
    assert app.exception  # as no browser waits for a new run
    assert [total for _, total in told] == [parts]
    assert 0 < told[0][0] <= parts
