"""The variants that a person brings, as a list or a table, and how their ratios agree with what was measured."""

import numpy as np
import pandas as pd
import streamlit as st

from core.analyses.substitutions import FEWEST, Substitutions, agreement
from core.errors import InputError
from core.figures import variants as figures
from core.proteins.uploads import upload_text
from core.proteins.variants import VariantList, read_variants
from dashboard import engine
from dashboard.controls import bound
from dashboard.controls.uploads import upload
from dashboard.page_parts import download, draw
from dashboard.question import Question, say
from dashboard.session import plain

FEW, MOST_LISTED = 5, 100


def given_variants(question: Question) -> VariantList:
    """Draws where variants are pasted or uploaded; what cannot be read is listed, a line each."""
    st.markdown("**Your variants**")
    left, right = st.columns(2)
    with left:
        text = bound.lines(
            "List, or a table with measured scores", "variants", height=96, placeholder="A23V, K48R, ..."
        )
    try:
        file = upload("Or CSV, also .gz: a column of variants, and measured scores if there are", "variant file", right)
        if file is not None:
            text = upload_text(file.name, file.data)
        given = _read(text, question, None)
        if len(given.score_columns) > 1:
            columns = list(given.score_columns)
            at_first = columns.index(given.score_column) if given.score_column else None
            score = st.selectbox("Measured score", columns, at_first, key=f"score of {columns}", placeholder="Choose")
            given = _read(text, question, score)
    except InputError as error:
        say(error)
        return VariantList(())
    for note in given.notes:
        st.caption(f":material/info: {plain(note)}")
    if given.left_out:
        n_all = len(given.variants) + len(given.left_out)
        with st.expander(f"{len(given.left_out)} of {n_all} rows are left out", expanded=len(given.left_out) <= FEW):
            st.markdown("\n".join(f"- {plain(line)}" for line in given.left_out[:MOST_LISTED]))
            if len(given.left_out) > MOST_LISTED:
                st.caption(f"and {len(given.left_out) - MOST_LISTED:,} more")
    return given


def _read(text: str, question: Question, score_column: str | None) -> VariantList:
    """`read_variants`, once for a list that may be long."""
    key = ("variants read", text, question.numbering, score_column)
    return engine.kept(key, lambda: read_variants(text, question.numbering, score_column=score_column))


def listed_variants(found: Substitutions, given: VariantList) -> None:
    """Every variant with its ratio, and beside measured scores Spearman's correlation and a scatter."""
    if not given.variants:
        return
    table = pd.DataFrame(
        {
            "variant": [variant.name for variant in given.variants],
            "ratio": [found.of(variant) for variant in given.variants],
            "score": [np.nan if variant.score is None else variant.score for variant in given.variants],
        }
    )
    scored = table[table.score.notna()]
    left, right = st.columns([2, 3])
    with left:
        names = {"variant": "Variant", "ratio": "Log ratio (nats)", "score": given.score_column or "Measured"}
        shown = table if len(scored) else table.drop(columns="score")
        st.dataframe(shown.rename(columns=names).style.format(precision=2, na_rep="–"), hide_index=True, height=300)
        if any(len(variant.substitutions) > 1 for variant in given.variants):
            st.caption("Of several substitutions the ratios are added, each read in the protein without the others.")
        download(table.assign(marginal=found.marginal), "your-variants")
    if not len(scored):
        return
    with right:
        quantity = given.score_column or "score"
        agreed = agreement(scored.ratio.tolist(), scored.score.tolist())
        said = f"No correlation is stated: it takes {FEWEST} variants, and ratios and scores that are not all the same."
        if agreed is not None:
            said = f"Spearman's correlation **{agreed}**; its 95% interval (Fisher's) takes variants as independent."
        draw(
            figures.measured(scored.ratio.to_numpy(), scored.score.to_numpy(), list(scored.variant), quantity),
            f"A point per variant with a measured score. {said}",
            "measured",
        )
