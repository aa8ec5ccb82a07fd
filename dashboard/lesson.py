"""Lessons: Markdown files with a head of YAML under `assets/lessons/`, and what the app's own numbers say to them."""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

import msgspec

from core.analyses.exploration import RunView, view_run
from core.analyses.prediction import Prediction, prediction
from core.errors import InputError
from core.interventions import Condition
from core.model import Model
from core.progress import SILENT, Progress
from core.proteins.contact_scores import precision_at
from core.proteins.structure import contact_truth
from dashboard.link import View, view_of

FOLDER: Final = Path(__file__).parent.parent / "assets" / "lessons"
COMPARISONS: Final[dict[str, Callable[..., bool]]] = {
    "is": operator.eq,
    "is not": operator.ne,
    "above": operator.gt,
    "below": operator.lt,
}

Number = float | str
Panel = Literal["prediction", "attention to BOS", "contacts"]


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One view, what the reader expects of it, and what it shows."""

    view: dict[str, str | list[str]]
    """The link's parameters, as Explore writes them into its address."""
    text: str
    predict: str
    """The question that is answered before the numbers are shown."""
    choices: list[str]
    right: str
    check: list[str]
    """Statements on this view's numbers, such as "gap above 0" or "first is not M": they make `right` right."""
    answer: str
    """Markdown in which {gap:+.2f} is this view's number of that name."""
    panel: Panel = "prediction"
    """What is drawn beside the answer."""


class Lesson(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Five minutes on one idea."""

    title: str
    question: str
    minutes: int
    steps: list[Step]
    name: str = ""
    """The file's, without its number: how the address calls the lesson."""
    text: str = ""
    """The Markdown below the head."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What a step's view shows, clean and edited."""

    view: View
    clean: RunView
    edited: RunView
    before: Prediction
    after: Prediction

    @property
    def numbers(self) -> Mapping[str, Number]:
        """Everything that a lesson can speak of, by name."""
        at, head = self.view.question.residue + 1, self.view.head
        return {
            "first": self.after.first,
            "probability": self.after.target_probability,
            "gap": self.after.target_gap,
            "rank": float(self.after.target_rank),
            "clean_first": self.before.first,
            "clean_probability": self.before.target_probability,
            "clean_gap": self.before.target_gap,
            "change": self.after.target_gap - self.before.target_gap,
            "attention_to_bos": float(self.edited.bos_attention[head.layer, head.index, at]),
            **self._contacts(),
        }

    def _contacts(self) -> dict[str, Number]:
        """Of the contact head's L/2 highest long-range pairs, the share that touch, and that share by chance."""
        structure, predicted = self.view.question.protein.structure, self.edited.contact_head
        if structure is None or predicted is None:
            return {}
        found = precision_at(predicted, *contact_truth(structure), "long")
        return {"precision": found.precision, "chance": found.chance}


@cache
def lessons() -> tuple[Lesson, ...]:
    """All lessons, in the order of their files' names; `InputError` names the file that can't be read."""
    return tuple(read_lesson(path) for path in sorted(FOLDER.glob("*.md")))


def read_lesson(path: Path) -> Lesson:
    """A lesson from its file; `InputError` for a head that isn't one, and for a step that can't be right."""
    parts = re.split(r"^---\n", path.read_text(encoding="utf-8"), maxsplit=2, flags=re.MULTILINE)
    if len(parts) != 3 or parts[0].strip():
        raise InputError(f"{path.name}: a lesson begins with a head of YAML between two lines of ---")
    try:
        lesson = msgspec.yaml.decode(parts[1], type=Lesson)
    except msgspec.MsgspecError as error:
        raise InputError(f"{path.name}: {str(error).splitlines()[0]}") from error
    for number, step in enumerate(lesson.steps, start=1):
        if step.right not in step.choices:
            raise InputError(f"{path.name}, step {number}: the right answer '{step.right}' is none of its choices")
        for statement in step.check:
            _parsed(statement)
    return msgspec.structs.replace(lesson, name=path.stem.split("-", 1)[-1], text=parts[2].strip())


def see(step: Step, model: Model, progress: Progress = SILENT) -> Seen:
    """What a step's view shows on a model: Explore's own numbers for the same link."""
    view = view_of(step.view, model)
    question = view.question

    def run(condition: Condition) -> RunView:
        return view_run(model, question.tokens, condition, residue=question.residue, head=view.head)

    clean = run(())
    progress.report(1, 2)
    edited = run(view.condition) if view.condition else clean
    before, after = (prediction(each.logits, question.target) for each in (clean, edited))
    return Seen(view, clean, edited, before, after)


def holds(statement: str, numbers: Mapping[str, Number]) -> bool:
    """Whether a statement such as "gap above 0" is true of these numbers."""
    name, comparison, value = _parsed(statement)
    if name not in numbers:
        raise InputError(f"a view has no number '{name}': {', '.join(numbers)}")
    found = numbers[name]
    return COMPARISONS[comparison](found, value if isinstance(found, str) else float(value))


def _parsed(statement: str) -> tuple[str, str, str]:
    found = re.fullmatch(r"(\w+) (is not|is|above|below) (\S+)", statement)
    if not found:
        raise InputError(f"'{statement}' is no check: it reads NUMBER is|is not|above|below VALUE")
    return found[1], found[2], found[3]
