"""The two sides of a comparison, as data: what each asks, one run of it, and which residues and heads correspond."""

from dataclasses import dataclass, replace
from typing import Any, Final

from core.analyses.comparison import heads_correspond
from core.analyses.exploration import RunView
from core.analyses.prediction import Prediction, prediction
from core.components import component_names
from core.errors import InputError
from core.interventions import Condition, Head
from core.metrics import Among, Target
from core.proteins.correspondence import Correspondence, correspondence
from dashboard import engine
from dashboard.question import Question
from dashboard.session import EditChoices
from dashboard.views.explore.runs import logits_of, view_of

OTHER_HEADS: Final = "No difference: in two models a head's name means two heads."
OTHER_TARGETS: Final = "The sides follow two amino acids, so the numbers above have no difference."


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """A model, a protein, edits and a head to look at."""

    name: str
    """A or B."""
    question: Question
    edits: EditChoices
    head: Head

    @property
    def condition(self) -> Condition:
        return self.edits.condition(self.question.model.shape)

    @property
    def run(self) -> RunView:
        """Attention and contacts with the edits in place, from the cache where Explore made it."""
        return view_of(self.question, self.condition, self.head)

    def target(self, among: Among) -> Target:
        return replace(self.question.target, among=among)

    def prediction(self, among: Among = "amino acids") -> Prediction:
        """What the run predicts at the residue read."""
        logits = logits_of(self.question, self.condition)
        return prediction(logits[self.question.residue + 1], self.target(among))


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Both sides, and which residues of A stand where residues of B do."""

    a: Side
    b: Side
    where: Correspondence | None
    """None where no residue corresponds; then `said` is why, else how."""
    said: str

    @classmethod
    def of(cls, a: Side, b: Side) -> "Pair":
        sequences = a.question.protein.sequence, b.question.protein.sequence
        try:
            where = engine.kept(("correspondence", *sequences), lambda: correspondence(*sequences))
        except InputError as error:
            return cls(a, b, None, str(error))
        return cls(a, b, where, where.said)

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.a, self.b

    def position_in_b(self, position: int) -> int | None:
        """Where a position of A (BOS is 0, residues follow, then EOS) is in B; None for a residue that B lacks."""
        n_a, n_b = (len(side.question.protein.sequence) for side in self.sides)
        if position in (0, n_a + 1):
            return 0 if position == 0 else n_b + 1
        found = self.where.of([position - 1]) if self.where else ()
        return found[0] + 1 if found else None

    @property
    def same_heads(self) -> bool:
        """Whether a head's name means one head."""
        return heads_correspond(self.a.question.model, self.b.question.model)

    @property
    def same_target(self) -> bool:
        """Whether both sides follow one amino acid."""
        return self.a.question.letter == self.b.question.letter

    @property
    def no_difference(self) -> str:
        """Why values at residues have no difference."""
        return f"No difference: {self.said}."


def edits_on(edits: EditChoices, question: Question) -> tuple[EditChoices, list[str]]:
    """The same edits on another side, and the heads, modules and residues among them that it lacks."""
    there = set(component_names(question.model.shape))
    n_residues = len(question.protein.sequence)
    named = (*edits.off, *edits.blocked, *(map(str, edits.shifted) if edits.shift else ()))
    changed: dict[str, Any] = {"shifted": tuple(head for head in edits.shifted if str(head) in there)}
    lacking = [name for name in dict.fromkeys(named) if name.startswith("L") and name not in there]
    if isinstance(edits.scope, tuple):
        changed["scope"] = tuple(residue for residue in edits.scope if residue < n_residues)
        lacking += [f"residue {residue + 1}" for residue in edits.scope if residue >= n_residues]
    if edits.features and not question.model.dictionaries:
        changed["features"] = ()
        lacking.append("features")
    return replace(edits, **changed), lacking
