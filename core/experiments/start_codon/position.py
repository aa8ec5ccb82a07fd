"""Sections on how the model knows that a residue is the first: RoPE removed and swapped, and heads drawn to BOS."""

import pandas as pd

from core import paper_comparison
from core.experiments.report import Comparison, Section
from core.experiments.start_codon import measures
from core.experiments.start_codon.study import Study
from core.figures import rope as figures
from core.interventions import Head
from core.paper_comparison import percent
from core.paper_values import BOS_ATTENTION, ROPE_REMOVAL, SWAP_STEPS
from core.tables import means

FIRST_KEY_HEADS = 3
"""The paper's table of patch sets takes the first three heads of the greedy search."""


def rope_removal(study: Study) -> Section:
    """No rotation at the mask, layer by layer."""
    table = study.survey.table(measures.removals, study.predicting)
    mean = means(table.assign(m_first=table.gap > 0), ["layers"], ["gap", "logit", "m_first"])
    rate = mean.set_index("layers").m_first.to_dict()
    single = {layer: value for layer, value in rate.items() if layer not in ("none", "all")}
    mean["logit_drop"] = mean.logit.iloc[0] - mean.logit
    largest = mean.logit_drop.iloc[1:-1].max()
    broken = [layer for layer, value in single.items() if value < 0.5]
    return Section(
        title="Is RoPE needed at the first residue?",
        question="Does M survive when the masked first residue's q and k aren't rotated?",
        reading=(
            "The rotation of the mask's query and key is left out in one layer at a time, then in all of them. No "
            "rotation is that of BOS's own position, one residue off: removing it is gentler than a wrong rotation."
        ),
        finding=(
            f"Without rotation in any single layer M ranks first in {percent(min(single.values()))} of sequences or "
            f"more; without it in all layers, in {percent(rate['all'])}, and M's logit falls by "
            f"{mean.logit_drop.iloc[-1]:.2f}."
        ),
        figures={
            "Mean M-gap without rotation of the mask's q and k.": figures.removal(
                mean.layers.tolist(), mean.gap.to_numpy(), "M"
            )
        },
        tables={"rope-removal": mean},
        comparisons=Comparison.all(
            zip(
                ROPE_REMOVAL,
                (", ".join(broken) or "none", f"falls by up to {largest:.2f}"),
                strict=True,
            )
        ),
    )


def rope_swap(study: Study) -> Section:
    """The rotations of the first residue, given to an internal mask."""
    main, key = study.main_head, study.key_heads
    low, high = study.mean_gaps
    path = [study.swapped((main, *key[:step])) for step in range(len(key) + 1)]
    steps = pd.DataFrame(
        {
            "step": range(len(path)),
            "name": [str(head) for head in (main, *key)],
            "m_rate": [(gaps > 0).mean() for gaps in path],
            "rescue": [100 * (gaps.mean() - low) / (high - low) for gaps in path],
        }
    )
    settings = {"readout": main, "key_heads": key[:FIRST_KEY_HEADS]}
    table = study.survey.table(measures.swap_sets, study.compared, **settings)
    sets = means(table.assign(rate=table.gap > 0), ["condition"], ["gap", "rate"])
    sets["rescue"] = 100 * (sets.gap - low) / (high - low)
    rescue = sets.set_index("condition").rescue.to_dict()
    ours = [
        f"{name}, {100 * rate:z.1f}%, {part:z.1f}%"
        for name, rate, part in zip(steps.name, steps.m_rate, steps.rescue, strict=True)
    ]
    rotation, query = "readout's rotation", "readout's full q"
    return Section(
        title="Can rotations alone move the start?",
        question="Which heads must turn as at residue 1 for M to rank first at an internal mask?",
        reading=(
            f"{study.inside.capitalize()} is masked, and the mask's query is rotated as at residue 1 in the main head "
            "(the readout) and in ever more heads: each step adds the head that raises the mean M-gap most, over all "
            "sequences of the set, until all of the gap is back or no head helps. Rescue runs from the internal run "
            "(0%) to the run with residue 1 masked (100%), from mean gaps. The sets below take the first "
            f"{FIRST_KEY_HEADS} of these heads as key heads."
        ),
        finding=(
            f"{len(key)} heads help beside {main}: {', '.join(map(str, key)) or 'none'}. With all of them M ranks "
            f"first inside in {percent(steps.m_rate.iloc[-1])} of sequences, and {steps.rescue.iloc[-1]:z.0f}% of the "
            f"gap is back. Of {main} alone the rotation brings back {rescue[rotation]:z.0f}%, the whole query "
            f"{rescue[query]:z.0f}%."
        ),
        figures={
            "M-rate and rescue as one head after another is rotated as at residue 1.": figures.swap_steps(
                steps.name.tolist(), steps.m_rate.to_numpy(), steps.rescue.to_numpy()
            ),
            "Rescue by queries, and by rotations of sets of heads.": figures.patch_sets(
                [name.replace("readout", str(main)) for name in sets.condition], sets.rescue.to_numpy()
            ),
        },
        tables={"rope-swap": steps, "patch-sets": sets},
        comparisons=(
            *(
                Comparison(
                    f"step {step}: head, M-rate, rescue",
                    f"{head}, {rate}%, {part}%",
                    "Extended Data Table 2",
                    ours[step] if step < len(ours) else "search over: all is back, or no head helps",
                )
                for step, (head, rate, part) in enumerate(SWAP_STEPS, start=1)
            ),
            *Comparison.all(paper_comparison.patch_sets(sets)),
        ),
    )


