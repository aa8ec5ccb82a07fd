"""Questions of the contacts experiment that hold methods against each other, over one set of proteins at a time."""

import numpy as np
import pandas as pd

from core.analyses.contact_evaluation import FEWEST, RECALLS, mean_over_proteins
from core.bootstrap import CONFIDENCE
from core.errors import InputError
from core.experiments.contacts import measures
from core.experiments.contacts.split import JUDGED, RECENT, RELATIVES
from core.experiments.contacts.study import Compared, Study, counted
from core.experiments.report import Comparison, Section
from core.figures import contacts as figures
from core.figures.contacts import Interval
from core.proteins.contact_scores import SEPARATIONS, SEPARATIONS_SAID
from core.proteins.moved_contacts import MOVED_SAID
from core.proteins.relatives import HOMOLOGY_SAID
from core.tables import rows

SIGNIFICANT = 0.05
SUMMARISED = (("long", 1), ("long", 2), ("long", 5), ("medium", 2), ("short", 2))
"""The columns of the short table: separation, and k of P@L/k."""
PAPER = "Protein contacts are already in the attention (2026), 200 proteins of Zhang et al., another set than here"


def precision(study: Study) -> Section:
    """Every method against the truth, and against chance."""
    by_protein = rows(study.judged, measure="precision")
    tables, said = {}, []
    for among in study.comparisons():
        summary = study.summary(among)
        tables[f"precision-summary-{len(among.names)}"] = _summary(summary, among)
        tables[f"precision-{len(among.names)}"] = summary
        said.append(_sentence(summary, among, f"On {counted(len(among.names), 'protein')}"))
    said += [_apart(study, group) for group in (RELATIVES, RECENT) if study.split.groups[group]]
    tables["precision-by-protein"] = by_protein.assign(family=by_protein.subject.map(study.families))
    return Section(
        title="How precise is each method?",
        question="How many of the highest-ranked pairs are contacts?",
        reading=(
            f"Contacts: {_definitions(study, JUDGED)}; pairs that are not resolved are left out. {SEPARATIONS_SAID} "
            "P@L/2 ranks unordered pairs and looks at the first L/2, L residues in the sequence. Methods are compared "
            "on proteins that each of them was measured on: first all methods, then those of one pass on all proteins. "
            f"Means with {CONFIDENCE:.0%} bootstrap intervals over proteins, N in each table. Blind picking finds the "
            f"share of contacts among all pairs. {MOVED_SAID} A method is called above chance where the "
            "interval of its difference from the larger of the two, protein by protein, is. Jacobians know no "
            f"structure and are taken of proteins up to {study.longest} residues; {_who_chose(study)}. Nobody judges "
            "who chose, nor a homologue of one who chose "
            f"or of another who judges ({HOMOLOGY_SAID})."
        ),
        finding=" ".join(said) or _too_few(study),
        figures={
            f"P@L/2 by separation, {counted(len(among.names), 'protein')}; dashed: blind picking.": _bars(study, among)
            for among in study.comparisons()
        },
        tables=tables,
        comparisons=(
            Comparison("P@L/2 long, best single head", "0.249 (L6H5)", PAPER, _ours(study, measures.BEST_HEAD)),
            Comparison("P@L/2 long, Categorical Jacobian", "0.234", PAPER, _ours(study, measures.JACOBIAN)),
        ),
    )


