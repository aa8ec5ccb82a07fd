"""The questions of the contacts experiment, answered."""

import numpy as np
import pandas as pd

from core.analyses.contact_evaluation import CONFIDENCE, RECALLS, mean_over_proteins
from core.analyses.head_ranking import mean_chance
from core.errors import InputError
from core.experiments.contacts import measures
from core.experiments.contacts.study import Study, counted
from core.experiments.report import Comparison, Section
from core.figures import contacts as figures
from core.figures.contacts import Interval
from core.figures.style import head_heatmap
from core.proteins.contact_scores import SEPARATIONS, SEPARATIONS_SAID
from core.tables import rows

N_SHOWN = 20
SIGNIFICANT = 0.05
SUMMARISED = (("long", 1), ("long", 2), ("long", 5), ("medium", 2), ("short", 2))
"""The columns of the short table: separation, and k of P@L/k."""
PAPER = "Protein contacts are already in the attention (2026), 200 proteins of Zhang et al."


def heads(study: Study) -> Section:
    """Every head's own map, on the proteins that choose."""
    ranking = study.ranking
    best = ranking.heads(N_SHOWN)
    table = pd.DataFrame(
        [
            {
                "name": str(head),
                "layer": head.layer,
                "head": head.index,
                **{f"{separation}": ranking.grid(separation)[head.layer, head.index] for separation in SEPARATIONS},
            }
            for head in ranking.heads()
        ]
    )
    top = table.iloc[0]
    return Section(
        title="Which heads see contacts?",
        question="How many of the L/2 highest pairs of each head's own attention map are contacts?",
        reading=(
            "Attention is made symmetric (A + Aᵀ) and corrected by its row and column sums (APC). Precision is "
            f"averaged over the {len(ranking.proteins)} proteins that choose ({ranking.definition}). The effective "
            "number of contact heads is the exponential of the entropy of the heads' shares of precision above chance: "
            "1 when one head has it all."
        ),
        finding=(
            f"The best head is {top['name']}, {top['long']:.3f} for long-range contacts where chance is "
            f"{ranking.chance['long']:.3f}. Contacts are spread over about {ranking.n_contact_heads():.1f} of "
            f"{len(table)} heads (long range; {ranking.n_contact_heads('medium'):.1f} medium, "
            f"{ranking.n_contact_heads('short'):.1f} short)."
        ),
        figures={
            "Long-range P@L/2 of every head.": head_heatmap(
                ranking.grid(), quantity="P@L/2, long range", diverging=False
            ),
            f"The {len(best)} best heads; dashed: chance.": figures.best_heads(
                [str(head) for head in best],
                np.array([ranking.grid()[head.layer, head.index] for head in best]),
                ranking.chance["long"],
            ),
        },
        tables={"heads": table},
    )


def how_many(study: Study) -> Section:
    """The sweep over K."""
    table = study.judged_sweep
    chosen_on = np.array(study.ranking.k_sweep)
    intervals = [_interval(rows(table, k=k).precision, study) for k in range(1, len(chosen_on) + 1)]
    chance = mean_chance(study.split.judged.values())
    best = study.ranking.best_k
    elsewhere = int(np.argmax([interval.mean for interval in intervals])) + 1
    summary = pd.DataFrame(intervals).assign(k=np.arange(1, len(chosen_on) + 1), chosen_on=chosen_on)
    return Section(
        title="How many heads to average?",
        question="What does the average of the K best heads find, for each K?",
        reading=(
            "Heads are ranked on the proteins that choose, and K is chosen there too; the blue curve is on the other "
            f"proteins, with a {CONFIDENCE:.0%} bootstrap interval over proteins."
        ),
        finding=(
            f"K = {best} is best where heads were chosen ({chosen_on[best - 1]:.3f}) and gives "
            f"{intervals[best - 1].mean:.3f} on the others, where chance is {chance:.3f}; the best K there, seen "
            f"afterwards, would be {elsewhere} ({intervals[elsewhere - 1].mean:.3f})."
        ),
        figures={
            "Long-range P@L/2 by number of heads; dashed: chance on the other proteins.": figures.k_sweep(
                chosen_on, chance, intervals
            )
        },
        tables={"k-sweep": summary, "k-sweep-by-protein": table},
    )


