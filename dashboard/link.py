"""What a link to Explore shows, read without its widgets: for lessons, which hold views as such links."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from core.components import head_names
from core.errors import InputError
from core.interventions import Condition, Head
from core.model import Model
from core.proteins.examples import examples, load_example
from core.proteins.numbering import Numbering
from core.proteins.protein import Protein, read_text
from dashboard.question import Question
from dashboard.session import (
    MODES,
    SCOPE_NAMES,
    SIDES,
    WILD_TYPE,
    EditChoices,
    chosen_scope,
    parse_feature_edits,
    target_letter,
)

Key = TypeVar("Key", bound=str)

Link = Mapping[str, str | list[str]]
"""The address's parameters: what a person chose, as the widgets write it."""
READ = {
    "from",
    "example",
    "sequence",
    "mask",
    "target",
    "off",
    "scope",
    "at",
    "mode",
    "bos",
    "shift",
    "shifted",
    "side",
    "feat",
}
"""The parameters that decide what is computed; `head` decides what is looked at."""


@dataclass(frozen=True, slots=True)
class View:
    """What Explore asks for under a link: a question, what is edited, and the head looked at."""

    question: Question
    condition: Condition
    head: Head


def view_of(link: Link, model: Model) -> View:
    """The view that a link shows on `model`; `InputError` for a parameter or value that Explore wouldn't take."""
    unknown = sorted(link.keys() - READ - {"head"})
    if unknown:
        raise InputError(f"a view has no '{unknown[0]}': it is made of {', '.join(sorted(READ))} and head")
    protein = _protein(link)
    numbering = Numbering(protein.sequence)
    masked = numbering.parse_list(_one(link, "mask", "1"))
    if not masked:
        raise InputError("mask at least one residue: the prediction is read there")
    letter = target_letter(_one(link, "target", WILD_TYPE), protein.sequence, masked[0])
    names = head_names(model.shape)
    head = Head.parse(_among(names, _one(link, "head", names[-1]), "head"))
    shifted = tuple(Head.parse(_among(names, name, "head")) for name in _several(link, "shifted")) or (head,)
    scope = chosen_scope(_key(SCOPE_NAMES, link, "scope"), _one(link, "at", ""), numbering)
    edits = EditChoices(
        off=_several(link, "off"),
        scope=scope,
        mode=_key(MODES, link, "mode"),
        blocked=_several(link, "bos"),
        shift=int(_one(link, "shift", "0")),
        shifted=shifted,
        side=_key(SIDES, link, "side"),
        features=parse_feature_edits(_one(link, "feat", ""), scope),
    )
    return View(Question(model, protein, tuple(sorted(masked)), masked[0], letter), edits.condition(model.shape), head)


def _protein(link: Link) -> Protein:
    if _one(link, "from", "Example") == "Paste":
        return read_text(_one(link, "sequence", "")).proteins[0]
    titles = {example.title: example.id for example in examples()}
    title = _one(link, "example", next(iter(titles)))
    return load_example(titles[_among(list(titles), title, "example")])


def _one(link: Link, name: str, default: str) -> str:
    value = link.get(name, default)
    return value if isinstance(value, str) else value[0]


def _several(link: Link, name: str) -> tuple[str, ...]:
    value = link.get(name, [])
    return (value,) if isinstance(value, str) else tuple(value)


def _key(names: Mapping[Key, str], link: Link, name: str) -> Key:
    """What stands in the address is what people read."""
    by_name = {shown: key for key, shown in names.items()}
    return by_name[_among(list(by_name), _one(link, name, next(iter(by_name))), name)]


def _among(allowed: list[str], value: str, what: str) -> str:
    if value not in allowed:
        raise InputError(f"there is no {what} '{value}'")
    return value