def recall(study: Study) -> Section:
    """Precision–recall curves, over the proteins that all methods share."""
    among = _widest(study)
    table = rows(study.judged, measure="curve", group=JUDGED)
    table = pd.DataFrame(table[table.subject.isin(among.names)])
    curves: dict[str, list[Interval]] = {}
    areas = []
    for method in among.methods:
        wide = {
            column: rows(table, method=method).pivot(index="subject", columns="at", values=column)
            for column in ("value", "moved")
        }
        curves[method] = [_interval(wide["value"][at].to_numpy(), study) for at in wide["value"]]
        area, own = (np.trapezoid(each.to_numpy(), RECALLS, axis=1) for each in wide.values())
        mean, above = mean_over_proteins(area, study.seed), mean_over_proteins(area - own, study.seed)
        areas.append((method, mean.n, mean.mean, mean.low, mean.high, own.mean(), above.mean, above.low, above.high))
    columns = ["method", "n", "area", "low", "high", "moved", "above", "above_low", "above_high"]
    summary = pd.DataFrame(areas, columns=columns)
    chance = rows(study.summary(among), per=2, separation="long").chance.mean()
    points = pd.DataFrame(
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
            f"averaged over {counted(len(among.names), 'protein')} that all of these methods were measured on; bands "
            f"are {CONFIDENCE:.0%} bootstrap intervals. Dashed: the share of contacts. The best precision at a recall "
            "is above that by itself: each area stands beside the same map's with the contacts moved along the chain."
        ),
        finding=(
            f"Mean area under the curve, {counted(len(among.names), 'protein')}: "
            + ", ".join(
                f"{row['method']} {row['area']:.3f} [{row['low']:.3f}, {row['high']:.3f}] "
                f"(contacts moved: {row['moved']:.3f})"
                for row in summary.to_dict(orient="records")
            )
            + f". {_above(summary)}"
        ),
        figures={"Precision and recall, long range.": figures.precision_recall(RECALLS, curves, chance)},
        tables={"precision-recall-area": summary, "precision-recall": points},
    )


def wins(study: Study) -> Section:
    """Every two methods on the same proteins."""
    among = _widest(study)
    methods, n_proteins = list(among.methods), counted(len(among.names), "protein")
    rate = np.full((len(methods),) * 2, np.nan)
    duels = study.duels(among)
    for duel in duels:
        i, j = methods.index(duel.first), methods.index(duel.second)
        rate[i, j], rate[j, i] = duel.result.rate, 1 - duel.result.rate
    clear = "; ".join(str(duel) for duel in duels if duel.adjusted < SIGNIFICANT)
    n = np.where(np.eye(len(methods), dtype=bool), 0, len(among.names))
    return Section(
        title="Which method is better on the same protein?",
        question="In which share of proteins does one method find more long-range contacts among its L/2 best pairs?",
        reading=(
            f"Rows against columns over the same {n_proteins}, ties counted half. The table adds the mean difference "
            "with its bootstrap interval and a two-sided sign test on proteins that are not ties, adjusted for the "
            f"{len(duels)} pairs of methods (Benjamini and Hochberg)."
        ),
        finding=(
            f"By the sign test over {n_proteins} (adjusted p < {SIGNIFICANT}): "
            f"{clear or 'no difference between any two is shown'}."
        ),
        figures={"Win rates, long-range P@L/2.": figures.win_rates(methods, rate, n)},
        tables={"win-rates": pd.DataFrame([duel.row() for duel in duels])},
    )


def _widest(study: Study) -> Compared:
    """The set of proteins with most methods; `InputError` where none has six."""
    found = study.comparisons()
    if not found:
        raise InputError(_too_few(study))
    return found[0]


def _too_few(study: Study) -> str:
    n = counted(len(study.split.judged), "protein")
    return f"No finding: {n} judged, and methods are compared on at least {FEWEST}; the tables hold each."


def _sentence(summary: pd.DataFrame, among: Compared, where: str) -> str:
    long = rows(summary, separation="long", per=2).sort_values("mean", ascending=False)
    listed = ", ".join(
        f"{row['method']} {row['mean']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
        for row in long.to_dict(orient="records")
    )
    return f"{where}, long range, P@L/2: {listed}; blind picking {long.chance.mean():.3f}. {_above(long)}"


