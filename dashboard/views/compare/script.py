"""The page's runs as a script: both models, proteins and edits, and what each predicts."""

from core.alphabet import tokenize
from core.analyses.exploration import run_logits
from core.analyses.prediction import prediction
from core.figures.comparison import predictions
from core.figures.explore import Readout
from core.metrics import Among
from dashboard.script import Call, Expression, Script
from dashboard.views.compare.sides import Pair
from dashboard.views.explore.script import loading_for


def script_of(pair: Pair, among: Among, readout: Readout = "probability") -> Script:
    """Prints the target's gap and rank on both sides, and draws both predictions."""
    steps: dict[str, Call] = {}
    for side in pair.sides:
        question, name = side.question, side.name.lower()
        model, tokens, logits = f"model_{name}", f"tokens_{name}", f"logits_{name}"
        read = Expression(f"{logits}[{question.residue + 1}]")
        steps[model] = loading_for(question.model, side.condition)
        steps[tokens] = Call(tokenize, (question.protein.sequence,), {"masked": list(question.masked)})
        steps[logits] = Call(run_logits, (Expression(model), Expression(tokens), side.condition))
        steps[name] = Call(prediction, (read, side.target(among)))
    printed = tuple(
        f'f"{side.name} {side.question.letter} gap {{{name}.target_gap:+.4f}}, rank {{{name}.target_rank}}"'
        for name, side in zip(("a", "b"), pair.sides, strict=True)
    )
    proteins = " beside ".join(side.question.protein.name for side in pair.sides)
    return Script(proteins, steps, printed, Call(predictions, (Expression("a"), Expression("b"), readout)))
