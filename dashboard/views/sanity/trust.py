"""How far may the verdicts be trusted? The model's calibration, or how to make one."""

import streamlit as st

from core.answers.calibration import COMMAND, FILE, HOW_SHARES_ARE_KNOWN, kept_calibration
from core.answers.evidence import RULE
from core.errors import InputError
from core.model import Model
from dashboard.question import stop_with
from dashboard.session import plain


def how_far_to_trust(model: Model) -> None:
    """A table of what the verdicts say where the truth is known, beside what is asked."""
    try:
        found = kept_calibration(model)
    except InputError as error:
        stop_with(error)
    if found is not None and found.missed:
        short = sum(each.met is False for each in found.criteria)
        st.caption(
            f"On this model the verdicts fall short in {short} of {len(found.criteria)} cases where truth is known: "
            "“likely” stands before those that do. The table says where."
        )
    with st.expander("How are verdicts given, and how far may they be trusted on this model?"):
        st.markdown(RULE)
        if found is None:
            st.markdown(
                f"Nobody has calibrated them on {plain(model.name)} yet: take them as hints. "
                f"`{COMMAND} --model {model.name} --out …` does, and the `{FILE}` that it writes "
                "belongs beside the weights."
            )
            return
        st.markdown(f"Where the truth is known: {found.sample} {HOW_SHARES_ARE_KNOWN}")
        st.table(found.table(), hide_index=True, border="horizontal")
