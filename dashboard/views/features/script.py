"""What the pages of features show, as scripts: the same dictionary, protein and edits."""

from core.alphabet import tokenize
from core.analyses.feature_heads import direct_letters
from core.analyses.protein_features import feature_changes, protein_features
from core.answers.features import change_table, feature_table
from core.features.descriptions import kept_descriptions, labels
from core.features.files import with_kept_dictionaries
from core.figures import features as figures
from core.interventions import Condition, describe, feature_name
from core.proteins.numbering import Numbering
from dashboard.question import Question
from dashboard.script import ROWS, Call, Expression, Script, loading

MOST_DRAWN = 30
"""Features in one heatmap."""
MODEL, TOKENS, PLACES = (Expression(text) for text in ("model", "tokens", "numbering.positions()"))
FIRST_ROWS = f"table.head({ROWS}).to_string()"


def script_of_protein(question: Question, layer: int, picked: int | None, marked: figures.Picked) -> Script:
    """Prints the most specific features of the protein, and draws where they fire."""
    known, kept = Expression(f"known.get({layer})"), "" if picked is None else f", {picked}"
    rows = f"[found.most_specific({MOST_DRAWN}{kept})]"
    steps = _reading(question) | {
        "found": Call(protein_features, (MODEL, TOKENS, layer)),
        "table": Call(feature_table, (Expression("found"), known, PLACES)),
        "names": Call(labels, (layer, Expression(f"found.features{rows}"), known)),
    }
    drawn = (Expression(f"found.activation{rows}"), Expression("names"), PLACES)
    figure = Call(figures.where_they_fire, drawn, {"picked": marked})
    return Script(f"Features of L{layer + 1} in {question.protein.name}", steps, (FIRST_ROWS,), figure)


def script_of_feature(question: Question, layer: int, feature: int) -> Script:
    """Prints where one feature fires most, and draws the letters that it raises and lowers."""
    steps = _reading(question) | {
        "found": Call(protein_features, (MODEL, TOKENS, layer)),
        "slopes": Call(direct_letters, (MODEL, TOKENS, layer, feature, question.residue)),
    }
    activation = f"found.of({feature})"
    printed = (f"numbering.positions()[{activation}.argmax()], {activation}.max()", "slopes")
    title = f"{feature_name(layer, feature)} in {question.protein.name}"
    return Script(title, steps, printed, Call(figures.letters, (Expression("slopes"),)))


def script_of_changes(question: Question, layer: int, condition: Condition) -> Script:
    """Prints and draws the features that `condition` changes most."""
    known, first = Expression(f"known.get({layer})"), f"[:{MOST_DRAWN}]"
    steps = _reading(question) | {
        "clean": Call(protein_features, (MODEL, TOKENS, layer)),
        "edited": Call(protein_features, (MODEL, TOKENS, layer, condition)),
        "changes": Call(feature_changes, (Expression("clean"), Expression("edited"))),
        "table": Call(change_table, (Expression("changes"), known, PLACES)),
        "names": Call(labels, (layer, Expression(f"changes.features{first}"), known)),
    }
    drawn = (Expression(f"changes.change{first}"), Expression("names"), PLACES)
    figure = Call(figures.where_they_fire, drawn, {"change": True})
    return Script(f"Features of L{layer + 1}: {describe(condition)}", steps, (FIRST_ROWS,), figure)


def _reading(question: Question) -> dict[str, Call]:
    """The model with its dictionaries, what is known of their features, and the protein."""
    numbering = question.numbering
    by_author = (numbering.numbers, numbering.by_author) if numbering.differs else ()
    return {
        "model": Call(with_kept_dictionaries, (loading(question.model),)),
        "known": Call(kept_descriptions, (MODEL,)),
        "numbering": Call(Numbering, (numbering.sequence, *by_author)),
        "tokens": Call(tokenize, (Expression("numbering.sequence"),), {"masked": list(question.masked)}),
    }
