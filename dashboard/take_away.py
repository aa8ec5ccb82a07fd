"""What a person takes away from a page: its script as Python or as a notebook."""

from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import streamlit as st

from dashboard.script import Script, notebook, python

CLONE: Final = Path(__file__).resolve().parents[1]
HERE: Final = ("localhost", "127.0.0.1", None)
"""How a browser calls the machine that it runs on."""
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
