"""Can another protein's activation bring the prediction back?"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st
from jaxtyping import Float
from torch import Tensor

from core.alphabet import tokenize
from core.analyses.injection import inject
from core.analyses.reading import read
from core.components import head_names
from core.errors import InputError
from core.figures import patching as figures
from core.interventions import Head
from core.paper_values import INJECTION
from core.proteins.evaluation_sets import DIAGNOSTICS
from dashboard.controls.heads import choose_main_head, warn_of_unknown
from dashboard.controls.protein_sets import ProteinSet, choose_set, measured_together
from dashboard.engine import Progress
from dashboard.page_parts import beside_paper, download, draw, introduce
from dashboard.question import Question

TITLE, PATH = "Injection", "injection"

POLY = [name for name in DIAGNOSTICS if name.startswith("poly-")]


@dataclass(frozen=True, slots=True, eq=False)
class Injected:
    """Gaps of the proteins injected into, as they are and with each source's activation; which sources gave it."""

    before: Float[np.ndarray, " targets"]
    after: Float[np.ndarray, "targets sources"]
    sources: tuple[str, ...]


def page(question: Question) -> None:
    target = question.target
    introduce(
        "Can another protein's activation bring the prediction back?",
        f"Repeats outvote {target} at the masked residue. Here the main head's z at the mask is taken from proteins "
        f"that do predict {target} and put into the repeats.",
        "Shown is the gap of each repeat as it is, and with each source's activation.",
        f"Points above zero: {target} is back. Points that stay below say that competition decides, not the strength "
        "of this head's signal.",
    )
    st.markdown("**Sources**")
    sources = choose_set(question)
    warn_of_unknown(question.model, "main", "also")
    columns = st.columns([1, 2, 3])
    with columns[0]:
        main = choose_main_head(question)
    also = columns[1].multiselect(
        "And the heads",
        [name for name in head_names(question.model.shape) if name != str(main)],
        key="also",
        bind="query-params",
        placeholder="No other",
    )
    names = columns[2].multiselect("Injected into", list(DIAGNOSTICS), default=POLY, key="into", bind="query-params")
    if not names:
        st.info("Choose at least one repeat to inject into.")
        return
    heads = (main, *map(Head.parse, also))

    def work(progress: Progress) -> Injected:
        return _inject(question, sources, tuple(names), heads, progress)

    key = ("injection", heads, tuple(names))
    found = measured_together(question, sources, key, work, n_forwards=1 + len(names), label="Injecting")
    if found is None:
        return
    with st.container(border=True):
        draw(
            figures.injection(names, found.before, found.after, target),
            f"z of {', '.join(map(str, heads))} at the mask from {len(found.sources)} of {len(sources.sequences)} "
            f"sequences, those where {target} ranks first.",
            "injection",
        )
        table = pd.DataFrame(found.after, columns=list(found.sources))
        table.insert(0, "before", found.before)
        table.insert(0, "into", names)
        download(table, "injection")
    lost = found.before <= 0
    back = int(((found.after > 0).mean(1)[lost] > 0.5).sum())
    ours = f"{back} of {lost.sum()}, by most sources" if lost.any() else f"{target} is first in all to begin with"
    beside_paper(question.model, [(INJECTION[0], ours)])


def _inject(
    question: Question, sources: ProteinSet, names: tuple[str, ...], heads: tuple[Head, ...], progress: Progress
) -> Injected:
    model, target = question.model, question.target
    predicting: dict[str, Tensor] = {}
    n_runs = len(sources.sequences) + len(names)
    for done, (name, sequence) in enumerate(sources.sequences.items()):
        progress.report(done, n_runs)
        if len(sequence) > question.residue:
            tokens = tokenize(sequence, [question.residue])
            if read(model, tokens, [()], target=target).gap[0] > 0:
                predicting[name] = tokens
    if not predicting:
        raise InputError(f"{target} ranks first in none of the sources: there is nothing to inject")
    gaps = []
    for done, name in enumerate(names, start=len(sources.sequences)):
        progress.report(done, n_runs)
        tokens = tokenize(DIAGNOSTICS[name], [question.residue])
        gaps.append(inject(model, tokens, heads, list(predicting.values()), target=target).gap)
    found = np.stack(gaps)
    return Injected(found[:, 0], found[:, 1:], tuple(predicting))
