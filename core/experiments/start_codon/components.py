"""Sections on which parts of the model the prediction needs, and which are enough."""

from collections import Counter

import numpy as np
import pandas as pd

from core.analyses.super_additivity import SuperAdditivity
from core.components import heads_of_layers, modules
from core.experiments.report import Comparison, Section
from core.experiments.start_codon import measures
from core.experiments.start_codon.study import USUAL, Study
from core.figures import circuits as figures
from core.figures.ablation import by_scope
from core.figures.style import EDITED, OTHER, bars, head_heatmap
from core.interventions import component_name
from core.paper_comparison import percent
from core.paper_values import ABLATION, COMPOSITION, FAILING_HEAD, MINIMAL_CIRCUIT, SUFFICIENCY
from core.tables import grid, means, rows

INTERNAL_RESIDUES = 5
"""How many internal residues the circuit is tried at in each protein: the paper's rates fit 57 sequences times 5."""
SCOPE_WORDS = {"mask": "the mask", "bos": "BOS", "bos+mask": "BOS and the mask", "all": "every position"}
WHOLE, ALONE, UNROTATED = "whole model", "circuit", "circuit without RoPE"


def ablation(study: Study) -> Section:
    """Every head and module off, one at a time, at each scope."""
    table = pd.DataFrame(study.ablations[study.ablations.component != "none"])
    summary = means(table, ["scope", "component"], ["logit_drop", "gap_change", "fails"])
    names = [component_name(module) for module in modules(study.shape)]
    fails = grid(summary, "component", "scope", "fails").loc[names]
    masked = rows(summary, scope="mask")
    cost = masked.set_index("component").logit_drop.to_dict()
    ordered = heads_of_layers(study.shape, range(study.shape.n_layers))
    by_head = np.array([cost[str(head)] for head in ordered]).reshape(study.shape.n_layers, study.shape.n_heads)
    worst = max(names, key=lambda name: (fails.loc[name, "mask"], cost[name]))
    rate = masked.set_index("component").fails.to_dict()
    failing = max(map(str, ordered), key=lambda name: (rate[name], cost[name]))
    main = rows(masked, component=str(study.main_head)).iloc[0]
    others = [name for name in names if name != worst and fails.loc[name, "mask"] >= USUAL]
    return Section(
        title="Which parts does the prediction rest on?",
        question="What happens to M at the masked first residue when one attention module, MLP or head is zeroed?",
        reading=(
            "Only sequences where M ranks first are counted. A part is zeroed at the mask alone, at BOS, at both, or "
            "everywhere. A failure is a sequence where M no longer ranks first; a drop is how much M's logit falls."
        ),
        finding=(
            f"At the mask alone, {worst} is the module that matters most: without it M fails in "
            f"{percent(fails.loc[worst, 'mask'])} of sequences. Among heads it is {study.main_head}: M's logit drops "
            f"by {main.logit_drop:.2f}, and M fails in {percent(main.fails)}. The rest of this report calls it the "
            "main head."
        ),
        figures={
            "Failure rate of M without each module, by where it is zeroed.": by_scope(
                {SCOPE_WORDS[scope]: fails[scope].to_numpy() for scope in fails.columns}, names, quantity="failure rate"
            ),
            "Mean change of M's logit without each head, zeroed at the mask alone.": head_heatmap(
                -by_head, quantity="change of M's logit"
            ),
        },
        tables={"ablation": summary, "ablation-by-sequence": table},
        comparisons=Comparison.all(
            zip(
                (*ABLATION, FAILING_HEAD),
                (
                    worst,
                    percent(fails.loc[worst, "mask"]),
                    ", ".join(others) or "none",
                    f"{study.main_head}, {main.logit_drop:.2f}",
                    f"{failing}, {percent(rate[failing])}",
                ),
                strict=True,
            )
        ),
    )


