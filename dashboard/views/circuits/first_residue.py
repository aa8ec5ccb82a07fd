"""Is the target expected, whatever the sequence?"""

import pandas as pd
import streamlit as st

from core import paper_comparison
from core.alphabet import tokenize
from core.analyses.prediction import masked_residue
from core.figures import first_residue as figures
from dashboard.controls.protein_sets import EVALUATION, choose_set, measured
from dashboard.engine import Progress
from dashboard.page_parts import beside_paper, download, draw, introduce
from dashboard.question import Question

TITLE, PATH = "First residue", "first-residue"


def page(question: Question) -> None:
    target, residue = question.target, question.residue + 1
    introduce(
        f"Is {target} expected at residue {residue}, whatever the sequence?",
        f"Residue {residue} of every sequence is masked: does {target} rank first?",
        "The evaluation set holds known proteins, shuffles of them with the same composition, random strings, and "
        f"diagnostics such as repeats. A bar is the gap: {target}'s logit minus the strongest other amino acid's.",
        f"Orange bars above zero: {target} ranks first. If shuffles and random strings do as well as proteins, the "
        "model goes by position and not by what it reads.",
    )
    proteins = choose_set(question, default=EVALUATION)

    def work(sequence: str, _: Progress) -> pd.DataFrame:
        return masked_residue(question.model, tokenize(sequence, [question.residue]), target)

    found = measured(question, proteins, "first residue", work, n_forwards=1, label="Predicting")
    if found is None:
        return
    table = pd.concat(found.all, ignore_index=True)
    table.insert(0, "sequence", list(found.results))
    groups = [proteins.groups[name] for name in found.results if name in proteins.groups]
    if groups:
        table.insert(1, "group", groups)
    is_first = table["rank"] == 1
    said = f"**{target} ranks first in {is_first.sum()} of {len(table)} sequences**"
    if groups:
        counts = is_first.groupby(groups, sort=False).agg(["sum", "size"])
        said += ": " + ", ".join(f"{group} {ranked} of {size}" for group, ranked, size in counts.itertuples())
    with st.container(border=True):
        st.markdown(said)
        draw(
            figures.gaps(table.sequence.tolist(), table.gap.to_numpy(), table["first"].tolist(), target, groups),
            "Point at a bar for its sequence and the amino acid that ranks first there.",
            "gaps",
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
        st.dataframe(table.rename(columns=names).style.format(precision=3), hide_index=True)
        download(table, "first-residue")
    sequences = [proteins.sequences[name] for name in found.results]
    beside_paper(question.model, paper_comparison.prediction(table, sequences, question.residue, target))
