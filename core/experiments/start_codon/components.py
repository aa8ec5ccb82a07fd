"""Sections on which parts of the model the prediction needs, and which are enough."""

from typing import Final

import numpy as np
import pandas as pd

from core.answers.ablation import in_words, replacements
from core.answers.composition import WORDS as REPLACED
from core.answers.composition import composition as composed
from core.answers.intervals import HOW_INTERVALS_ARE_MADE
from core.answers.minimal_circuit import Search
from core.answers.random_circuits import HOW_CIRCUITS_ARE_DRAWN
from core.answers.subjects import INTERNAL_MASKS
from core.answers.sufficiency import ALONE, MEAN, RESAMPLED, UNROTATED, WHOLE
from core.answers.sufficiency import sufficiency as enough
from core.answers.words import counted
from core.components import heads_of_layers, modules
from core.experiments.report import Comparison, Section
from core.experiments.start_codon.study import M_FIRST, Study, said_of
from core.figures import circuits as figures
from core.figures.ablation import by_scope
from core.figures.style import EDITED, OTHER, bars, head_heatmap
from core.interventions import NamedScope, component_name

SAID_ALONE: Final[dict[tuple[Search, NamedScope], str]] = {
    ("modules", "all"): "zeroing everywhere",
    ("heads", "mask"): "heads, zeroing at the mask",
}
"""The searches whose circuits the finding holds against random ones; the table has all."""
SCOPE_WORDS = {"mask": "the mask", "bos": "BOS", "bos+mask": "BOS and the mask", "all": "every position"}


def ablation(study: Study) -> Section:
    """Every head and module off, one at a time, at each scope."""
    found, shape = study.ablation, study.shape
    worst, main, masked = found.worst_module, study.main_head, found.at("mask")
    fails, loss = found.fails, found.loss(str(study.main_head))
    others = replacements(study.survey, study.judging, M_FIRST, head=main)
    also = ", ".join(f"{drop} {REPLACED[mode]}" for mode, drop in in_words(others).items() if mode != "zero")
    ordered = [str(head) for head in heads_of_layers(shape, range(shape.n_layers))]
    by_head = masked.logit_drop[ordered].to_numpy().reshape(shape.n_layers, shape.n_heads)
    return Section(
        title="Which parts does the prediction rest on?",
        question="What happens to M at the masked first residue when one attention module, MLP or head is zeroed?",
        reading=(
            f"Counted are the {found.n_counted} sequences where M ranks first. A part is zeroed at the mask alone, at "
            "BOS, at both, or everywhere. A failure is a sequence where M no longer ranks first; a drop is how much "
            f"M's logit falls. Module and head below are {found.split}; maps are means of all {found.n_counted}. "
            f"{HOW_INTERVALS_ARE_MADE}"
        ),
        finding=said_of(
            study.judging,
            f"At the mask alone, {worst} is the module that matters most: without it M fails in "
            f"{found.loss(worst).fails.of('sequences')}. Among heads it is {main}: zeroed, M's logit drops by "
            f"{loss.in_words}, and M fails in {loss.fails}; the drop is {also}. The rest of this report calls it the "
            "main head.",
        ),
        figures={
            "Failure rate of M without each module, by where it is zeroed.": by_scope(
                {SCOPE_WORDS[scope]: fails[scope].to_numpy() for scope in fails.columns},
                list(fails.index),
                quantity="failure rate",
            ),
            "Mean change of M's logit without each head, zeroed at the mask alone.": head_heatmap(
                -by_head, quantity="change of M's logit"
            ),
        },
        tables={"ablation": found.summary, "ablation-by-sequence": found.table, "main-head-replaced": others},
        comparisons=Comparison.all(found.beside_paper()),
    )


def circuits(study: Study) -> Section:
    """Greedy minimal circuits, per protein and as frequencies."""
    searches = study.circuits
    frequencies = pd.DataFrame(
        [
            {"search": search, "scope": scope, "component": component, "needed": share}
            for (search, scope), found in searches.items()
            for component, share in found.necessity.items()
        ]
    )
    ordered = sorted(searches, key=lambda key: key[1] != "mask")
    needed = pd.concat([searches[key].needed.assign(search=key[0], scope=key[1]) for key in ordered])
    order = {name: place for place, name in enumerate(study.predicting)}
    needed = needed.sort_values(by="subject", key=lambda names: names.map(order), kind="stable")
    names = [component_name(module) for module in modules(study.shape)]
    series = {
        "at the mask": searches["modules", "mask"].necessity,
        "everywhere": searches["modules", "all"].necessity,
    }
    nulls = study.beside_random
    beside = pd.DataFrame([{"search": key[0], "scope": key[1], **found.row} for key, found in nulls.items()])
    alone = "; ".join(f"{where}, {nulls[key].in_words}" for key, where in SAID_ALONE.items() if key in nulls)
    at_mask, everywhere = (searches["modules", scope].in_words for scope in ("mask", "all"))
    heads, strict_heads = (searches["heads", scope].in_words for scope in ("mask", "all"))
    return Section(
        title="What is the least that M needs?",
        question="If whatever M needs least is ablated for good, again and again, what is left when M fails?",
        reading=(
            f"A greedy search in each of {len(study.predicting)} sequences where M ranks first: among all attention "
            "modules and MLPs, then among the heads of "
            "the attention modules that were needed. Bars show in which share of sequences a module could not be "
            "spared, when modules are ablated at the mask alone and when they are ablated at every position. The "
            f"commonest set and what most sequences need, a circuit that is kept alone, are {study.split}. "
            f"{HOW_CIRCUITS_ARE_DRAWN}"
        ),
        finding=said_of(
            study.predicting,
            f"Zeroing at the mask alone, the commonest minimal set is {at_mask}; zeroing everywhere it is "
            f"{everywhere}. Heads that most sequences need: {heads} at the mask, {strict_heads} everywhere. Of what "
            f"most need, judged on {counted(len(study.judging), 'sequence')}: "
            f"{alone or 'no component is needed by most'}.",
        ),
        figures={
            "Share of sequences in which the search could not spare a module.": bars(
                names,
                {scope: np.array([shares.get(name, 0.0) for name in names]) for scope, shares in series.items()},
                colours={"at the mask": EDITED, "everywhere": OTHER[0]},
                x_title="Module",
                y_title="Share of sequences",
            )
        },
        tables={
            "necessity": frequencies,
            "circuits": needed.reindex(columns=["subject", "search", "scope", "component"]),
            "circuits-beside-random": beside,
        },
        comparisons=Comparison.all(row for found in searches.values() for row in found.beside_paper()),
    )


