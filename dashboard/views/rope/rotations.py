"""What do the rotations do?"""

import numpy as np
import pandas as pd
import streamlit as st

from core import paper_comparison
from core.analyses.rope_experiments import BosAttentionByCause, bos_attention_by_cause, patch_sets, rope_removal
from core.components import heads_of_layers
from core.figures import rope as figures
from core.interventions import Head
from core.paper_values import BOS_ATTENTION, ROPE_REMOVAL, PaperValue
from core.tables import means
from dashboard.controls.heads import choose_heads_and_inside, runs
from dashboard.controls.protein_sets import Measured, ProteinSet, choose_set, measured
from dashboard.engine import Progress
from dashboard.page_parts import beside_paper, download, draw, introduce
from dashboard.question import Question

TITLE, PATH = "Rotations", "rope"

Tables = tuple[pd.DataFrame, pd.DataFrame, BosAttentionByCause]


def page(question: Question) -> None:
    target, residue = question.target, question.residue + 1
    introduce(
        "What do the rotations do?",
        f"RoPE turns every query and key by its position, and nothing else tells the model where residue {residue} is. "
        f"Is the rotation needed for {target}, and does it suffice?",
        "Shown are the gap without rotation at the mask, how much of the gap comes back inside with the rotations or "
        f"queries of residue {residue}, and why heads look at BOS.",
        "Removing a rotation is gentler than giving a wrong one: without it the mask's q and k are those of position "
        "0, where BOS stands.",
    )
    proteins = choose_set(question)
    main, keys, inside = choose_heads_and_inside(question)
    found = _measured(question, proteins, main, keys, inside)
    if found is None:
        return
    left, right = st.columns(2)
    with left.container(border=True, height="stretch"):
        removed = _removal(found, target, residue)
    with right.container(border=True, height="stretch"):
        sets = _patch_sets(found, main, inside, residue)
    with st.container(border=True):
        causes = _causes(found, (main, *keys), question, inside)
    beside_paper(question.model, _beside(removed, sets, causes))


def _measured(
    question: Question, proteins: ProteinSet, main: Head, keys: tuple[Head, ...], inside: int
) -> Measured[Tables] | None:
    model, target = question.model, question.target

    def work(sequence: str, progress: Progress) -> Tables:
        clean, internal = runs(question, sequence, inside)
        removed = rope_removal(model, clean, target=target)
        progress.report(1, 3)
        sets = patch_sets(model, clean, internal, main, keys, target=target)
        progress.report(2, 3)
        return removed, sets, bos_attention_by_cause(model, clean, internal)

    n_forwards = 2 * model.shape.n_layers + 10
    return measured(question, proteins, ("rope", main, keys, inside), work, n_forwards=n_forwards, label="Rotating")


def _removal(found: Measured[Tables], target: str, residue: int) -> pd.DataFrame:
    st.markdown(f"**Is {target} lost without rotation at residue {residue}?**")
    every = pd.concat([removed for removed, _, _ in found.all])
    table = means(every.assign(rate=every.gap > 0), ["layers"], ["gap", "logit", "rate"])
    draw(
        figures.removal(table.layers.tolist(), table.gap.to_numpy(), target),
        "No rotation of the mask's q and k in one layer at a time, then in all; the grey bar has all rotations.",
        "removal",
    )
    download(table, "rope-removal")
    return table


def _patch_sets(found: Measured[Tables], main: Head, inside: int, residue: int) -> pd.DataFrame:
    st.markdown("**What brings the gap back inside?**")
    every = pd.concat([sets for _, sets, _ in found.all])
    table = means(every.assign(rate=every.gap > 0), ["condition"], ["gap", "rate"])
    low, high = table.gap[1], table.gap[0]
    table = table.assign(rescue=100 * (table.gap - low) / (high - low))
    draw(
        figures.patch_sets([_called(name, main) for name in table.condition], table.rescue.to_numpy()),
        f"Residue {inside + 1} is masked (corrupted, 0%), and takes queries or rotations from the run with residue "
        f"{residue} masked (clean, 100%).",
        "patch sets",
    )
    download(table, "patch-sets")
    return table


def _called(condition: str, main: object) -> str:
    return condition.replace("readout", str(main))


def _causes(found: Measured[Tables], heads: tuple[Head, ...], question: Question, inside: int) -> pd.DataFrame:
    """Draws these heads' attention to BOS by cause and returns them, with each cause's share of the difference."""
    st.markdown("**Do heads look at BOS because of the rotation or the query's content?**")
    names = [str(head) for head in heads]
    parts = ("clean", "internal", "rotation", "content")
    means_ = {part: np.mean([getattr(causes, part) for _, _, causes in found.all], axis=0) for part in parts}
    chosen = {part: np.array([values[head.layer, head.index] for head in heads]) for part, values in means_.items()}
    draw(
        figures.causes(names, **chosen),
        f"Attention to BOS from the mask at residue {question.residue + 1} (clean) and at residue {inside + 1} "
        "(internal), and of the internal run with one cause of the clean run at a time. The higher bar explains more; "
        "the two need not add up.",
        "causes",
    )
    shape = question.model.shape
    every = heads_of_layers(shape, range(shape.n_layers))
    table = pd.DataFrame({"head": map(str, every)} | {part: values.ravel() for part, values in means_.items()})
    table = table.assign(by_rotation=100 * (table.rotation - table.internal) / (table.clean - table.internal))
    table = table.assign(by_content=100 * (table.content - table.internal) / (table.clean - table.internal))
    download(table, "bos-attention-by-cause")
    return table.set_index("head").loc[names].reset_index()


def _beside(removed: pd.DataFrame, sets: pd.DataFrame, causes: pd.DataFrame) -> list[tuple[PaperValue, str]]:
    """`causes` has the main head first, then the key heads."""
    rate = removed.set_index("layers").rate.to_dict()
    broken = [name for name, share in rate.items() if share < 0.5 and name not in ("none", "all")]
    drops = removed.logit[0] - removed.logit[1:-1]
    more = causes[causes.clean > causes.internal]
    rotated = more[more.by_rotation > more.by_content]
    least = more.loc[more.by_rotation.idxmin()] if len(more) else causes.iloc[0]
    main = causes.iloc[0]
    removal = (", ".join(broken) or "none", f"falls by up to {drops.max():.2f}")
    attention = (
        f"{len(more)} of {len(causes)}",
        f"{len(rotated)} of {len(more)}",
        f"least: {least['head']}, {least.by_rotation:z.0f}%",
        f"{main['head']}: rotation {main.by_rotation:z.0f}%, content {main.by_content:z.0f}%",
    )
    return [
        *zip(ROPE_REMOVAL, removal, strict=True),
        *paper_comparison.patch_sets(sets),
        *zip(BOS_ATTENTION, attention, strict=True),
    ]
