"""What a page computes, as data; and as Python that does the same without the app, a script or a notebook."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from itertools import chain
from types import MappingProxyType
from typing import Any, Final

import msgspec
import nbformat
import streamlit as st
import torch
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from core.answers.survey import DirectSurvey
from core.interventions import Head
from core.model import Model, load_model
from core.published import PUBLISHED_BY_NAME

WIDEST: Final = 110
"""Letters of a line; longer values are written over several."""

MADE_HERE: Final = "models made here"
"""Where the session keeps, by fingerprint, the calls that make what isn't loaded as it is."""
FIGURES: Final = "core.figures."
ROWS: Final = 10
"""Of a table that are printed: a page's first numbers."""


@dataclass(frozen=True, slots=True)
class Expression:
    """Python over what the steps of a script found: `found`, `found.mean`."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function of a module, and what it is called with."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Script:
    """Calls whose results have names, what is printed of them, and the figure that a notebook draws last."""

    title: str
    steps: Mapping[str, Call]
    printed: tuple[str, ...]
    """What stands in the brackets of each `print`."""
    figure: Call | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """What a script prints of an answer, which it calls `found`: the first rows of a table; and a figure of it."""

    table: str
    figure: Call


def of_answer(
    model: Model,
    answer: Callable[..., Any],
    subjects: Mapping[str, object],
    settings: Mapping[str, object],
    shown: Shown,
) -> Script:
    """The script of one of `core.answers`, which begins with the table that a page shows."""
    steps = {
        "model": loading(model),
        "survey": Call(DirectSurvey, (Expression("model"),)),
        "found": Call(answer, (Expression("survey"), subjects), settings),
    }
    title = f"{answer.__module__}.{answer.__name__} on {model.name}"
    return Script(title, steps, (f"{shown.table}.head({ROWS}).to_string()",), shown.figure)


def loading(model: Model) -> Call:
    """The call that loads a page's model as the page has it, with the contact head that this session gave it."""
    made = st.session_state.get(MADE_HERE, {}).get(model.fingerprint)
    if made is not None:
        return made
    settings: dict[str, Any] = {}
    if model.dtype != torch.float32:
        settings["dtype"] = model.dtype
    if model.name in PUBLISHED_BY_NAME and PUBLISHED_BY_NAME[model.name].is_large:
        settings["allow_large"] = True
    return Call(load_model, (model.name,), settings)


def python(script: Script, clone: str) -> str:
    """The script as one text, for any folder; `clone` is where plmscope lies.

    It says what it is, sets the path, imports, and prints the page's first numbers.
    """
    opening, body = _opening(script.steps.values(), clone), _body(script)
    return f"# {' '.join(script.title.split())}\n\n{opening}\n\n{body}\n"


def notebook(script: Script, clone: str) -> str:
    """The script as a Jupyter notebook (nbformat 4) that also draws the page's figure."""
    drawn = [] if script.figure is None else [script.figure]
    cells = [
        new_markdown_cell(f"# {script.title}\n\nThe same as on plmscope's page, computed here."),
        new_code_cell(_opening([*script.steps.values(), *drawn], clone)),
        new_code_cell(_body(script)),
        *(new_code_cell(_written(figure)) for figure in drawn),
    ]
    return nbformat.writes(new_notebook(cells=cells))


def _opening(calls: Iterable[Call], clone: str) -> str:
    names = sorted(set(chain.from_iterable(map(_imported, calls))))
    by_module: dict[str, list[str]] = {}
    for module, name in names:
        by_module.setdefault(module, []).append(name)
    whole = [f"import {module}" for module, found in by_module.items() if "" in found]
    parts = {module: ", ".join(filter(None, found)) for module, found in by_module.items()}
    imports = whole + [f"from {module} import {found}" for module, found in parts.items() if found]
    where = f"sys.path.insert(0, {clone!r})  # the folder of plmscope"
    return "\n".join(["import sys\n", where + "\n", *imports])


def _body(script: Script) -> str:
    steps = [f"{name} = {_written(call)}" for name, call in script.steps.items()]
    return "\n".join([*steps, *(f"print({what})" for what in script.printed)])


def _written(value: Any, indent: int = 0) -> str:
    """A value as Python: on one line, or where that is too long, a part to a line."""
    opening, parts, closing = _taken_apart(value)
    flat = opening + ", ".join(lead + _flat(part) for lead, part in parts) + closing
    if not parts or indent + len(flat) <= WIDEST:
        return flat
    inside = " " * (indent + 4)
    lines = [f"{inside}{lead}{_written(part, indent + 4)},\n" for lead, part in parts]
    return f"{opening}\n{''.join(lines)}{' ' * indent}{closing.lstrip(',')}"


def _flat(value: Any) -> str:
    opening, parts, closing = _taken_apart(value)
    return opening + ", ".join(lead + _flat(part) for lead, part in parts) + closing


def _taken_apart(value: Any) -> tuple[str, list[tuple[str, Any]], str]:
    """How a value's Python begins, its parts each with what stands before it, and how it ends."""
    match value:
        case Expression():
            return value.text, [], ""
        case Call():
            named = [(f"{name}=", each) for name, each in value.settings.items()]
            return f"{_called(value.function)}(", [("", each) for each in value.arguments] + named, ")"
        case Head():
            return f"Head.parse({str(value)!r})", [], ""
        case list():
            return "[", [("", each) for each in value], "]"
        case tuple():
            return "(", [("", each) for each in value], ",)" if len(value) == 1 else ")"
        case Mapping():
            return "{", [(f"{_flat(key)}: ", each) for key, each in value.items()], "}"
    if names := _fields(value):
        return f"{type(value).__name__}(", [(f"{name}=", getattr(value, name)) for name in names], ")"
    return repr(value), [], ""


def _called(function: Callable[..., Any]) -> str:
    """A function by its name; a figure's by its module too, for an answer may have the same name."""
    module, name = function.__module__, function.__name__
    return f"{module}.{name}" if module.startswith(FIGURES) else name


def _fields(value: Any) -> tuple[str, ...]:
    """What a frozen dataclass or structure is made of; nothing for other values."""
    if isinstance(value, msgspec.Struct):
        return value.__struct_fields__
    return tuple(each.name for each in fields(value)) if is_dataclass(value) else ()


def _imported(value: Any) -> set[tuple[str, str]]:
    """The modules and names that a value's Python needs; no name where the module itself is what is needed."""
    _, parts, _ = _taken_apart(value)
    inside = set(chain.from_iterable(_imported(part) for _, part in parts))
    if isinstance(value, Expression):
        return inside
    if isinstance(value, Call):
        module, name = value.function.__module__, value.function.__name__
        if module == "builtins":
            return inside
        return inside | {(module, "" if module.startswith(FIGURES) else name)}
    if isinstance(value, torch.dtype):
        return {("torch", "")}
    return inside | ({(type(value).__module__, type(value).__name__)} if _fields(value) else set())
