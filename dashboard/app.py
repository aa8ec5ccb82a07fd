"""plmscope in the browser: `streamlit run dashboard/app.py`."""

import sys
from pathlib import Path
from types import ModuleType

import streamlit as st

# `streamlit run` puts this file's folder on the path, not the project's
PROJECT = Path(__file__).resolve().parent.parent
if str(PROJECT) not in sys.path:
    sys.path.insert(0, str(PROJECT))

from core.errors import InputError  # noqa: E402
from dashboard.menu import MENU, asks, masks  # noqa: E402
from dashboard.page_parts import called, page_of  # noqa: E402
from dashboard.question import stop_with  # noqa: E402
from dashboard.sidebar import ask  # noqa: E402
from dashboard.take_away import keep_session, save_session  # noqa: E402
from dashboard.views.explore import page as explore  # noqa: E402
from dashboard.widgets.exchange import MEASURED_ON  # noqa: E402
from dashboard.widgets.skip_links import skip_links  # noqa: E402

st.set_page_config(page_title="plmscope", page_icon=str(PROJECT / "assets" / "icon.svg"), layout="wide")
st.html(Path(__file__).with_name("page.css"))
skip_links()
# In a narrow window the menu itself is in the sidebar, so that only what it asks is hidden
NO_SIDEBAR = """<style>
[data-testid=stSidebarUserContent] {display: none}
@media (min-width: 768px) {[data-testid=stSidebar], [data-testid=stExpandSidebarButton] {display: none}}
</style>"""


def listed(view: ModuleType):
    """A page of the menu; one that asks is drawn after the sidebar, below: by then there is a question."""
    draw = (lambda: view.page(question)) if asks(view) else view.page
    return st.Page(draw, title=view.TITLE, url_path=view.PATH, default=not view.PATH)


page = st.navigation({heading: [listed(view) for view in views] for heading, views in MENU.items()}, position="top")
if not page.url_path and st.query_params:  # a link to Explore from when it was the front door
    st.switch_page(page_of(explore), query_params={key: st.query_params.get_all(key) for key in st.query_params})
view = next(view for views in MENU.values() for view in views if page.url_path == view.PATH)
try:
    if not asks(view):
        st.session_state.pop(MEASURED_ON, None)
        st.html(NO_SIDEBAR)
        page.run()
    # Drawn here and not by the pages, whose widgets Streamlit forgets when another page is opened; so out of sight too
    question = ask(masks(view))
    with st.sidebar:
        place = keep_session([each for views in MENU.values() for each in views])
    try:
        if asks(view):
            st.session_state[MEASURED_ON] = f"Measured on: {called(question.model)}."
            page.run()
    finally:
        save_session(view, place)
except InputError as error:
    stop_with(error)