def precision(study: Study) -> Section:
    """Every method against the truth, and against chance."""
    summary = study.summary()
    common = rows(summary, common=True, per=2)
    shown = common if common.n.max() >= 2 else rows(summary, common=False, per=2)
    long = rows(shown, separation="long").set_index("method")
    by_protein = rows(study.judged, measure="precision")
    tables = {
        "precision-summary": _summary(study, rows(summary, common=bool(shown.common.iloc[0]))),
        "precision": summary,
        "precision-by-protein": by_protein.assign(family=by_protein.subject.map(study.families)),
    }
    relatives = ""
    if study.split.relatives:
        tables["precision-relatives"] = study.summary("relatives")
        listed = ", ".join(f"{name} ({study.families[name]})" for name in study.split.relatives)
        relatives = (
            f" Counted apart, in the table's last column: {counted(len(study.split.relatives), 'protein')} of families "
            f"that the model was trained on, {listed}."
        )
    ordered = sorted(study.methods, key=lambda method: -long.loc[method, "mean"])
    definitions = sorted({protein.definition for protein in study.split.judged.values()})
    return Section(
        title="How precise is each method?",
        question="How many of the highest-ranked pairs are contacts?",
        reading=(
            f"Contacts: {'; '.join(definitions)}; pairs that are not resolved are left out. {SEPARATIONS_SAID} "
            "P@L/2 ranks unordered pairs and looks at the first L/2, L residues "
            f"in the sequence. Means over {counted(int(long.n.max()), 'protein')} that every method was measured on, "
            f"{CONFIDENCE:.0%} bootstrap intervals over proteins; chance is the share of contacts among all pairs. "
            f"Jacobians know no structure and are taken of proteins up to {study.longest} residues; best heads and "
            f"fitted probe know the {len(study.split.choosing)} that choose{_own_head(study)}."
        ),
        finding=(
            "Long range, P@L/2: "
            + ", ".join(f"{method} {_interval_of(long, method)}" for method in ordered)
            + f"; chance {long.chance.mean():.3f}.{relatives}"
        ),
        figures={
            "P@L/2 of every method by separation; dashed: chance.": figures.method_bars(
                {
                    method: {
                        separation: Interval(*shown_row[["mean", "low", "high"]])
                        for separation in SEPARATIONS
                        for _, shown_row in rows(shown, method=method, separation=separation).iterrows()
                    }
                    for method in study.methods
                },
                {separation: rows(shown, separation=separation).chance.mean() for separation in SEPARATIONS},
                "P@L/2",
            )
        },
        tables=tables,
        comparisons=(
            Comparison("P@L/2 long, best single head", "0.249 (L6H5)", PAPER, _mean(long, measures.BEST_HEAD)),
            Comparison("P@L/2 long, Categorical Jacobian", "0.234", PAPER, _mean(long, measures.JACOBIAN)),
        ),
    )


def _own_head(study: Study) -> str:
    if measures.CONTACT_HEAD not in study.methods:
        return ""
    if not study.seen:
        return "; what the model's own contact head was fitted on is not known"
    fitted_on = counted(len(study.seen), "structure")
    return f"; the model's own contact head was fitted on {fitted_on}, none of them judged here"


def _summary(study: Study, summary: pd.DataFrame) -> pd.DataFrame:
    """One row a method, and chance: what a reader wants first."""
    shown = {f"{separation}, P@L/{per}".replace("/1", ""): (separation, per) for separation, per in SUMMARISED}
    found = {
        title: rows(summary, separation=separation, per=per).set_index("method")
        for title, (separation, per) in shown.items()
    }
    table = pd.DataFrame(
        {
            "method": [*study.methods, "chance"],
            **{
                title: [*(_interval_of(each, method) for method in study.methods), f"{each.chance.mean():.3f}"]
                for title, each in found.items()
            },
        }
    )
    if study.split.relatives:
        apart = rows(study.summary("relatives"), common=False, per=2, separation="long").set_index("method")
        relatives = counted(len(study.split.relatives), "relative")
        values = [f"{apart['mean'][method]:.3f}" for method in study.methods]
        table[f"long, P@L/2, {relatives}"] = [*values, f"{apart.chance.mean():.3f}"]
    return table


