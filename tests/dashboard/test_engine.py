"""Long work waits until it is asked for, and whoever cancels it is asked again; lanes keep it out of others' way."""

import threading
import time

import pytest
from streamlit.testing.v1 import AppTest

from core.errors import Cancelled
from core.model import EMBEDDED, load_model
from core.progress import Progress
from dashboard import engine


def script(about: float) -> None:
    import streamlit as st

    from dashboard.engine import on_request

    with on_request("work", about, "Work") as go:
        if go and not st.session_state.get("can finish"):
            st.stop()  # as a script that is still waiting for its result when the person clicks
    if go:
        st.write("finished")


def two_of_them() -> None:
    import streamlit as st

    from dashboard.engine import on_request

    for what in ("First", "Second"):
        with on_request(what, 10.0, what) as go:
            if go:
                st.write(what)


def labels(app: AppTest) -> list[str]:
    assert not app.exception
    return [button.label for button in app.button]


def finished(app: AppTest) -> bool:
    return [text.value for text in app.markdown] == ["finished"]


def test_short_work_starts_at_once_without_a_button():
    app = AppTest.from_function(script, args=(1.0,)).run()
    assert labels(app) == []
    app.session_state["can finish"] = True
    assert finished(app.run())


@pytest.mark.parametrize(("about", "first"), [(10.0, "Cancel"), (100.0, "Work (about 2 min)")])
def test_cancelled_work_waits_to_be_asked_for(about, first):
    app = AppTest.from_function(script, args=(about,)).run()
    assert labels(app) == [first]
    if first != "Cancel":
        app.button[0].click().run()
    assert labels(app) == ["Cancel"]
    app.button[0].click().run()
    assert len(labels(app)) == 1
    assert labels(app)[0].startswith("Work (about")
    assert not finished(app)
    app.session_state["can finish"] = True
    app.button[0].click().run()
    assert finished(app)
    assert labels(app) == []
    assert finished(app.run())


def test_a_page_may_have_several_pieces_of_long_work():
    app = AppTest.from_function(two_of_them).run()
    assert labels(app) == []
    assert [text.value for text in app.markdown] == ["First", "Second"]


def test_a_click_does_not_wait_for_somebody_elses_long_work():
    begun, may_end = threading.Event(), threading.Event()

    def long(_: Progress) -> bool:
        begun.set()
        return may_end.wait(30)

    somebody = threading.Thread(target=engine.computed, args=("long", long, "Long", engine.HEAVY_FROM))
    somebody.start()
    try:
        assert begun.wait(10)
        assert engine.computed("short", lambda _: "answer", "Short") == "answer"
        assert somebody.is_alive()
    finally:
        may_end.set()
        somebody.join()


def test_what_work_shows_before_its_end_is_drawn():
    drawn, may_end = [], threading.Event()

    def work(progress: Progress) -> str:
        progress.show("half")
        may_end.wait(30)
        return "whole"

    def draw(so_far: str) -> None:
        drawn.append(so_far)
        may_end.set()

    assert engine.computed("streamed", work, "Streamed", partly=draw) == "whole"
    assert drawn == ["half"]


def test_the_place_in_the_queue_counts_those_who_still_wait():
    worker, may_end = engine.Worker("light"), threading.Event()
    worker.submit(lambda: may_end.wait(30))
    _, left, last = (worker.submit(lambda: None) for _ in range(3))
    while worker.queued_before(last)[0] > 2:  # the first is not taken yet
        time.sleep(0.01)
    left.cancel()
    assert worker.queued_before(last)[0] == 1
    may_end.set()
    last.result(timeout=10)
    assert worker.queued_before(last) == (0, 0.0)


def test_the_work_of_whoever_leaves_is_stopped(monkeypatch):
    stopped = threading.Event()

    def work(progress: Progress) -> None:
        try:
            while True:
                progress.report(0, 1)
                time.sleep(0.01)
        except Cancelled:
            stopped.set()
            raise

    def left(*_: object) -> None:
        raise ConnectionError  # as Streamlit stops the script of a session that is gone, at its next word to the page

    monkeypatch.setattr(engine, "_show", left)
    monkeypatch.setattr(engine, "SHOWS_PROGRESS_AFTER", 0.0)
    with pytest.raises(ConnectionError):
        engine.computed("endless", work, "Endless")
    assert stopped.wait(10)


def test_a_long_proteins_attention_counts_in_what_a_pass_takes():
    """On the embedded model 76 residues took 10 ms and 1,000 took 196 on one thread (28 November 2026)."""
    model = load_model(EMBEDDED)
    one, ten = engine.seconds(model, 1, 76), engine.seconds(model, 1, 1000)
    assert ten / one == pytest.approx(196 / 10, rel=0.1)


def placed() -> None:
    import streamlit as st

    from dashboard import engine

    engine.computed("placed", lambda _: "answer", "Placed")
    st.write("after")


def test_what_follows_stands_at_the_same_place_when_the_result_is_known():
    """Else Streamlit builds everything below anew, and what was there stays beside it, faded, until the run ends."""
    app = AppTest.from_function(placed).run()
    first = [index for index, child in app.main.children.items() if getattr(child, "value", None) == "after"]
    app.run()
    assert [index for index, child in app.main.children.items() if getattr(child, "value", None) == "after"] == first
    assert first
