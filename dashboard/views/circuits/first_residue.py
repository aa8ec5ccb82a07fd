"""Is the target expected, whatever the sequence?"""

import pandas as pd
import streamlit as st

from core.answers.first_residue import first_residue
from core.answers.intervals import HOW_INTERVALS_ARE_MADE, Rate
from core.figures import first_residue as figures
from dashboard.controls.protein_sets import EVALUATION, ask_of, choose_set
from dashboard.page_parts import beside_paper, draw, introduce
from dashboard.question import Question
from dashboard.script import Call, Expression, Shown

TITLE, PATH = "First residue", "first-residue"


def page(question: Question) -> None:
    target, residue = question.letter, question.residue + 1
    introduce(
        f"Is {target} expected at residue {residue}, whatever the sequence?",
        f"Residue {residue} of every sequence is masked: does {target} rank first?",
        "The evaluation set holds known proteins, shuffles of them with the same composition, random strings, and "
        f"diagnostics such as repeats. A bar is the gap: {target}'s logit minus the strongest other amino acid's.",
        f"Orange bars above zero: {target} ranks first. Where it does so in shuffles and random strings as well, the "
        "order of the residues isn't what the prediction needs.",
    )
    proteins = choose_set(question, default=EVALUATION)
    parts = ("table.subject.tolist()", "table.gap.to_numpy()", "table['first'].tolist()")
    bars = Call(
        figures.gaps, (*(Expression(f"found.{part}") for part in parts), target, list(proteins.groups.values()))
    )
    settings = {"label": "Predicting", "shown": Shown("found.table", bars), "target": question.target}
    found = ask_of(question, proteins, first_residue, n_forwards=1, **settings)
    if found is None:
        return
    table = found.table.rename(columns={"subject": "sequence"})
    groups = [proteins.groups[name] for name in table.sequence if name in proteins.groups]
    said = f"**{target} ranks first in {found.rate.of('sequences')}**"
    if groups:
        table.insert(1, "group", groups)
        rates = found.by_group(proteins.groups, dict.fromkeys(groups))
        counts = zip(rates.group, rates.m_first, rates.sequences, rates.proteins, strict=True)
        said += ": " + "; ".join(f"{group} {Rate(hits, n, distinct)}" for group, hits, n, distinct in counts)
    with st.container(border=True):
        st.markdown(f"{said}. {HOW_INTERVALS_ARE_MADE}")
        draw(
            figures.gaps(table.sequence.tolist(), table.gap.to_numpy(), table["first"].tolist(), target, groups),
            "Point at a bar for its sequence and the amino acid that ranks first there.",
            "gaps",
            table,
        )
        names = {
            "sequence": "Sequence",
            "group": "Group",
            "length": "Residues",
            "gap": f"{target} gap (logits)",
            "logit": f"{target}'s logit",
            "probability": f"P({target})",
            "rank": f"{target}'s rank",
            "first": "First",
        }
        shown = pd.DataFrame(table[[name for name in names if name in table]])
        st.dataframe(shown.rename(columns=names).style.format(precision=3), hide_index=True)
    beside_paper(question, found.beside_paper(proteins.real))
