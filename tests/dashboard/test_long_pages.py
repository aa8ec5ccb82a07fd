"""Pages of the circuit lab while they compute: asked for, told how far they are, and stopped."""

import pytest

from dashboard import engine as long_work
from dashboard.engine import Progress
from tests.dashboard.test_circuit_lab import start


def test_competition_waits_to_be_asked_for_where_it_takes_long(monkeypatch):
    monkeypatch.setattr(long_work, "UNASKED_SECONDS", 0.0)
    app = start("competition", repeat="C", longest="7")
    assert not app.exception
    assert not app.get("plotly_chart")
    assert [button.label.split(" (about ")[0] for button in app.button] == [
        "Grow the repeat to 7 residues",
        "Mask the repeat in 50 orders",
    ]
    app.button[0].click().run()
    assert len(app.get("plotly_chart")) == 1
    assert not app.table
    app.button[0].click().run()
    assert len(app.get("plotly_chart")) == 2
    assert len(app.table) == 1


@pytest.mark.parametrize(
    ("view", "parts"), [("competition", 20), ("sufficiency", 22), ("bos", 7), ("rope", 3), ("injection", 7)]
)
def test_a_page_tells_how_far_it_is_and_stops_when_cancelled(monkeypatch, view, parts):
    told: list[tuple[int, int | None]] = []
    report = Progress.report

    def note(progress: Progress, done: int, total: int | None) -> None:
        told.append((done, total))
        if done == 1:
            progress.cancel.set()
        report(progress, done, total)

    monkeypatch.setattr(Progress, "report", note)
    app = start(view, sequence="MSTNPKPQRKTKRNTNRRPQDV", repeat="H")  # of no other test: nothing is kept of them
    assert app.exception  # as no browser waits for a new run
    assert told[-1] == (1, parts)