def circuits(study: Study) -> Section:
    """Greedy minimal circuits, per protein and as frequencies."""
    frequencies = pd.DataFrame(
        [
            {"search": search, "scope": scope, "component": component, "needed": share}
            for search in ("modules", "heads")
            for scope in ("mask", "all")
            for component, share in study.necessity(search, scope).items()
        ]
    )
    names = [component_name(module) for module in modules(study.shape)]
    series = {"at the mask": study.necessity("modules", "mask"), "everywhere": study.necessity("modules", "all")}
    at_mask, everywhere = (_commonest_modules(study, scope) for scope in ("mask", "all"))
    heads, strict_heads = (_usual_heads(study, scope) for scope in ("mask", "all"))
    return Section(
        title="What is the least that M needs?",
        question="If whatever M needs least is ablated for good, again and again, what is left when M fails?",
        reading=(
            "A greedy search for each sequence: among all attention modules and MLPs first, then among the heads of "
            "the attention modules that were needed. Bars show in which share of sequences a module could not be "
            "spared, when modules are ablated at the mask alone and when they are ablated at every position."
        ),
        finding=(
            f"Ablating at the mask alone, the commonest minimal set is {{{at_mask}}}; ablating everywhere it is "
            f"{{{everywhere}}}. Heads that most sequences need: {heads} at the mask, {strict_heads} everywhere."
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
        tables={"necessity": frequencies, "circuits": study.circuits},
        comparisons=(
            Comparison.of(MINIMAL_CIRCUIT["heads", "mask"], heads),
            Comparison.of(MINIMAL_CIRCUIT["modules", "all"], everywhere),
            Comparison.of(MINIMAL_CIRCUIT["modules", "mask"], at_mask),
        ),
    )


def composition(study: Study) -> Section:
    """Two heads alone, together, and added."""
    first, second = study.pair
    table = study.survey.table(measures.pair, study.predicting, first=first, second=second, beside=study.mask_mlps)
    mean = means(table.assign(m_first=table.gap > 0), ["kept"], ["gap", "m_first"])
    gap, rate = (mean.set_index("kept")[column].to_dict() for column in ("gap", "m_first"))
    kept = ("neither", str(first), str(second), "both", "added", "whole model")
    found = SuperAdditivity(*(gap[name] for name in kept))
    mean["rescue"] = [found.rescue(value) for value in mean.gap]
    alone, other, both, added = (found.rescue(value) for value in (found.first, found.second, found.both, found.added))
    beside = ", ".join(component_name(mlp) for mlp in study.mask_mlps) or "nothing"
    return Section(
        title="Do the heads need each other?",
        question="Do two heads do more together than each alone, added up?",
        reading=(
            f"At the mask everything is ablated except two heads (beside them: {beside}). 'Merely added' takes both "
            "heads' separate effects on the final residual stream and adds them outside the model; where 'together' "
            "exceeds it, one head reads what the other wrote. Rescue runs from neither head (0%) to the whole model "
            "(100%), from mean M-gaps."
        ),
        finding=(
            f"{first} alone brings back {alone:z.0f}% of the M-gap, {second} alone {other:z.0f}%; together they "
            f"bring back {both:z.0f}%, their separate effects added {added:z.0f}%: "
            f"together is {'more' if both > added + 1 else 'not more'} than added."
        ),
        figures={
            "Mean M-gap with everything else ablated at the mask.": figures.pair(found, str(first), str(second), "M")
        },
        tables={"composition": mean},
        comparisons=Comparison.all(
            zip(
                COMPOSITION,
                (
                    f"{first} in {percent(rate[str(first)])}, {second} in {percent(rate[str(second)])}",
                    f"in {percent(rate['both'])}",
                    f"rescue {both:z.0f}% jointly, {added:z.0f}% added",
                ),
                strict=True,
            )
        ),
    )


def sufficiency(study: Study) -> Section:
    """The circuit kept at some tokens; and what it says inside the protein."""
    circuit = study.circuit
    table = study.survey.table(measures.sufficiency, study.predicting, circuit=circuit)
    scopes = means(table.assign(m_first=table.gap > 0), ["attention_at", "mlps_at"], ["gap", "m_first"])
    kept = scopes.set_index(["attention_at", "mlps_at"]).m_first.to_dict()
    settings = {"circuit": circuit, "residue": study.residues[0], "count": INTERNAL_RESIDUES}
    along = study.survey.table(measures.along, study.long_enough, **settings)
    along["at"] = np.where(along.residue == 0, "first", "inside")
    by_place = means(along.assign(m_first=along.gap > 0), ["condition", "at"], ["gap", "m_first"])
    rate, gap = (by_place.set_index(["condition", "at"])[column].to_dict() for column in ("m_first", "gap"))
    strength = f"mean gap {gap[ALONE, 'first']:.1f}, whole model {gap[WHOLE, 'first']:.1f}"
    at_first, inside = (percent(rate[UNROTATED, at]) for at in ("first", "inside"))
    unrotated = f"M at {at_first} of first and {inside} of internal residues"
    names = ", ".join(component_name(component) for component in circuit)
    return Section(
        title="Is the circuit enough, and does it keep silent elsewhere?",
        question=f"With everything ablated but {{{names}}}, where must these parts work, and what do they say inside?",
        reading=(
            "The circuit is what most sequences need when ablation is everywhere. Rows and columns of the map say at "
            "which positions its attention and its MLPs are kept; everything else is zero. Then the circuit, kept "
            f"everywhere, meets masks at {INTERNAL_RESIDUES} internal residues (from {study.residues[0] + 1} to the "
            "end): M there is over-prediction. 'Without RoPE' removes the rotations of the mask's q and k in the "
            "circuit's heads."
        ),
        finding=(
            f"Kept everywhere, the circuit alone says M in {percent(rate[ALONE, 'first'])} of sequences at the first "
            f"residue ({strength}). Inside, it says M at {percent(rate[ALONE, 'inside'])} of residues, the whole model "
            f"at {percent(rate[WHOLE, 'inside'])}. Without RoPE the circuit says {unrotated}."
        ),
        figures={
            "Mean M-gap at the first residue with the circuit kept at some positions only.": figures.token_scopes(
                scopes, "M"
            ),
            "M-rate at the first residue and inside, and without rotations.": figures.rates(
                {name: (rate[name, "first"], rate[name, "inside"]) for name in (WHOLE, ALONE, UNROTATED)}, 0
            ),
        },
        tables={"token-scopes": scopes, "over-prediction": by_place},
        comparisons=Comparison.all(
            zip(
                SUFFICIENCY,
                (
                    percent(rate[ALONE, "inside"]),
                    percent(rate[WHOLE, "inside"]),
                    strength,
                    unrotated,
                    "M in "
                    + ", ".join(percent(kept["all", at]) for at in ("mask", "bos", "bos+mask"))
                    + " (its attention everywhere)",
                    f"M in {percent(kept['mask', 'bos'])}",
                ),
                strict=True,
            )
        ),
    )


def _usual_heads(study: Study, scope: str) -> str:
    """The heads that most sequences need, in words."""
    needed = study.necessity("heads", scope)
    heads = [str(head) for head in study.heads if needed.get(str(head), 0) >= USUAL]
    return ", ".join(heads) or "none in most sequences"


def _commonest_modules(study: Study, scope: str) -> str:
    """The minimal set of modules that most sequences share, in the model's order."""
    found = rows(study.circuits, search="modules", scope=scope)
    sets = Counter(", ".join(components) for _, components in found.groupby("subject").component)
    return sets.most_common(1)[0][0] if sets else "nothing"
