"""All substitutions at a glance: the heatmap of ratios, its data, and the script that computes it."""

import numpy as np
import pandas as pd

from core.analyses.substitutions import Marginal, Substitutions, substitutions
from core.analyses.variant_evidence import without_evidence
from core.answers.calibration import kept_calibration
from core.answers.verdict_words import ratio_words
from core.figures import variants as figures
from dashboard.page_parts import draw
from dashboard.question import Question
from dashboard.script import ROWS, Call, Expression, Script, loading
from dashboard.views.variants.support import known_support, known_verdicts

MARGINALS: dict[Marginal, str] = {"masked": "Masked marginals", "wild type": "Wild-type marginals"}
HOW: dict[Marginal, str] = {
    "masked": "Each residue is masked alone and read there.",
    "wild type": "All residues are read at once in the unmasked protein, where each sees itself: a fast first picture.",
}


def heatmap_of_ratios(question: Question, found: Substitutions, hatched: tuple[int, ...] | None) -> None:
    names = question.numbering.names()
    said = f"**{MARGINALS[found.marginal]}.** {HOW[found.marginal]} Blue: less likely than the protein's own letter, "
    said += "which a dot marks; red: likelier. Drag to zoom in, double-click to see all."
    if hatched is not None:
        said += f" Hatched: {len(hatched)} of {len(names)} residues where the order of the other residues does not "
        said += "speak for the protein's own letter more than a random order of them would." + _counted(question)
    draw(
        figures.ratios(found.ratios, found.sequence, names, hatched or ()), said, "ratios", _everything(question, found)
    )


def _counted(question: Question) -> str:
    verdicts = known_verdicts(question)
    assert verdicts is not None
    counts, words = verdicts.verdict.value_counts(), ratio_words(kept_calibration(question.model))
    listed = ", ".join(f"{counts.get(verdict, 0):,} {said}" for verdict, said in words.items())
    return f" Of {len(verdicts):,} masked-marginal ratios: {listed}."


def _everything(question: Question, found: Substitutions) -> pd.DataFrame:
    """Every substitution, its residue's mean ratio and, where that was asked for, what the ratio rests on."""
    table = named(found)
    table["marginal"] = found.marginal
    table["mean_of_residue"] = found.mean[table.residue]
    support, verdicts = known_support(question), known_verdicts(question)
    if support is not None and verdicts is not None:
        table = table.merge(verdicts, on=["residue", "letter"])
        table["evidence_at_residue"] = ~table.residue.isin(without_evidence(support))
    names = np.array(question.numbering.names())
    return table.assign(residue=names[table.residue])


def named(found: Substitutions) -> pd.DataFrame:
    """Every substitution, and beside it how people write it: A23V."""
    table = found.table
    return table.assign(variant=table.own + (table.residue + 1).astype(str) + table.letter)


def script_of(question: Question, marginal: Marginal, hatched: tuple[int, ...] | None) -> Script:
    steps = {
        "model": loading(question.model),
        "found": Call(substitutions, (Expression("model"), question.protein.sequence, marginal)),
    }
    parts = (Expression("found.ratios"), Expression("found.sequence"), question.numbering.names(), hatched or ())
    title = f"{MARGINALS[marginal]} on {question.model.name}"
    return Script(title, steps, (f"found.table.head({ROWS}).to_string()",), Call(figures.ratios, parts))
