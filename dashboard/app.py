"""plmscope in the browser: `streamlit run dashboard/app.py`."""

import sys
from pathlib import Path

import streamlit as st

# `streamlit run` puts this file's folder on the path, not the project's
PROJECT = Path(__file__).resolve().parent.parent
if str(PROJECT) not in sys.path:
    sys.path.insert(0, str(PROJECT))

from dashboard.views import explore  # noqa: E402

st.set_page_config(page_title="plmscope", page_icon=str(PROJECT / "assets" / "icon.svg"), layout="wide")
st.html("<style>.stMainBlockContainer {padding: 3.75rem 2.5rem 4rem}</style>")

PAGES = [st.Page(explore.page, title="Explore", icon=":material/tune:", url_path="explore", default=True)]

st.navigation(PAGES).run()
