"""What an experiment hands back: sections of figures, tables and the paper's values; and all of it as one HTML file."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import pandas as pd
import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from core.figures.style import EDITED
from core.paper_values import PaperValue

ROWS_SHOWN: Final = 24
"""Longer tables show this many rows in the report; the CSV beside it has all."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One number of the paper beside ours, and where in the paper it stands."""

    quantity: str
    paper: str
    place: str
    ours: str

    @classmethod
    def of(cls, stated: PaperValue, ours: str) -> "Comparison":
        return cls(stated.quantity, stated.value, stated.place, ours)

    @classmethod
    def all(cls, pairs: Iterable[tuple[PaperValue, str]]) -> "tuple[Comparison, ...]":
        """One for each of the paper's values and ours."""
        return tuple(cls.of(stated, ours) for stated, ours in pairs)


@dataclass(frozen=True, slots=True)
class Section:
    """One question of an experiment, answered: figures by caption, tables by file name (without .csv).

    `reading` says what is shown and how to read it; `finding` states what came out, in numbers computed here.
    """

    title: str
    question: str
    reading: str
    finding: str
    figures: Mapping[str, go.Figure] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    comparisons: tuple[Comparison, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """Everything on the page. `facts` are the methods in short: model, versions, seed, sequences."""

    title: str
    abstract: str
    source: str
    model_label: str
    facts: Mapping[str, str]
    sections: Mapping[str, Section]
    left_out: Mapping[tuple[str, str], str]

    def html(self) -> str:
        """The report as one self-contained file: it loads nothing from anywhere, plotly.js included once."""
        template = _TEMPLATES.get_template("report.html.j2")
        return template.render(report=self, accent=EDITED, plotlyjs=Markup(get_plotlyjs()))


def figure_html(figure: go.Figure, name: str) -> Markup:
    """A figure as a `<div>` and its script; the id comes from `name`, so equal results give equal reports."""
    return Markup(
        figure.to_html(full_html=False, include_plotlyjs=False, div_id=name, config={"displayModeBar": False})
    )


def table_html(table: pd.DataFrame) -> Markup:
    """The first rows of a table, numbers to three decimals."""
    return Markup(table.head(ROWS_SHOWN).to_html(index=False, border=0, na_rep="–", float_format="{:.3f}".format))


_TEMPLATES: Final = Environment(
    loader=PackageLoader("core.experiments", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
_TEMPLATES.globals.update(figure_html=figure_html, table_html=table_html, rows_shown=ROWS_SHOWN)
