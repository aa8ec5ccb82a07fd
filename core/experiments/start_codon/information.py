"""Sections on where M's signal comes from and how it travels: BOS, queries, writes."""

import numpy as np
import pandas as pd

from core import paper_comparison
from core.alphabet import AMINO_ACIDS
from core.analyses.patching import PLACES
from core.analyses.write_vectors import WriteVectors
from core.experiments.report import Comparison, Section
from core.experiments.start_codon import measures
from core.experiments.start_codon.study import Study
from core.figures import circuits as figures
from core.figures import patching as patching_figures
from core.figures.style import EDITED, OTHER, bars
from core.interventions import Head
from core.paper_comparison import percent
from core.paper_values import CORE, INJECTION, MAIN, OTHERS, WRITE_VECTORS
from core.tables import grid, means, rows

SOURCES = 10
"""How many M-predicting proteins give their activation to each protein that does not predict M."""


def bos_knockouts(study: Study) -> Section:
    """What the heads take from BOS."""
    attention = study.survey.table(measures.attention_to_bos, study.predicting)
    by_head = grid(means(attention, ["layer", "head"], ["attention"]), "layer", "head", "attention").to_numpy()
    main, key = study.main_head, study.key_heads
    effects = study.survey.table(measures.head_effects, study.predicting, head=main)
    correlation = np.corrcoef(effects.ablated.to_numpy(), effects.blocked.to_numpy())[0, 1]
    tables = []
    for name, heads in {MAIN: (main,), OTHERS: key, CORE: (*key, main)}.items():
        needed = study.survey.table(measures.knockouts, study.predicting, heads=heads)
        settings = {"heads": heads, "swapped": (*key, main)}
        enough = study.survey.table(measures.knockouts_inside, study.compared, **settings)
        tables += [needed.assign(heads=name, test="necessity"), enough.assign(heads=name, test="sufficiency")]
    every = pd.concat(tables, ignore_index=True)
    low, high = study.mean_gaps
    mean = means(every.assign(rate=every.gap > 0), ["heads", "test", "knockout"], ["rate", "gap", "logit_drop"])
    mean["rescue"] = (100 * (mean.gap - low) / (high - low)).where(mean.test == "sufficiency")
    rate = mean.set_index(["heads", "test", "knockout"]).rate.to_dict()
    knockouts = [knockout for knockout in dict.fromkeys(mean.knockout) if knockout != "none"]
    return Section(
        title="Is M read from BOS?",
        question="Does M survive when heads may not read BOS, or when they may read nothing else?",
        reading=(
            "Necessity: residue 1 is masked, and the heads' values are zeroed at BOS, everywhere, or everywhere but at "
            f"BOS. Sufficiency: {study.inside} is masked instead, the key heads and the main head are "
            "rotated as at residue 1 (the baseline, which brings M back in part), and the same is zeroed. Key heads "
            "are those whose swapped rotations bring M back (section on swapped rotations)."
        ),
        finding=(
            f"{main} gives {percent(by_head[main.layer, main.index])} of its attention at the masked first residue to "
            "BOS. Without BOS's values in it alone M ranks first in "
            f"{percent(rate[MAIN, 'necessity', 'values of BOS'])} of sequences; without them in the {len(key)} key "
            f"heads but in it, {percent(rate[OTHERS, 'necessity', 'values of BOS'])}; in all of these, "
            f"{percent(rate[CORE, 'necessity', 'values of BOS'])}. Blocking only its attention to BOS changes M's "
            f"logit as ablating it does: r = {correlation:.2f} over sequences."
        ),
        figures={
            "Attention from the masked first residue to BOS, mean over sequences.": figures.attention_to_bos(by_head),
            **{
                f"{title}: M-rate by what is knocked out.": bars(
                    shown,
                    {
                        heads: np.array([rate[heads, test, knockout] for knockout in shown])
                        for heads in (MAIN, OTHERS, CORE)
                    },
                    colours={MAIN: OTHER[0], OTHERS: OTHER[1], CORE: EDITED},
                    x_title="Knocked out",
                    y_title="M-rate",
                )
                for test, title, shown in (
                    ("necessity", "Necessity, at the first residue", knockouts),
                    ("sufficiency", "Sufficiency, inside with swapped rotations", ["none", *knockouts]),
                )
            },
            "M's logit in each sequence: the main head ablated, or its attention to BOS blocked.": (
                figures.ablated_and_blocked(
                    effects.ablated.to_numpy(), effects.blocked.to_numpy(), effects.subject.tolist(), str(main)
                )
            ),
        },
        tables={
            "bos-knockouts": mean,
            "ablated-and-blocked": effects,
            "attention-to-bos": means(attention, ["layer", "head"], ["attention"]),
        },
        comparisons=Comparison.all(
            [
                *paper_comparison.bos_reading(
                    float(by_head[main.layer, main.index]), effects.ablated.tolist(), effects.blocked.tolist(), main
                ),
                *paper_comparison.bos_knockouts(mean),
            ]
        ),
    )