def recall(study: Study) -> Section:
    """Precision–recall curves."""
    table = rows(study.judged, measure="curve", group="judged", separation="long")
    curves = {
        method: [_interval(rows(found, at=at).value, study) for at in RECALLS]
        for method in study.methods
        if len(found := rows(table, method=method))
    }
    means = {method: [interval.mean for interval in curve] for method, curve in curves.items()}
    areas = {method: float(np.trapezoid(mean, RECALLS)) for method, mean in means.items()}
    chance = rows(study.summary(), common=False, per=2, separation="long").chance.mean()
    summary = pd.DataFrame(
        [
            {"method": method, "recall": at, **interval._asdict()}
            for method, curve in curves.items()
            for at, interval in zip(RECALLS, curve, strict=True)
        ]
    )
    return Section(
        title="How far down the list are contacts found?",
        question="What precision does each method keep, the more of the long-range contacts it has to find?",
        reading=(
            "At each recall, the best precision at which at least that share of a protein's contacts is found, "
            f"averaged over proteins; bands are {CONFIDENCE:.0%} bootstrap intervals."
        ),
        finding="Area under the mean curve: " + ", ".join(f"{m} {area:.3f}" for m, area in areas.items()) + ".",
        figures={"Precision and recall, long range.": figures.precision_recall(RECALLS, curves, chance)},
        tables={"precision-recall": summary},
    )


def wins(study: Study) -> Section:
    """Every two methods on the same proteins."""
    methods = list(study.methods)
    rate, n = np.full((len(methods),) * 2, np.nan), np.zeros((len(methods),) * 2, dtype=int)
    duels = study.duels()
    for duel in duels:
        i, j = methods.index(duel.first), methods.index(duel.second)
        rate[i, j], rate[j, i] = duel.result.rate, 1 - duel.result.rate
        n[i, j] = n[j, i] = duel.result.difference.n
    clear = "; ".join(str(duel) for duel in duels if duel.result.p_value < SIGNIFICANT)
    return Section(
        title="Which method is better on the same protein?",
        question="In which share of proteins does one method find more long-range contacts among its L/2 best pairs?",
        reading=(
            "Rows against columns, ties counted half. The table adds the mean difference with its bootstrap interval "
            "and a two-sided sign test on proteins that are not ties; no correction for the number of pairs."
        ),
        finding=f"By the sign test (p < {SIGNIFICANT}): {clear or 'no difference between any two'}.",
        figures={"Win rates, long-range P@L/2.": figures.win_rates(methods, rate, n)},
        tables={"win-rates": pd.DataFrame([duel.row() for duel in duels])},
    )


def cheap(study: Study) -> Section:
    """The cheap Jacobian beside the full one."""
    found = rows(study.judged, measure="agreement", group="judged")
    if not len(found):
        raise InputError(f"no protein of at most {study.longest} residues to compare the two on")
    values = found.pivot(index="subject", columns="method", values="value")
    correlation = mean_over_proteins(values["rank correlation"].to_numpy(), study.seed)
    shared = mean_over_proteins(values["top L shared"].to_numpy(), study.seed)
    long = rows(study.summary(), common=False, per=2, separation="long").set_index("method")
    return Section(
        title="How good is the cheap Jacobian?",
        question=f"Does mutating to {', '.join(measures.CHEAP)} alone, a quarter of the passes, give the same map?",
        reading=(
            "Spearman's correlation over pairs six or more residues apart, and the share of the L highest pairs that "
            "both maps have; means over proteins with bootstrap intervals."
        ),
        finding=(
            f"Rank correlation {correlation}; shared among the L highest pairs {shared}. Long-range P@L/2 is "
            f"{_mean(long, measures.CHEAP_JACOBIAN)} where the full one has {_mean(long, measures.JACOBIAN)}."
        ),
        tables={"cheap-jacobian": values.reset_index()},
    )


def _interval(values: pd.Series, study: Study) -> Interval:
    mean = mean_over_proteins(values.to_numpy(), study.seed)
    return Interval(mean.mean, mean.low, mean.high)


def _interval_of(table: pd.DataFrame, method: str) -> str:
    row = table.loc[method]
    return f"{row['mean']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"


def _mean(table: pd.DataFrame, method: str) -> str:
    if method not in table.index:
        return "not measured"
    return f"{_interval_of(table, method)} ({counted(int(table.loc[method]['n']), 'protein')})"
