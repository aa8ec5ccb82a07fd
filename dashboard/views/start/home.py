"""Where one comes in: what this is, four ways on, and what everything here rests on."""

import re
from pathlib import Path
from typing import Final

import streamlit as st

from core.published import PUBLISHED
from dashboard.page_parts import link_to
from dashboard.views.explore import page as explore
from dashboard.views.sanity import page as sanity
from dashboard.views.start import learn

TITLE, PATH, ASKS = "Home", "", False
ASSETS: Final = Path(__file__).parents[3] / "assets"
COMMANDS: Final = """\
python -m core.experiments start-codon --proteins my.fasta --out results/start-codon
python -m core.experiments contacts --structures my-structures/ --out results/contacts"""


def page() -> None:
    st.markdown("## What does a protein language model know of your protein?")
    text, picture = st.columns([2, 3], gap="large")
    with text:
        st.markdown(
            "Protein language models fill blanks in proteins, and are sure of many. Some of it they read off the "
            "protein in front of them (*evidence*), some they would say of any (*a default*). Here you switch parts of "
            "a model off and see at once what its prediction, its contact map and the structure do."
        )
        st.caption(
            "A small teaching model runs in this app, without network. ESM-2 or ESMC can be chosen in its place; what "
            "the teaching model shows isn't theirs."
        )
    picture.image(
        ASSETS / "explore.png",
        caption="Ubiquitin on the Explore page, one head of the teaching model off.",
        alt="The Explore page: numbers of the prediction, the grid of heads, and the probabilities of amino acids",
    )
    _ways()
    _about()


def _ways() -> None:
    ways = st.container(key="ways").columns(4, border=True)
    with ways[0]:
        st.markdown("**Check a protein**  \nWhere is the model sure, and is that evidence or a default? In a minute.")
        link_to(sanity, "Check it", {})
    with ways[1]:
        st.markdown("**Explore a circuit**  \nSwitch heads off in one protein and watch what changes.")
        link_to(explore, "Explore", {})
    with ways[2]:
        st.markdown(f"**Learn**  \n{len(learn.lessons())} lessons of five minutes: predict, look, understand.")
        link_to(learn, "Start with the prior", {})
    with ways[3]:
        st.markdown("**Run an experiment**  \nThe same questions over a set of proteins, with a report, in a terminal.")
        st.code(COMMANDS, language=None, wrap_lines=True)


def _about() -> None:
    st.markdown("### What all this rests on")
    with st.expander("The embedded teaching model: how it was trained, what it can do and what it can't"):
        st.markdown(_read("embedded", "CARD.md"))
        st.markdown(_read("embedded", "EVIDENCE.md"))
    with st.expander("Other models"):
        st.markdown("\n".join(f"- {model.label}, {model.n_parameters / 1e6:,.0f} M weights" for model in PUBLISHED))
        st.caption(
            "Chosen on Explore, in the sidebar; fetched once, which needs network, or put there by hand (README)."
        )
    with st.expander("Example proteins and their licences"):
        st.markdown(_read("examples", "SOURCES.md"))
    with st.expander("How to cite"):
        st.markdown(_read("..", "README.md").split("##### How to cite")[1])


def _read(folder: str, name: str) -> str:
    """A text of the project, its headings made small."""
    return re.sub(r"^#+ ", "##### ", (ASSETS / folder / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
