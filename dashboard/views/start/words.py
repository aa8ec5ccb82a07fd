"""The glossary as a page."""

import streamlit as st

from dashboard.controls import bound
from dashboard.glossary import glossary

TITLE, PATH, ASKS = "Glossary", "glossary", False


def page() -> None:
    st.markdown("#### What do the words mean?")
    asked = bound.text("Find", "find", placeholder="head, logit, contact …", width=320).strip().lower()
    found = {term: meaning for term, meaning in glossary().items() if asked in f"{term} {meaning}".lower()}
    for term, meaning in found.items():
        st.markdown(f"**{term}** · {meaning}")
    if not found:
        st.info("No term or explanation holds this.")