def _above(table: pd.DataFrame) -> str:
    """Which methods are above chance, for people."""
    above = [
        f"{row['method']} (by {row['above']:.3f} [{row['above_low']:.3f}, {row['above_high']:.3f}])"
        for row in table.to_dict(orient="records")
        if row["above_low"] > 0
    ]
    rest = [row["method"] for row in table.to_dict(orient="records") if not row["above_low"] > 0]
    said = f"Above chance: {', '.join(above)}." if above else ""
    return f"{said} Not shown to be: {', '.join(rest)}.".strip() if rest else said


def _apart(study: Study, group: str) -> str:
    """What a group that is counted apart shows, its proteins by name."""
    proteins = study.split.groups[group]
    if group == RELATIVES:
        listed = ", ".join(f"{name} ({study.families[name]})" for name in proteins)
        which = f"{counted(len(proteins), 'protein')} of families that the model was trained on, {listed}"
    else:
        which = f"{counted(len(proteins), 'recent structure')} ({_definitions(study, group)})"
    for among in study.comparisons(group)[-1:]:
        where = "" if len(among.names) == len(proteins) else f"; on {len(among.names)} of them"
        return _sentence(study.summary(among, group), among, f"Counted apart, {which}{where}")
    return f"Counted apart: {which}; fewer than {FEWEST}, so without a mean."


def _definitions(study: Study, group: str) -> str:
    return "; ".join(sorted({protein.definition for protein in study.split.groups[group].values()}))


def _who_chose(study: Study) -> str:
    strength = float(study.fitted_probe.strength.iloc[0])
    weights = study.fitted_probe.weight.to_numpy()[:-1]
    said = (
        f"best heads and fitted probe know the {len(study.split.choosing)} proteins that choose; the probe's penalty, "
        f"C = {strength:g}, was chosen there by cross-validation and leaves {int((weights != 0).sum())} of "
        f"{len(weights)} heads a weight"
    )
    if measures.CONTACT_HEAD not in study.methods:
        return said
    if not study.seen:
        return f"{said}; what the model's own contact head was fitted on is not known"
    fitted_on = counted(len(study.seen), "structure")
    return f"{said}; the model's own contact head was fitted on {fitted_on}, none of them judged here"


def _summary(summary: pd.DataFrame, among: Compared) -> pd.DataFrame:
    """One row a method, and chance: what a reader wants first."""
    table = {"method": [*among.methods, "blind picking"]}
    for separation, per in SUMMARISED:
        found = rows(summary, separation=separation, per=per).set_index("method").loc[list(among.methods)]
        cells = [f"{row['mean']:.3f} [{row['low']:.3f}, {row['high']:.3f}]" for row in found.to_dict(orient="records")]
        table[f"{separation}, P@L/{per}".replace("/1", "")] = [*cells, f"{found.chance.mean():.3f}"]
    long = rows(summary, separation="long", per=2).set_index("method").loc[list(among.methods)]
    table["long, P@L/2, contacts moved"] = [*(f"{value:.3f}" for value in long.moved), ""]
    return pd.DataFrame(table).assign(N=len(among.names))


def _bars(study: Study, among: Compared):
    summary = rows(study.summary(among), per=2)
    return figures.method_bars(
        {
            method: {
                row["separation"]: Interval(row["mean"], row["low"], row["high"])
                for row in found.to_dict(orient="records")
            }
            for method in among.methods
            for found in [rows(summary, method=method)]
        },
        {separation: rows(summary, separation=separation).chance.mean() for separation in SEPARATIONS},
        "P@L/2",
    )


def _interval(values: np.ndarray, study: Study) -> Interval:
    mean = mean_over_proteins(values, study.seed)
    return Interval(mean.mean, mean.low, mean.high)


def _ours(study: Study, method: str) -> str:
    """A method's mean on the set with most proteins that it was measured on."""
    sets = [among for among in study.comparisons() if method in among.methods]
    if not sets:
        return f"not measured on {FEWEST} proteins"
    among = max(sets, key=lambda each: len(each.names))
    return str(mean_over_proteins(study.values()[method].loc[list(among.names)].to_numpy(), study.seed))
