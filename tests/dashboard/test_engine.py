"""Long work waits until it is asked for, and whoever cancels it is asked again."""

import pytest
from streamlit.testing.v1 import AppTest


def script(about: float) -> None:
    import streamlit as st

    from dashboard.engine import on_request

    with on_request("work", about, "Work") as go:
        if go and not st.session_state.get("can finish"):
            st.stop()  # as a script that is still waiting for its result when the person clicks
    if go:
        st.write("finished")


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