def attention_causes(study: Study) -> Section:
    """Rotation or content: why heads look at BOS from the first residue."""
    table = study.survey.table(measures.attention_causes, study.compared)
    mean = means(table, ["layer", "head"], ["clean", "internal", "rotation", "content"])
    difference = mean.clean - mean.internal
    mean["by_rotation"] = 100 * (mean.rotation - mean.internal) / difference
    mean["by_content"] = 100 * (mean.content - mean.internal) / difference
    mean["name"] = [str(Head(layer, head)) for layer, head in zip(mean["layer"], mean["head"], strict=True)]
    shown = mean.set_index("name").loc[[str(head) for head in (study.main_head, *study.key_heads)]]
    more = shown[shown.clean > shown.internal]
    rotated = more[more.by_rotation > more.by_content]
    main = shown.iloc[0]
    least = more.by_rotation.idxmin() if len(more) else str(study.main_head)
    return Section(
        title="Do heads look at BOS because of the rotation or the content?",
        question="Of a head's extra attention to BOS at the first residue, how much does the rotation alone explain?",
        reading=(
            "Attention to BOS from the mask at residue 1, from the mask inside, and with one cause at a time: the "
            "internal query rotated as at residue 1 (rotation), or the query content of residue 1 rotated as inside "
            "(content), against the internal run's keys. The two shares need not sum to 100%: causes can need each "
            "other. Shares of a head whose attention hardly differs mean nothing."
        ),
        finding=(
            f"{len(more)} of these {len(shown)} heads look at BOS more from residue 1; in {len(rotated)} of them the "
            f"rotation alone explains more than the content alone. For {study.main_head} they explain "
            f"{main.by_rotation:z.0f}% and {main.by_content:z.0f}% of a difference of "
            f"{main.clean - main.internal:.2f}."
        ),
        figures={
            "Attention from the mask to BOS, of the main head and the key heads.": figures.causes(
                shown.index.tolist(),
                *(shown[cause].to_numpy() for cause in ("clean", "internal", "rotation", "content")),
            )
        },
        tables={"attention-causes": mean},
        comparisons=Comparison.all(
            zip(
                BOS_ATTENTION,
                (
                    f"{len(more)} of {len(shown)}",
                    f"{len(rotated)} of {len(more)}",
                    f"least: {least}, {shown.by_rotation[least]:z.0f}%",
                    f"{study.main_head}: rotation {main.by_rotation:z.0f}%, content {main.by_content:z.0f}%",
                ),
                strict=True,
            )
        ),
    )
