"""Questions of the contacts experiment about heads, labels, Jacobians and probabilities, answered."""

import numpy as np
import pandas as pd

from core.analyses.contact_calibration import N_BINS
from core.analyses.contact_evaluation import FEWEST, Mean, mean_over_proteins
from core.analyses.head_ranking import mean_chance
from core.analyses.map_agreement import MOVED
from core.bootstrap import CONFIDENCE
from core.errors import InputError
from core.experiments.contacts import measures
from core.experiments.contacts.study import BUDGET_DRAWS, Study, counted
from core.experiments.report import Section
from core.figures import contacts as figures
from core.figures.contacts import Interval
from core.figures.style import head_heatmap
from core.proteins.contact_scores import SEPARATIONS, SEPARATIONS_SAID
from core.proteins.moved_contacts import MOVED_SAID
from core.tables import rows

N_SHOWN = 20


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
    chance = pd.DataFrame(
        [
            {
                "separation": separation,
                "proteins": len(ranking.proteins),
                "best head": str(ranking.heads(1, separation)[0]),
                "its precision": ranking.grid(separation).max(),
                "best chance head, median": null.best[0],
                "best chance head, 95% point": null.best[1],
                "blind picking": ranking.chance[separation],
                "heads that share it": ranking.n_contact_heads(separation),
                "chance heads, median": null.n_contact_heads[0],
                "chance heads, 5% point": null.n_contact_heads[1],
            }
            for separation in SEPARATIONS
            for null in [ranking.chance_heads[separation]]
        ]
    )
    return Section(
        title="Which heads see contacts?",
        question="How many of the L/2 highest pairs of each head's own attention map are contacts?",
        reading=(
            "Attention is made symmetric (A + Aᵀ) and corrected by its row and column sums (APC). Precision is "
            f"averaged over the {len(ranking.proteins)} proteins that choose ({ranking.definition}). "
            f"{SEPARATIONS_SAID} {MOVED_SAID} The best of many heads is above blind picking by selection alone, so it "
            "is held against the best of as many chance heads. How many heads share what is above chance is the "
            "exponential of the entropy of their shares: 1 when one head has it all; noise gives a number too, which "
            "stands beside it."
        ),
        finding=ranking.finding(),
        figures={
            "Long-range P@L/2 of every head.": head_heatmap(
                ranking.grid(), quantity="P@L/2, long range", diverging=False
            ),
            f"The {len(best)} best heads; dashed: blind picking; dotted: what the best chance head passes in 5%.": (
                figures.best_heads(
                    [str(head) for head in best],
                    np.array([ranking.grid()[head.layer, head.index] for head in best]),
                    ranking.chance["long"],
                    ranking.chance_heads["long"].best[1],
                )
            ),
        },
        tables={"chance-heads": chance, "heads": table},
    )


def how_many(study: Study) -> Section:
    """The sweep over K."""
    table = study.judged_sweep
    chosen_on = np.array(study.ranking.k_sweep)
    by_k = table.pivot(index="subject", columns="k", values="precision")
    means = [mean_over_proteins(by_k[k].to_numpy(), study.seed) for k in by_k]
    chance = mean_chance(study.split.judged.values())
    best, n_choosing = study.ranking.best_k, len(study.split.choosing)
    summary = pd.DataFrame(means).assign(k=np.arange(1, len(chosen_on) + 1), chosen_on=chosen_on)
    gain = mean_over_proteins((by_k[best] - by_k[1]).to_numpy(), study.seed)
    finding = (
        f"K = {best} is best on the {n_choosing} proteins that chose it ({chosen_on[best - 1]:.3f} there, by choice "
        f"too high). On the others it gives {means[best - 1]}; the best head alone gives {means[0]}; blind picking "
        f"{chance:.3f}."
    )
    if best > 1:
        finding += f" Averaging {_changes(gain)} ({gain})."
    return Section(
        title="How many heads to average?",
        question="What does the average of the K best heads find, for each K?",
        reading=(
            "Heads are ranked on the proteins that choose, and K is chosen there too; the blue curve is on the "
            f"{counted(len(by_k), 'protein')} that judge, with a {CONFIDENCE:.0%} bootstrap interval over proteins."
        ),
        finding=finding if len(by_k) >= FEWEST else _too_few(len(by_k)),
        figures={
            "Long-range P@L/2 by number of heads; dashed: blind picking on the proteins that judge.": figures.k_sweep(
                chosen_on, chance, [Interval(each.mean, each.low, each.high) for each in means]
            )
        },
        tables={"k-sweep": summary, "k-sweep-by-protein": table},
    )


