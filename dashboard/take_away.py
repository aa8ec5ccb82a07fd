"""What a person takes away: a page's script as Python or as a notebook, a link to it, the session as a file."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Final
from urllib.parse import urlencode, urlsplit

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.errors import InputError
from dashboard import session_file
from dashboard.controls.uploads import BROUGHT_BACK, bring_back, checked_upload, uploads
from dashboard.question import say
from dashboard.script import Script, notebook, python
from dashboard.widgets.copy_link import copy_link

CLONE: Final = Path(__file__).resolve().parents[1]
HERE: Final = ("localhost", "127.0.0.1", None)
"""How a browser calls the machine that it runs on."""
OPENED: Final = "session file"
NOTED: Final = "session file to take over"
LONGEST_SHOWN: Final = 6_000
"""Letters of a script; a longer one, which holds a set of proteins, is only saved."""


def offer_script(script: Script) -> None:
    """A button that opens the script, to copy, or to save as Python or as a notebook."""
    with st.popover("Python", icon=":material/code:", help="The same numbers without the app."):
        show_script(script)


def show_script(script: Script) -> None:
    """The script, to copy, and the buttons that save it."""
    own = str(CLONE) if urlsplit(st.context.url or "").hostname in HERE else "plmscope"
    clone = st.text_input("Folder of plmscope on your machine", own, key="clone")
    text = python(script, clone)
    if len(text) <= LONGEST_SHOWN:
        st.code(text, language="python", wrap_lines=True)
    save = partial(st.download_button, icon=":material/download:", on_click="ignore")
    with st.container(horizontal=True):
        save("Python (.py)", text, "plmscope.py", "text/x-python")
        save("Notebook (.ipynb)", partial(notebook, script, clone), "plmscope.ipynb", "application/x-ipynb+json")


def keep_session(views: Sequence[ModuleType]) -> DeltaGenerator:
    """The link to the page as it is now, and the session as a file opened again; returns the place where it is saved.

    A file opens one of `views` with its choices and the files that were given, as a link does: afresh, so that nothing
    of the present session is left; or a line says why it can't.
    """
    # Run when it is opened: what was chosen in a fragment of the page is known to the browser alone until then
    with st.expander("Share and keep", key="keeping", on_change="rerun", icon=":material/bookmark:"):
        refused, address = None, ""
        opened = st.session_state.pop(NOTED, None)
        if opened is not None:
            try:
                pages = frozenset(each.PATH for each in views)
                session = session_file.read(opened.name, checked_upload(opened), pages)
                address = f"{session.page}?{urlencode(session.choices | bring_back(session.uploads), doseq=True)}"
            except InputError as error:
                refused = error
        copy_link(go_to=address)
        place = st.container()
        st.file_uploader("Open a session", type="json", key=OPENED, on_change=_note)
        if refused is not None:
            say(refused)
    return place


def save_session(view: ModuleType, place: DeltaGenerator) -> None:
    """The button that saves the session as a file which opens the page `view`; drawn after the page, as what a person
    chose there is in the address only once the page has drawn it."""
    choices, files = _choices(), uploads()  # now: when the button is pressed, no page is run to ask for them
    place.download_button(
        "Save session",
        lambda: session_file.written(view.PATH, choices, files),
        "plmscope-session.json",
        "application/json",
        icon=":material/download:",
        on_click="ignore",
        help="All choices, and the files that you gave.",
    )


def _choices() -> dict[str, list[str]]:
    return {name: st.query_params.get_all(name) for name in st.query_params if name != BROUGHT_BACK}


def _note() -> None:
    """Notes an opened file, which is taken over once: it stays in its place on the page."""
    st.session_state[NOTED] = st.session_state[OPENED]
