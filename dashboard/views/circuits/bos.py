"""Does the prediction come from BOS?"""

from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
import streamlit as st

from core import paper_comparison
from core.analyses.bos_knockouts import ablated_and_blocked, bos_attention, bos_knockouts
from core.analyses.reading import read
from core.analyses.rope_experiments import swap
from core.components import heads_of_layers
from core.figures import circuits as figures
from core.interventions import Head
from core.paper_values import CORE, MAIN, OTHERS
from core.tables import means, rows
from dashboard.controls.heads import choose_heads_and_inside, runs
from dashboard.controls.protein_sets import Measured, choose_set, measured
from dashboard.engine import Progress
from dashboard.page_parts import beside_paper, download, draw, introduce
from dashboard.question import Question

TITLE, PATH = "BOS knock-outs", "bos"


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """One protein's knock-outs, every head's attention from the mask to BOS, and the target's logit without the main
    head: its change when the head is ablated, and when only its attention to BOS is blocked."""

    knockouts: pd.DataFrame
    attention: np.ndarray
    changes: tuple[float, float]


def page(question: Question) -> None:
    target, residue = question.target, question.residue + 1
    introduce(
        "Does the prediction come from BOS?",
        f"Heads may not read BOS, or may read nothing else: is {target} still predicted?",
        f"Necessity: residue {residue} is masked, and the heads' values are zeroed at BOS, everywhere, or everywhere "
        "but at BOS, or their attention to BOS is blocked. Sufficiency: an internal residue is masked instead, and the "
        f"heads' queries are rotated as at residue {residue}, which brings {target} back in part; the same is zeroed.",
        f"Bars to the right of zero: {target} ranks first. Where zeroing BOS's values turns a bar around, the heads "
        "carry what BOS holds.",
    )
    proteins = choose_set(question)
    main, keys, inside = choose_heads_and_inside(question)
    sets = {MAIN: (main,), OTHERS: keys, CORE: (*keys, main)} if keys else {MAIN: (main,)}

    def work(sequence: str, progress: Progress) -> Read:
        model, tokens = question.model, runs(question, sequence, inside)[0]
        return Read(
            _knockouts(question, sequence, inside, sets, progress),
            bos_attention(model, tokens),
            ablated_and_blocked(model, tokens, main, target=target),
        )

    key = ("bos", inside, *((name, heads) for name, heads in sets.items()))
    found = measured(question, proteins, key, work, n_forwards=40, label="Knocking out")
    if found is None:
        return
    table = _pooled(found)
    left, right = st.columns(2)
    for column, test, title in (
        (left, "necessity", f"Necessity: residue {residue} masked"),
        (right, "sufficiency", f"Sufficiency: residue {inside + 1} masked, rotations swapped"),
    ):
        with column.container(border=True, height="stretch"):
            st.markdown(f"**{title}**")
            shown = rows(table, test=test)
            gaps = {name: rows(shown, heads=name).gap.to_numpy() for name in sets}
            draw(
                figures.knockouts(gaps, list(dict.fromkeys(shown.knockout)), target),
                f"Mean {target} gap over {len(found.results)} sequence{'s' if len(found.results) > 1 else ''}; "
                "“none” has nothing knocked out.",
                test,
            )
            download(shown, f"bos-{test}")
    with st.container(border=True):
        _table(table, target)
    with st.container(border=True):
        st.markdown(f"**Which heads read BOS from residue {residue}?**")
        attention = np.mean([each.attention for each in found.all], axis=0)
        draw(
            figures.attention_to_bos(attention),
            "A cell per head: how much of the mask's attention goes to BOS, with nothing knocked out.",
            "attention",
        )
        shape = question.model.shape
        every = map(str, heads_of_layers(shape, range(shape.n_layers)))
        download(pd.DataFrame({"head": every, "attention": attention.ravel()}), "bos-attention")
    ablated, blocked = np.array([each.changes for each in found.all]).T
    if not proteins.is_one:
        with st.container(border=True):
            st.markdown(f"**Is BOS all that {main} brings?**")
            draw(
                figures.ablated_and_blocked(ablated, blocked, list(found.results), str(main)),
                f"A point per sequence: how {target}'s logit changes when {main} is switched off, and when only its "
                "attention to BOS is blocked. On the line both do the same.",
                "ablated and blocked",
            )
            table_of_both = pd.DataFrame({"sequence": list(found.results), "ablated": ablated, "blocked": blocked})
            download(table_of_both, "ablated-and-blocked")
    beside_paper(
        question.model,
        [
            *paper_comparison.bos_reading(
                float(attention[main.layer, main.index]), ablated.tolist(), blocked.tolist(), main
            ),
            *paper_comparison.bos_knockouts(table),
        ],
    )


def _knockouts(
    question: Question, sequence: str, inside: int, sets: dict[str, tuple[Head, ...]], progress: Progress
) -> pd.DataFrame:
    """One protein's table: heads, test, knockout, gap, logit_drop, and the runs' own gaps as rows of test "runs"."""
    model, target = question.model, question.target
    clean, internal = runs(question, sequence, inside)
    swapped = swap(sets.get(CORE, sets[MAIN]), question.residue)
    tests = {"necessity": (clean, ()), "sufficiency": (internal, swapped)}
    tables = []
    for done, (name, test) in enumerate(product(sets, tests)):
        progress.report(done, len(sets) * len(tests) + 1)
        tokens, given = tests[test]
        table = bos_knockouts(model, tokens, sets[name], given=given, target=target)
        tables.append(table.assign(test=test, heads=name))
    progress.report(len(tables), len(tables) + 1)
    low = read(model, internal, [()], target=target).gap[0]
    return pd.concat(tables, ignore_index=True).assign(internal_gap=low)


def _pooled(found: Measured[Read]) -> pd.DataFrame:
    """Means over proteins by heads, test and knock-out; the rescue runs from the internal run to the clean one."""
    every = pd.concat([each.knockouts for each in found.all], ignore_index=True)
    mean = means(
        every.assign(rate=every.gap > 0),
        ["test", "heads", "knockout"],
        ["rate", "gap", "logit_drop", "internal_gap"],
    )
    low, high = mean.internal_gap.iloc[0], rows(mean, test="necessity", knockout="none").gap.iloc[0]
    rescue = (100 * (mean.gap - low) / (high - low)).where(mean.test == "sufficiency")
    return mean.assign(rescue=rescue).drop(columns="internal_gap")


def _table(table: pd.DataFrame, target: str) -> None:
    st.markdown("**All knock-outs**")
    names = {
        "test": "Test",
        "heads": "Heads",
        "knockout": "Knocked out",
        "rate": f"{target}-rate",
        "gap": f"{target} gap",
        "logit_drop": f"Drop of {target}'s logit",
        "rescue": "Rescue (%)",
    }
    st.dataframe(table.rename(columns=names).style.format(precision=3, na_rep="–"), hide_index=True)
    st.caption(
        f"{target}-rate: share of sequences where {target} ranks first. Rescue: the share of the gap between the "
        "internal run and the clean one that comes back."
    )
    download(table, "bos-knockouts")