def composition(study: Study) -> Section:
    """Two heads alone, together, and added."""
    first, second = study.pair
    settings = {"first": first, "second": second, "beside": study.mask_mlps}
    found = composed(study.survey, study.judging, M_FIRST, **settings)
    alone, other, both, added = (found.rescued[kept] for kept in ("first", "second", "both", "added"))
    beside = ", ".join(component_name(mlp) for mlp in study.mask_mlps) or "nothing"
    return Section(
        title="Do the heads need each other?",
        question="Do two heads do more together than each alone, added up?",
        reading=(
            f"At the mask everything is ablated except two heads (beside them: {beside}): zeroed, set to its mean over "
            "positions, or to what it is in a shuffle of the same protein. 'Merely added' takes both heads' separate "
            "effects on the final residual stream and adds them outside the model; where 'together' exceeds it, one "
            "head reads what the other wrote. Rescue, with all else zeroed, runs from neither head (0%) to the whole "
            f"model (100%), from mean M-gaps. The pair is {study.split}."
        ),
        finding=said_of(
            study.judging,
            f"In {len(study.judging)} sequences, all else zeroed, {first} alone brings back {alone} of the "
            f"M-gap, {second} alone {other}, both {both}, their separate effects added {added}: "
            f"{found.verdict}.",
        ),
        figures={
            "Mean M-gap with everything else zeroed at the mask.": figures.pair(
                found.gaps, str(first), str(second), "M"
            )
        },
        tables={"composition": found.mean, "composition-by-sequence": found.table},
        comparisons=Comparison.all(found.beside_paper()),
    )


def sufficiency(study: Study) -> Section:
    """The circuit kept at some tokens; and what it says inside the protein."""
    circuit = study.circuit
    found = enough(study.survey, study.judging, M_FIRST, circuit=circuit, inside=study.residues[0])
    counts, null = found.counts, study.beside_random.get(("modules", "all"))
    chance = f", {null.against_chance}" if null else ""
    unrotated = f" Without RoPE the circuit says M at {counts[UNROTATED, 'first'].of('first residues')} and "
    unrotated += f"{counts[UNROTATED, 'inside']} inside."
    names = ", ".join(component_name(component) for component in circuit)
    return Section(
        title="Is the circuit enough, and does it keep silent elsewhere?",
        question=f"With everything ablated but {{{names}}}, where must these parts work, and what do they say inside?",
        reading=(
            f"The circuit is what most sequences need when ablation is everywhere, {study.split}. Rows and columns of "
            "the map say at which positions its attention and its MLPs are kept; everything else is zero. Then the "
            f"circuit, kept everywhere, meets masks at {INTERNAL_MASKS} internal residues of each sequence (from "
            f"{study.residues[0] + 1} to the end): M there is over-prediction. Zeroing so much is far from anything "
            "that the model was trained on: so the rest is also set to its mean over positions, and resampled from a "
            "shuffle of the same protein. 'Without RoPE' removes the rotations of the mask's q and k in the "
            "circuit's heads."
        ),
        finding=said_of(
            study.judging,
            f"Kept everywhere, the rest zeroed, the circuit says M in {counts[ALONE, 'first'].of('sequences')} at the "
            f"first residue ({found.strength}){chance}. Inside it says M at {counts[ALONE, 'inside'].of('masks')}; "
            f"with the rest at its mean at {counts[MEAN, 'inside']}, resampled at {counts[RESAMPLED, 'inside']}; the "
            f"whole model at {counts[WHOLE, 'inside']}.{unrotated if found.has_attention else ''}",
        ),
        figures={
            "Mean M-gap at the first residue with the circuit kept at some positions only.": figures.token_scopes(
                found.scopes, "M"
            ),
            "M-rate at the first residue and inside, and without rotations.": figures.rates(found.rates, 0),
        },
        tables={"token-scopes": found.scopes, "over-prediction": found.over_prediction},
        comparisons=Comparison.all(found.beside_paper()),
    )
