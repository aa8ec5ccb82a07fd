"""The page's run as a script: the same model, protein and interventions, clean beside edited."""

from core.alphabet import tokenize
from core.analyses.exploration import view_run
from core.analyses.prediction import prediction
from core.features.files import with_kept_dictionaries
from core.figures.explore import Readout, prediction_bars
from core.interventions import ClampFeature, Condition, Head, ScaleFeature, describe
from core.metrics import Target
from core.model import Model
from dashboard.question import Question
from dashboard.script import Call, Expression, Script, loading

RUNS = {"before": "clean", "after": "edited"}


def script_of(
    question: Question, condition: Condition, head: Head, target: Target, readout: Readout = "probability"
) -> Script:
    """Prints the target's gap and rank at the residue read, clean and under `condition`; draws what the page does."""
    tokens = Call(tokenize, (question.protein.sequence,), {"masked": list(question.masked)})
    steps = {"model": loading_for(question.model, condition), "tokens": tokens}
    shared, looked_at = (Expression("model"), Expression("tokens")), {"residue": question.residue, "head": head}
    for run, made in (("clean", ()), ("edited", condition)):
        steps[run] = Call(view_run, (*shared, made), looked_at)
    for found, run in RUNS.items():
        steps[found] = Call(prediction, (Expression(f"{run}.logits"), target))
    letter = target.letter
    printed = tuple(
        f'f"{run:7} {letter} gap {{{found}.target_gap:+.4f}}, rank {{{found}.target_rank}}"'
        for found, run in RUNS.items()
    )
    edited = Expression("after") if condition else None
    bars = Call(prediction_bars, (Expression("before"), edited, letter, readout))
    return Script(f"{question.residue_label}: {describe(condition)}", steps, printed, bars)


def loading_for(model: Model, condition: Condition) -> Call:
    """The call that loads a model with what `condition` needs of it."""
    changes_features = any(isinstance(part, ScaleFeature | ClampFeature) for part in condition)
    return Call(with_kept_dictionaries, (loading(model),)) if changes_features else loading(model)
