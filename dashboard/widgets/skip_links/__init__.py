"""Links that the first Tab of a page reaches: past menu and sidebar, to each of its panels."""

from pathlib import Path

import streamlit as st
from streamlit.components.v2 import component

_component = component("plmscope_skip_links", js=Path(__file__).with_name("skip.js").read_text())


def skip_links() -> None:
    """Draws them for the page as it stands; what the page draws later is among them."""
    with st.container(key="skip-links"):  # page.css takes its room away
        _component(key="skip links")
