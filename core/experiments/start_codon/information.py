"""Sections on where M's signal comes from and how it travels: BOS, queries, writes."""

from collections.abc import Mapping

import numpy as np

from core.analyses.patching import PLACES
from core.answers import patching as patches
from core.answers.bos_knockouts import bos_knockouts as without_bos
from core.answers.bos_knockouts import whole_pattern
from core.answers.injection import injection as injected
from core.answers.intervals import Rate
from core.answers.rope_swap import rescue_in
from core.answers.subjects import INTERNAL_MASKS
from core.answers.write_vectors import last_layer_writes
from core.experiments.report import Comparison, Section
from core.experiments.start_codon.study import M_FIRST, Study, said_of
from core.figures import circuits as figures
from core.figures import patching as patching_figures
from core.figures.style import EDITED, OTHER, bars
from core.interventions import HeadSite, NamedScope
from core.paper_values import CORE, MAIN, OTHERS
from core.tables import grid, rows

SITES: tuple[tuple[HeadSite, NamedScope], ...] = (
    ("z", "mask"),
    ("q", "mask"),
    ("q_rot", "mask"),
    ("k", "bos"),
    ("v", "bos"),
)
"""The query and z belong to the mask, keys and values to BOS."""
SOURCES = 10
"""How many M-predicting proteins give their activation to each protein that does not predict M."""


