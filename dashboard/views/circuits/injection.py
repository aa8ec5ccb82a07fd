"""Can another protein's activation bring the prediction back?"""

import pandas as pd
import streamlit as st

from core.answers.injection import injection
from core.components import head_names
from core.figures import patching as figures
from core.interventions import Head
from core.proteins.evaluation_sets import DIAGNOSTICS
from dashboard.controls import bound
from dashboard.controls.heads import choose_main_head, warn_of_unknown
from dashboard.controls.protein_sets import ask_of, choose_set, judging
from dashboard.page_parts import beside_paper, draw, introduce
from dashboard.question import Question
from dashboard.script import Call, Expression, Shown

TITLE, PATH = "Injection", "injection"

POLY = [name for name in DIAGNOSTICS if name.startswith("poly-")]


def page(question: Question) -> None:
    target = question.letter
    introduce(
        "Can another protein's activation bring the prediction back?",
        f"Before a long run of one amino acid the model no longer predicts {target} at the masked residue. Here the "
        "main head's z at the mask is taken from proteins "
        f"that do predict {target} and put into the repeats.",
        "Shown is the gap of each repeat as it is, and with each source's activation.",
        f"Points above zero: {target} is back. The activation is as strong as in its source: what a stronger one would "
        "do is not tested.",
    )
    st.markdown("**Sources**")
    sources = judging(question, choose_set(question))
    warn_of_unknown(question.model, "main", "also")
    columns = st.columns([1, 2, 3])
    with columns[0]:
        main = choose_main_head(question)
    others = [name for name in head_names(question.model.shape) if name != str(main)]
    also = bound.several("And the heads", others, "also", columns[1], placeholder="No other")
    names = bound.several("Injected into", list(DIAGNOSTICS), "into", columns[2], default=POLY)
    if not names:
        st.info("Choose at least one repeat to inject into.")
        return
    heads = (main, *map(Head.parse, also))
    settings = {"target": question.target, "into": {name: DIAGNOSTICS[name] for name in names}, "heads": heads}
    parts = (Expression(f"found.{part}") for part in ("names", "before", "after"))
    settings["shown"] = Shown("found.table", Call(figures.injection, (*parts, target)))
    found = ask_of(question, sources, injection, n_forwards=1 + len(names), label="Injecting", **settings)
    if found is None:
        return
    with st.container(border=True):
        table = pd.DataFrame(found.after, columns=list(found.sources))
        table.insert(0, "before", found.before)
        table.insert(0, "into", found.names)
        draw(
            figures.injection(found.names, found.before, found.after, target),
            f"z of {', '.join(map(str, heads))} at the mask from {len(found.sources)} of {len(sources.sequences)} "
            f"sequences, those where {target} ranks first. {found.in_words}.",
            "injection",
            table,
        )
    beside_paper(question, found.beside_paper())
