"""A protein's sanity check as one HTML file to keep: it loads nothing from anywhere."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

import pandas as pd
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape
from plotly.offline import get_plotlyjs

from core.analyses.evidence import PARTS, REPEATS
from core.answers.calibration import Calibration
from core.answers.evidence import RULE, Evidence
from core.answers.verdict_words import verdict_words
from core.figures.evidence import NAMES, verdict_strip
from core.model import Model
from core.tables import rows


def report_html(
    model: Model,
    found: Evidence,
    name: str,
    names: Sequence[str],
    said: Sequence[str],
    calibration: Calibration | None,
    seed: int,
) -> str:
    """The sentences `said` of the protein called `name`, its strip, every letter taken apart, and the calibration;
    `names` are what people call the residues."""
    strip, words = rows(found.strip, subject=name), verdict_words(calibration)
    figure = verdict_strip(strip, names, words).to_html(full_html=False, include_plotlyjs=False, div_id="strip")
    return _TEMPLATE.render(
        name=name,
        sequence=found.scan.sequences[name],
        model=f"{model.name} (a small teaching model, not ESM-2)" if model.teaching else model.name,
        fingerprint=model.fingerprint,
        said=[_bold(each) for each in said],
        plotlyjs=Markup(get_plotlyjs()),
        figure=Markup(figure),
        rule=RULE,
        repeats=len(REPEATS),
        seed=seed,
        letters=_html(_letters(rows(found.letters, subject=name), names, words)),
        calibration=None if calibration is None else _html(calibration.table()),
        sample="" if calibration is None else calibration.sample,
    )


def _letters(table: pd.DataFrame, names: Sequence[str], words: Mapping[str, str]) -> pd.DataFrame:
    """Every letter taken apart, as people read it."""
    said = {"Residue": [names[at] for at in table.residue], "Letter": table.letter, "Which": table.role}
    parts = {NAMES[part][0].upper() + NAMES[part][1:]: table[part] for part in PARTS}
    numbers = {"P": table.p, "Log-odds": table.total, **parts}
    interval = [f"{low:+.2f} to {high:+.2f}" for low, high in zip(table.order_low, table.order_high, strict=True)]
    return pd.DataFrame({**said, "Verdict": table.verdict.map(dict(words)), **numbers, "Order, 95%": interval})


def _html(table: pd.DataFrame) -> Markup:
    return Markup(table.to_html(index=False, border=0, float_format="{:.2f}".format))


def _bold(text: str) -> Markup:
    """A sentence whose `**…**` are bold."""
    return Markup(re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", str(escape(text))))


_TEMPLATE: Final = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True).from_string("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Evidence or default? {{ name }}</title>
<style>
body { font: 16px/1.55 system-ui, sans-serif; color: #222; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; font-size: .85rem; display: block; overflow-x: auto; }
th, td { text-align: left; padding: .25rem .7rem .25rem 0; border-bottom: 1px solid #eee; vertical-align: top; }
.small { color: #555; font-size: .9rem; overflow-wrap: anywhere; }
</style>
<script>{{ plotlyjs }}</script>
</head>
<body>
<h1>Is a confident prediction evidence, or a default?</h1>
<p><b>{{ name }}</b>, by {{ model }}.</p>
<ul>
{% for each in said %}
<li>{{ each }}</li>
{% endfor %}
</ul>
{{ figure }}
<p class="small">A bar per residue: colour is the verdict on what the model predicts there, height how much the
protein's own letter surprises it. {{ rule }}</p>
<h2>Letters taken apart</h2>
<p class="small">Log-odds and their parts in nats; they add up. {{ repeats }} random orders, seed {{ seed }}.</p>
{{ letters }}
<h2>How far to trust this</h2>
{% if calibration %}
<p class="small">{{ sample }}</p>
{{ calibration }}
{% else %}
<p>Nobody has calibrated the verdicts on this model: take them as hints.</p>
{% endif %}
<p class="small">Weights {{ fingerprint }}. Sequence: {{ sequence }}</p>
</body>
</html>
""")