def bos_knockouts(study: Study) -> Section:
    """What the heads take from BOS."""
    main, key = study.main_head, study.key_heads
    settings = {"compared": study.rated, "main": main, "key_heads": key}
    found = without_bos(study.survey, study.judging, M_FIRST, **settings)
    seen = whole_pattern(study.survey, study.judged_proteins, M_FIRST, head=main)
    mean, rate, effects = found.mean, found.rate, found.effects
    knockouts = [knockout for knockout in dict.fromkeys(mean.knockout) if knockout != "none"]
    return Section(
        title="Is M read from BOS?",
        question="Does M survive when heads may not read BOS, or when they may read nothing else?",
        reading=(
            "Necessity: residue 1 is masked, and the heads' values are zeroed at BOS, everywhere, or everywhere but "
            f"at BOS. Sufficiency: {INTERNAL_MASKS} internal residues (from {study.residues[0] + 1} to the end) are "
            "masked instead, one at a time, the key heads and the main head are rotated as at residue 1 (the "
            "baseline, which brings M back in part), and the same is zeroed. Key heads are those whose swapped "
            f"rotations bring M back (section on swapped rotations). Heads are {study.split}."
        ),
        finding=said_of(
            study.judging,
            f"Of {main}'s attention at the masked first residue, BOS has {found.main_attention}. Without BOS's "
            f"values in it alone M ranks first in {_without(rate, MAIN)}"
            + (f"; without them in the {len(key)} key heads but in it, in {_without(rate, OTHERS)}" if key else "")
            + (f"; in all of these, in {_without(rate, CORE)}" if key else "")
            + ". What blocking its attention to BOS does to M's logit, against what ablating it does: "
            f"{found.alike} (a slope of 1: the same size).",
        ),
        figures={
            f"Attention from the masked first residue to BOS, mean of {len(effects)} sequences.": (
                figures.attention_to_bos(found.attention_by_head)
            ),
            f"The whole pattern in one protein: {seen.in_words}.": figures.pattern(
                seen.attention, list(seen.table["query"])
            ),
            **{
                f"{title}: M-rate by what is knocked out.": bars(
                    shown,
                    {
                        heads: np.array([rate[heads, test, knockout].share for knockout in shown])
                        for heads in found.sets
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
            "attention-to-bos": found.attention,
            "main-head-pattern": seen.table,
        },
        comparisons=Comparison.all(found.beside_paper()),
    )


def _without(rate: Mapping[tuple[str, str, str], Rate], heads: str) -> str:
    return rate[heads, "necessity", "values of BOS"].of("sequences")


def patching(study: Study) -> Section:
    """Activations of the run that predicts M, put into the run that doesn't."""
    survey, compared, main = study.survey, study.compared, study.main_head
    by_place = patches.patched_stream(survey, compared, M_FIRST)
    places = by_place.grid("layer", "place").reindex(columns=list(PLACES))
    by_module = patches.patched_modules(survey, compared, M_FIRST)
    by_head = patches.patched_heads(survey, compared, M_FIRST, sites=SITES)
    grids = {site: grid(rows(by_head.mean, site=site), "layer", "head", "rescue").to_numpy() for site, _ in SITES}
    of_main = rows(by_head.mean, layer=main.layer, head=main.index).set_index("site")
    z, q, q_rot, k, v = (rescue_in(of_main.loc[site]) for site in ("z", "q", "q_rot", "k", "v"))
    last = patches.before_last(by_place)
    drawn = {"z": "z at the mask", "q": "query before RoPE", "q_rot": "query after RoPE", "v": "values at BOS"}
    return Section(
        title="What makes the first residue different?",
        question="Which activations of the run with residue 1 masked make M rank first at an internal mask?",
        reading=(
            f"Clean: residue 1 is masked. Corrupted: {study.inside} of the same sequence is. One activation of the "
            "clean run is put into the corrupted run. Rescue is the share of the gap between the two runs that this "
            "brings back, from mean M-gaps; more than 100% overshoots. To average over sequences, positions are "
            "aligned at BOS, at the residue that the clean run masks, and by their distance in residues from the "
            "internal mask (up to 5; what is further away is patched together): there a patch takes what the clean "
            "run has at the very same position. 'Mask to mask' alone moves something: the clean run's mask to the "
            f"internal one. Means are over {by_place.n_masks} internal masks, in each column those that have it. The "
            f"main head is {study.split}."
        ),
        finding=said_of(
            study.judging,
            f"Means of {by_place.n_masks} masks. Before the last layer, patching the mask brings back "
            f"{rescue_in(last.loc['mask to mask'])} and patching BOS {rescue_in(last.loc['BOS'])}; "
            f"{patches.elsewhere(by_place)}. Of {main} alone, z brings back {z}, the query "
            f"after RoPE {q_rot}, its content alone (before RoPE) {q}, BOS's key {k} and BOS's value {v}.",
        ),
        figures={
            "Rescue by the residual stream before each layer, by position.": (
                patching_figures.rescue_by_place(
                    places.to_numpy(), list(places.columns), x="Position patched (residues from the internal mask)"
                )
            ),
            "Rescue by what each module writes at the mask, mask to mask.": patching_figures.rescue_by_place(
                by_module.grid("layer", "site").to_numpy(), ["attention", "MLP"], x="Module patched"
            ),
            **{
                f"Rescue by each head's {words}.": patching_figures.rescue_by_head(grids[site])
                for site, words in drawn.items()
            },
        },
        tables={
            "patching-stream": by_place.mean,
            "patching-modules": by_module.mean,
            "patching-heads": by_head.mean,
        },
        comparisons=Comparison.all(patches.beside_paper(by_place, by_head, main)),
    )


def write_vectors(study: Study) -> Section:
    """What the last layer's heads write."""
    found = last_layer_writes(study.survey, study.predicting, M_FIRST)
    (head, letter), closest, elsewhere = found.largest, found.closest, found.stands_there(study.main_head)
    return Section(
        title="What do the last layer's heads write?",
        question="Does any head of the last layer write in the direction that raises M's logit?",
        reading=(
            "Each row is a head of the last layer: the cosine between what it writes at the mask (its OV write) and "
            "the gradient of each amino acid's logit with respect to the final residual stream. A direction says "
            "nothing of size, so the bars show beside it what M's logit loses when the head is ablated at the mask. "
            f"Figures are means of {len(study.predicting)} sequences; the heads named are {found.split}."
        ),
        finding=said_of(
            study.judging,
            f"{closest} lies closest to M, with a cosine of {found.cosine(closest)}; ablating it at the mask costs M's "
            f"logit {found.cost(closest)} (means of {len(found.split.judging)} sequences). The largest cosine of "
            f"all is {found.cosine(head, letter)}, of {head} with {letter}. "
            + (
                f"The main head, {study.main_head}, isn't in this layer; {found.opposed} writes most against M "
                f"({found.cosine(found.opposed)})."
                if elsewhere
                else ""
            ),
        ),
        figures={
            "Cosine of each head's write with each amino acid's logit gradient.": figures.write_vectors(
                found.vectors, found.layer
            ),
            "Drop of M's logit when the head is ablated at the mask.": figures.ablation_drops(
                found.drop, found.layer, "M"
            ),
        },
        tables={"write-vectors": found.mean, "write-vectors-drops": found.drops},
        comparisons=Comparison.all(found.beside_paper(study.main_head)),
    )


def injection(study: Study) -> Section:
    """The main head's z from proteins that predict M, in proteins that don't.

    Raises `InputError` when M ranks first everywhere: there is nothing to rescue.
    """
    head = study.main_head
    settings = {"into": study.outvoted, "heads": (head,), "most": SOURCES}
    found = injected(study.survey, study.judging, M_FIRST, **settings)
    return Section(
        title="Can a borrowed signal win?",
        question="Can the main head's activation from other proteins bring M back where it is outvoted?",
        reading=(
            f"{head}'s z at the masked first residue of {len(found.sources)} sequences that predict M is put into each "
            "sequence that does not, one source at a time. Above zero M ranks first; a sequence is rescued when most "
            "sources bring M back."
        ),
        finding=said_of(
            study.outvoted,
            f"{found.in_words}. The activation is as strong as in its source: what a stronger one would do is not "
            "tested.",
        ),
        figures={
            "M-gap of each sequence as it is and injected; above zero M ranks first.": patching_figures.injection(
                found.names, found.before, found.after, "M"
            )
        },
        tables={"injection": found.table},
        comparisons=Comparison.all(found.beside_paper()),
    )