def patching(study: Study) -> Section:
    """Activations of the run that predicts M, put into the run that doesn't."""
    main = study.main_head
    low, high = study.mean_gaps

    def rescued(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
        mean = means(table.assign(m_first=table.gap > 0), by, ["gap", "m_first"])
        return mean.assign(rescue=100 * (mean.gap - low) / (high - low))

    by_place = rescued(study.survey.table(measures.stream_patches, study.compared), ["layer", "place"])
    places = grid(by_place, "layer", "place", "rescue").reindex(columns=list(PLACES))
    by_module = rescued(study.survey.table(measures.module_patches, study.compared), ["site", "layer"])
    by_head = rescued(study.survey.table(measures.head_patches, study.compared), ["site", "layer", "head"])
    grids = {site: grid(rows(by_head, site=site), "layer", "head", "rescue").to_numpy() for site in set(by_head.site)}
    of_main = rows(by_head, layer=main.layer, head=main.index).set_index("site")
    z, q, q_rot, k, v = (of_main.rescue[site] for site in ("z", "q", "q_rot", "k", "v"))
    before_last = places.iloc[-1]
    elsewhere = before_last.drop(["0", "mask to mask", "all"]).abs().max()
    drawn = {"z": "z at the mask", "q": "query before RoPE", "q_rot": "query after RoPE", "v": "values at BOS"}
    return Section(
        title="What makes the first residue different?",
        question="Which activations of the run with residue 1 masked make M rank first at an internal mask?",
        reading=(
            f"Clean: residue 1 is masked. Corrupted: {study.inside} of the same sequence is. One activation of the "
            "clean run is put into the corrupted run. Rescue is the share of the gap between the two runs that this "
            "brings back, from mean M-gaps; more than 100% overshoots. To average over sequences, positions are "
            "aligned at BOS, at the residue that the clean run masks, and by their distance in residues from the "
            "internal mask (up to 5; what is further away is patched together): there a patch takes what the clean run "
            "has at the very same position. 'Mask to mask' alone moves something: the clean run's mask to the internal "
            f"one. Means are over {len(study.compared)} internal masks, in each column those that have it."
        ),
        finding=(
            f"Before the last layer, patching the mask brings back {before_last['mask to mask']:z.0f}% and patching "
            f"BOS {before_last['BOS']:z.0f}%; no patch anywhere but at the mask moves it by more than "
            f"{elsewhere:z.1f}%. Of {main} alone, z brings back {z:z.0f}%, the query after RoPE "
            f"{q_rot:z.0f}%, its content alone (before RoPE) {q:z.0f}%, BOS's key {k:z.0f}% and BOS's value "
            f"{v:z.0f}%."
        ),
        figures={
            "Rescue by the residual stream before each layer, by position.": (
                patching_figures.rescue_by_place(
                    places.to_numpy(), list(places.columns), x="Position patched (residues from the internal mask)"
                )
            ),
            "Rescue by what each module writes at the mask, mask to mask.": patching_figures.rescue_by_place(
                grid(by_module, "layer", "site", "rescue").to_numpy(), ["attention", "MLP"], x="Module patched"
            ),
            **{
                f"Rescue by each head's {words}.": patching_figures.rescue_by_head(grids[site])
                for site, words in drawn.items()
            },
        },
        tables={"patching-stream": by_place, "patching-modules": by_module, "patching-heads": by_head},
        comparisons=Comparison.all(
            paper_comparison.patching(
                main, before_last["BOS"], before_last["mask to mask"], q, of_main.m_first["q_rot"], q_rot
            )
        ),
    )


def write_vectors(study: Study) -> Section:
    """What the last layer's heads write."""
    last = study.shape.n_layers - 1
    table = study.survey.table(measures.writes, study.predicting)
    mean = means(table, ["head", "amino_acid"], ["cosine", "length"])
    cosine, length = (grid(mean, "head", "amino_acid", column).to_numpy() for column in ("cosine", "length"))
    drops = means(rows(study.ablations, scope="mask"), ["component"], ["logit_drop"])
    drop = drops.set_index("component").logit_drop.to_dict()
    names = [str(Head(last, index)) for index in range(study.shape.n_heads)]
    to_m = cosine[:, AMINO_ACIDS.index("M")]
    best = int(to_m.argmax())
    head, letter = np.unravel_index(cosine.argmax(), cosine.shape)
    return Section(
        title="What do the last layer's heads write?",
        question="Does any head of the last layer write in the direction that raises M's logit?",
        reading=(
            "Each row is a head of the last layer: the cosine between what it writes at the mask (its OV write) and "
            "the gradient of each amino acid's logit with respect to the final residual stream. A direction says "
            "nothing of size, so the bars show beside it what M's logit loses when the head is ablated at the mask."
        ),
        finding=(
            f"{names[best]} lies closest to M, with a cosine of {to_m[best]:.2f}; ablating it at the mask costs M's "
            f"logit {drop[names[best]]:.2f}. The largest cosine of all is {cosine.max():.2f}, of {names[head]} with "
            f"{AMINO_ACIDS[letter]}."
        ),
        figures={
            "Cosine of each head's write with each amino acid's logit gradient.": figures.write_vectors(
                WriteVectors(cosine, length[:, 0]), last
            ),
            "Drop of M's logit when the head is ablated at the mask.": figures.ablation_drops(
                np.array([drop[name] for name in names]), last, "M"
            ),
        },
        tables={"write-vectors": mean},
        comparisons=Comparison.all(
            zip(
                WRITE_VECTORS,
                (
                    f"{names[head]}, {AMINO_ACIDS[letter]}",
                    f"{cosine.max():.2f} ({names[best]} with M: {to_m[best]:.2f})",
                ),
                strict=True,
            )
        ),
    )


def injection(study: Study) -> Section:
    """The main head's z from proteins that predict M, in proteins that don't.

    Raises `InputError` when M ranks first everywhere: there is nothing to rescue.
    """
    targets, head = study.outvoted, study.main_head
    sources = tuple(study.predicting.values())[:SOURCES]
    table = study.survey.table(measures.injections, targets, heads=(head,), sources=sources)
    gaps = grid(table, "subject", "source", "gap")
    before, after = gaps[-1].to_numpy(), gaps.drop(columns=-1).to_numpy()
    rescued = int(((after > 0).mean(1) > 0.5).sum())
    return Section(
        title="Does a stronger signal win?",
        question="Can the main head's activation from other proteins bring M back where it is outvoted?",
        reading=(
            f"{head}'s z at the masked first residue of {len(sources)} sequences that predict M is put into each "
            "sequence that does not, one source at a time. Above zero M ranks first; a sequence is rescued when most "
            "sources bring M back."
        ),
        finding=(
            f"M comes back in {rescued} of {len(gaps)} sequences; the mean gap moves from {before.mean():.2f} to "
            f"{after.mean():.2f}."
        ),
        figures={
            "M-gap of each sequence as it is and injected; above zero M ranks first.": patching_figures.injection(
                list(gaps.index), before, after, "M"
            )
        },
        tables={"injection": table},
        comparisons=(Comparison.of(INJECTION[0], f"{rescued} of {len(gaps)}"),),
    )
