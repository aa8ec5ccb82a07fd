"""Does the prediction come from BOS?"""

import pandas as pd
import streamlit as st

from core.answers.bos_knockouts import BosKnockouts, bos_knockouts
from core.answers.subjects import two_masks
from core.figures import circuits as figures
from core.tables import rows
from dashboard.controls.heads import choose_heads_and_inside
from dashboard.controls.protein_sets import ProteinSet, ask_of, choose_set
from dashboard.page_parts import beside_paper, download, draw, introduce
from dashboard.question import Question

TITLE, PATH = "BOS knock-outs", "bos"


def page(question: Question) -> None:
    target, residue = question.letter, question.residue + 1
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
    compared = two_masks(proteins.sequences, question.target, inside)
    settings = {"target": question.target, "compared": compared, "main": main, "key_heads": keys}
    found = ask_of(question, proteins, bos_knockouts, n_forwards=40, label="Knocking out", **settings)
    if found is None:
        return
    left, right = st.columns(2)
    for column, test, title in (
        (left, "necessity", f"Necessity: residue {residue} masked"),
        (right, "sufficiency", f"Sufficiency: residue {inside + 1} masked, rotations swapped"),
    ):
        with column.container(border=True, height="stretch"):
            st.markdown(f"**{title}**")
            shown = rows(found.mean, test=test)
            gaps = {name: rows(shown, heads=name).gap.to_numpy() for name in found.sets}
            draw(
                figures.knockouts(gaps, list(dict.fromkeys(shown.knockout)), target),
                f"Mean {target} gap over {proteins.count}; “none” has nothing knocked out.",
                test,
            )
            download(shown, f"bos-{test}")
    with st.container(border=True):
        _table(found, target)
    with st.container(border=True):
        st.markdown(f"**Which heads read BOS from residue {residue}?**")
        draw(
            figures.attention_to_bos(found.attention_by_head),
            "A cell per head: how much of the mask's attention goes to BOS, with nothing knocked out.",
            "attention",
        )
        download(found.attention_named, "bos-attention")
    if not proteins.is_one:
        with st.container(border=True):
            _alike(found, proteins, target)
    beside_paper(question.model, found.beside_paper())


def _alike(found: BosKnockouts, proteins: ProteinSet, target: str) -> None:
    st.markdown(f"**Is BOS all that {found.main} brings?**")
    effects = found.effects.rename(columns={"subject": "sequence"})
    draw(
        figures.ablated_and_blocked(
            effects.ablated.to_numpy(), effects.blocked.to_numpy(), effects.sequence.tolist(), str(found.main)
        ),
        f"A point per sequence: how {target}'s logit changes when {found.main} is switched off, and when only its "
        "attention to BOS is blocked. On the line both do the same.",
        "ablated and blocked",
    )
    download(effects, "ablated-and-blocked")


def _table(found: BosKnockouts, target: str) -> None:
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
    shown = pd.DataFrame(found.mean[list(names)]).rename(columns=names)
    st.dataframe(shown.style.format(precision=3, na_rep="–"), hide_index=True)
    st.caption(
        f"{target}-rate: share of sequences where {target} ranks first. Rescue: the share of the gap between the "
        "internal run and the clean one that comes back."
    )
    download(found.mean, "bos-knockouts")
