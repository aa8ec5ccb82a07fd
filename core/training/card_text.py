"""The embedded model's card as Markdown: `card.md.j2`, filled from its figures and nothing else."""

from collections.abc import Mapping, Sequence
from math import inf
from statistics import fmean as mean
from statistics import geometric_mean
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from core.training.masking import MASKED_IN_FAMILIES

Row = Sequence[object]
CHANCE_FACTOR: Final = 5
GOOD_PRECISION: Final = 0.4
MOST_ABLATIONS: Final = 8
MOST_UPSTREAM: Final = 3
CURVE_ROWS: Final = 14


def render(figures: Mapping[str, Any]) -> str:
    """The whole card from the figures that `core.training.card` measures."""
    environment = Environment(
        loader=PackageLoader("core.training", "."), undefined=StrictUndefined, keep_trailing_newline=True
    )
    environment.filters |= {"cell": cell, "bos_adds": _bos_adds}
    methionine = figures["methionine"]
    found = {r["letter"]: r for r in methionine["poly_x_evidence"]}
    met = {r["letter"]: r for r in methionine["poly_x_met"]}
    poly_x = {r["letter"]: r | found[r["letter"]] | met[r["letter"]] for r in methionine["poly_x"]}
    return environment.get_template("card.md.j2").render(
        dict(figures)
        | {
            "most_masked": round(100 * MASKED_IN_FAMILIES[1]),
            "longest_full_jacobian": figures["longest_full_jacobian"],
            "n_tokens": sum(figures["training"]["tokens"].values()),
            "perplexity": [
                (name, f["n"], f["model"], f["position_free"], f["unigram"])
                for name, f in figures["perplexity"].items()
            ],
            "prior": [(r["set"], r["residue"] + 1, *_values(r, "n m_rate p_m gap")) for r in methionine["prior"]],
            "ablations": [
                _values(r, "component gap_change at_bos bos_share") for r in methionine["ablations"][:MOST_ABLATIONS]
            ],
            "blocked": [_values(r, "blocked m_rate gap") for r in methionine["blocked"]],
            "enough": next((r["blocked"] for r in methionine["blocked"][1:4] if r["m_rate"] < 0.2), None),
            "upstream": [_upstream(head, rows) for head, rows in methionine["upstream"].items()],
            "poly_longest": methionine["poly_longest"],
            "poly_x": [
                (
                    *_values(r, "letter first_gap last_gap crossing crossing_held without_bos"),
                    _bos_adds(r),
                    f"{r['odds']:.2f} ({r['starts']}, {r['inside']})"
                    if r["starts"] + r["inside"]
                    else f"– ({r['starts']}, {r['inside']})",
                )
                for r in poly_x.values()
            ],
            "reader": methionine["readers"][0],
            "poly_a": poly_x["A"],
            "poly_x_agreement": methionine["poly_x_agreement"],
            "first_to_cross": min(
                (r for r in poly_x.values() if r["crossing"]), key=lambda r: r["crossing"], default=None
            ),
            "poly_a_masked": [_values(r, "masks m_rate gap") for r in methionine["poly_a_masked"]],
        }
        | _contacts(figures["contacts"])
        | _readout(figures["readout"])
        | _curve(figures["curve"])
    )


def cell(value: object) -> str:
    """A table's cell: two decimals, three below 0.1, and a dash for what is missing."""
    if value is None or value != value:
        return "–"
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 0.1 else f"{value:.2f}"
    return str(value)


def _values(row: Mapping[str, Any], names: str) -> Row:
    return [row[name] for name in names.split()]


def _bos_adds(row: Mapping[str, Any]) -> float:
    """What BOS in the input adds to M's lead over the repeated amino acid, in logits."""
    return row["with_bos"] - row["without_bos"]


def _upstream(head: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A reader's attention to BOS, and the heads without which it loses at least a hundredth of all attention."""
    needed = [r for r in rows[1 : MOST_UPSTREAM + 1] if r["attention_change"] < -0.01]
    return {
        "head": head,
        "attention": rows[0]["attention_change"],
        "needed": [f"{r['head']} ({r['attention_change']:+.2f})" for r in needed],
    }


def _contacts(figures: Mapping[str, Any]) -> dict[str, Any]:
    scores: list[dict[str, Any]] = figures["scores"]
    long = [r for r in scores if r["separation"] == "long" and r["per"] == 2 and r["family"]]
    by_head = [r for r in long if r["method"] == "contact head"]
    best = figures["best_head_of_each"].items()
    return {
        "contacts": figures,
        "fitted_families": ", ".join(f"{n} ({f})" for n, f in figures["fitted_families"].items()) or "none",
        "trained_structures": [
            (*_values(r, "protein family residues method precision chance"), r["precision"] / r["chance"])
            for r in sorted(long, key=lambda r: (r["family"], r["protein"]))
        ],
        "n_trained": len(by_head),
        "n_good": sum(r["precision"] >= GOOD_PRECISION for r in by_head),
        "n_ahead": sum(r["precision"] >= CHANCE_FACTOR * r["chance"] for r in by_head),
        "good_precision": GOOD_PRECISION,
        "chance_factor": CHANCE_FACTOR,
        "best_heads": ", ".join(f"{name} {found['precision']:.2f} ({found['head']})" for name, found in best),
        "contact_means": _means(scores),
    }


def _means(scores: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Mean precision at L, L/2 and L/5 by whether the family was trained on, method and range."""
    groups: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for r in scores:
        seen = "in training" if r["family"] else "not in training"
        groups.setdefault((seen, r["method"], r["separation"]), []).append(r)
    return [
        (
            *key,
            len({r["protein"] for r in rows}),
            *(mean(r["precision"] for r in rows if r["per"] == per) for per in (1, 2, 5)),
            mean(r["chance"] for r in rows),
        )
        for key, rows in sorted(groups.items())
    ]


def _readout(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The readout's figures, and where M's gap is largest: local maxima over the shifts, and those where M is first."""
    shifts, gaps = figures["shifted"]["shifts"], figures["shifted"]["gap"]
    around = zip([inf, *gaps[:-1]], gaps, [*gaps[1:], inf], strict=True)
    maxima = [(shift, gap) for shift, gap, (a, b, c) in zip(shifts, gaps, around, strict=True) if a < b > c]
    return {"readout": figures, "maxima": maxima, "first_at": [shift for shift, gap in maxima if gap > 0]}


def _curve(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Perplexity at large, and the geometric mean over the families."""
    kept = [*rows[: -1 : max(1, len(rows) // CURVE_ROWS)], *rows[-1:]]
    others = ("step", "minutes", "tokens", "at large")
    return {
        "curve": [
            (row["tokens"] / 1e6, row["at large"], geometric_mean([row[name] for name in row if name not in others]))
            for row in kept
        ]
    }
