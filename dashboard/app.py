"""plmscope in the browser: `streamlit run dashboard/app.py`."""

import sys
from pathlib import Path

import streamlit as st

# `streamlit run` puts this file's folder on the path, not the project's
PROJECT = Path(__file__).resolve().parent.parent
if str(PROJECT) not in sys.path:
    sys.path.insert(0, str(PROJECT))

from dashboard.sidebar import ask  # noqa: E402
from dashboard.views import ablation, explore  # noqa: E402

st.set_page_config(page_title="plmscope", page_icon=str(PROJECT / "assets" / "icon.svg"), layout="wide")
st.html("<style>.stMainBlockContainer {padding: 3.75rem 2.5rem 4rem}</style>")

# Pages are drawn after the sidebar, below: by then there is a question
EXPLORE = st.Page(lambda: explore.page(question), title="Explore", icon=":material/tune:", default=True)
PAGES = {
    "": [EXPLORE],
    "Circuits": [
        st.Page(lambda: ablation.page(question, EXPLORE), title="Ablation", url_path="ablation"),
    ],
}
page = st.navigation(PAGES, position="top")
# The sidebar is drawn here and not by the pages, whose widgets Streamlit forgets when another page is opened
question = ask()
page.run()