def labels(study: Study) -> Section:
    """The sweep over how many labelled proteins heads are chosen on."""
    table = study.label_budgets
    by_budget = table.pivot(index="subject", columns="n_labels", values="precision")
    means = {n: mean_over_proteins(by_budget[n].to_numpy(), study.seed) for n in by_budget}
    chance = mean_chance(study.split.judged.values())
    most = max(means)
    gains = {n: mean_over_proteins((by_budget[most] - by_budget[n]).to_numpy(), study.seed) for n in means if n < most}
    worse, others = (
        ", ".join(
            f"{n} (by {gain.mean:z.3f} [{gain.low:z.3f}, {gain.high:z.3f}])"
            for n, gain in gains.items()
            if (gain.low > 0) is is_worse
        )
        for is_worse in (True, False)
    )
    finding = (
        f"On the same {counted(len(by_budget), 'protein')}: "
        + ", ".join(f"{n} labelled {mean.mean:.3f} [{mean.low:.3f}, {mean.high:.3f}]" for n, mean in means.items())
        + f"; blind picking {chance:.3f}."
        + (f" Worse than {most}: {worse}." if worse else "")
        + (f" Not shown to be{'' if worse else f' worse than {most}'}: {others}." if others else "")
    )
    summary = pd.DataFrame(means.values()).assign(n_labels=list(means), chance=chance)
    return Section(
        title="How many labelled proteins are needed?",
        question="What do heads find on other proteins, chosen on 1, 2, 5 … labelled ones?",
        reading=(
            f"Heads and K are chosen on {BUDGET_DRAWS} random draws of so many of the {len(study.split.choosing)} "
            "proteins that choose (a single one for all of them), and judged as long-range P@L/2 on the same others; "
            f"a protein's value is its mean over the draws, intervals are {CONFIDENCE:.0%} bootstrap over proteins."
        ),
        finding=finding if len(by_budget) >= FEWEST else _too_few(len(by_budget)),
        figures={
            "Long-range P@L/2 by number of labelled proteins; dashed: blind picking.": figures.label_budgets(
                list(means), [Interval(each.mean, each.low, each.high) for each in means.values()], chance
            )
        },
        tables={"labels": summary, "labels-by-protein": table},
    )


def calibration(study: Study) -> Section:
    """What the contact head's probabilities are worth."""
    found = study.calibration
    n_pairs, n_contacts = np.array(found.n_pairs), np.array(found.n_contacts)
    table = pd.DataFrame(
        {
            "from": np.arange(N_BINS) / N_BINS,
            "pairs": n_pairs,
            "contacts": n_contacts,
            "calibrated": found.precision,
        }
    )
    return Section(
        title="What is a contact probability worth?",
        question="Of the pairs that the model's own contact head gives a probability, what share are contacts?",
        reading=(
            f"All known pairs six or more residues apart of {counted(len(found.proteins), 'protein')} that the head "
            f"was not fitted on ({found.definition}). On the diagonal a probability means what it says. Calibrated: "
            "isotonic regression, which only rises. The Brier score is the mean squared error; lower is better."
        ),
        finding=found.finding(),
        figures={"Share of contacts by contact probability, in tenths.": figures.reliability(n_pairs, n_contacts)},
        tables={"calibration": table},
    )


def jacobian_agreement(study: Study) -> Section:
    """The cheap Jacobian, and the representation Jacobian, beside the categorical one."""
    found = rows(study.judged, measure="agreement", group="judged")
    if not len(found):
        raise InputError(f"no protein of at most {study.longest} residues to compare Jacobians on")
    by_protein: pd.DataFrame = found.pivot(index="subject", columns=["method", "kind"], values="value")
    n, said = len(by_protein), []
    values = study.values()
    for method in dict.fromkeys(found.method):
        correlation, shared = (
            _beyond_chance(rows(found, method=method, kind=kind), study.seed)
            for kind in (measures.RANK_CORRELATION, measures.TOP_L_SHARED)
        )
        less = mean_over_proteins(np.asarray(values[method] - values[measures.JACOBIAN]), study.seed)
        said.append(
            f"{method[0].upper()}{method[1:]}: rank correlation {correlation}; shared among the L highest pairs "
            f"{shared}; its long-range P@L/2 minus the full one's {less}."
        )
    table = by_protein.set_axis([f"{method}, {kind}" for method, kind in by_protein.columns], axis=1).reset_index()
    return Section(
        title="Do Jacobians agree?",
        question=(
            f"Does mutating to {', '.join(measures.CHEAP)} alone, a quarter of the passes, give the map of the full "
            "Categorical Jacobian, and does a Jacobian of hidden states, where one was taken?"
        ),
        reading=(
            f"Spearman's correlation over pairs six or more residues apart, and the share of the L highest pairs that "
            f"both maps have, protein by protein; means over the {counted(n, 'protein')} of at most {study.longest} "
            "residues with bootstrap intervals. Chance: one of the maps moved along the chain by a random share, "
            f"{MOVED} times, so that both still fall with the separation."
        ),
        finding=" ".join(said) if n >= FEWEST else _too_few(n),
        tables={"jacobian-agreement": table},
    )


def _beyond_chance(table: pd.DataFrame, seed: int) -> str:
    """A mean over proteins, and by how much it is above its own chance."""
    value, chance = table["value"].to_numpy(), table.chance.to_numpy()
    return f"{mean_over_proteins(value, seed)} (above chance by {mean_over_proteins(value - chance, seed)})"


def _changes(gain: Mean) -> str:
    return "helps" if gain.low > 0 else "costs" if gain.high < 0 else "is not shown to change that"


def _too_few(n: int) -> str:
    return f"No finding: {counted(n, 'protein')} judged, and {FEWEST} are the fewest for one; the tables hold each."
