"""Is one variant's score evidence, or a default?"""

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from core.analyses.evidence import COVERED, REPEATS, Estimate
from core.analyses.substitutions import Substitutions
from core.analyses.variant_evidence import LEAST, RULE, RatioShares, ratio_shares
from core.answers.calibration import kept_calibration
from core.answers.verdict_words import ratio_words
from core.errors import InputError
from core.figures import variants as figures
from core.proteins.variants import Substitution, Variant, VariantList, parse_variant
from dashboard.controls import bound
from dashboard.page_parts import draw
from dashboard.question import Question
from dashboard.session import plain
from dashboard.views.variants.support import support_of

_SHOWN = {
    "evidence": st.success,
    "copied": st.info,
    "default": st.warning,
    "unsettled": st.info,
    "undecided": st.info,
}


def chosen_variant(question: Question, found: Substitutions, given: VariantList) -> None:
    """The shares of one variant's ratio, said first in words."""
    st.markdown("**Is a variant's score evidence, or a default?**")
    variant = _choose(question, found, given)
    if variant is None:
        return
    residues = tuple(part.residue for part in variant.substitutions)
    support = support_of(question, residues, f"Take the score of {variant.name} apart")
    if support is not None:
        _show(ratio_shares(support, variant), ratio_words(kept_calibration(question.model)))


def _choose(question: Question, found: Substitutions, given: VariantList) -> Variant | None:
    """The variant that is typed, else the first of those given, else the one that the model finds least likely."""
    at_first = given.variants[0] if given.variants else _least_likely(found)
    if at_first is None:
        return None
    text = bound.text("Variant", "variant", placeholder=at_first.name, width=240)
    try:
        return parse_variant(text, question.numbering) if text.strip() else at_first
    except InputError as error:
        st.warning(plain(str(error)))
        return None


def _least_likely(found: Substitutions) -> Variant | None:
    table = found.table
    if table.empty:
        return None
    residue, own, letter, _ = table.loc[table.ratio.idxmin()]
    return Variant(f"{own}{residue + 1}{letter}", (Substitution(int(residue), letter),))


def _show(shares: RatioShares, words: Mapping[str, str]) -> None:
    name, total, order = shares.variant.name, shares.total, shares.parts["order"]
    default = Estimate.of(shares.source("default"))
    because = (
        f"Of {total:+z.2f} nats, the order of this protein's residues makes {_told(order)}, and what would be there "
    )
    because += f"without it {_told(default)}."
    if shares.verdict == "undecided":
        because = f"Its ratio is {total:+z.2f} nats, and a factor of two is {LEAST:.2f}."
    _SHOWN[shares.verdict](f"**{name}: {words[shares.verdict]}.** {because}")
    rows = [(part, found.mean, found.low, found.high) for part, found in shares.parts.items()]
    draw(
        figures.parts_of_ratio(shares.parts, total),
        f"What the ratio of {name} is made of, masked marginals: parts add up to {total:+z.2f} nats. Whiskers and "
        f"brackets hold {COVERED:.0%} of what further random orders would give, from {len(REPEATS)}. {RULE}",
        "parts of the ratio",
        pd.DataFrame(rows, columns=["part", "nats", "low", "high"]).assign(variant=name),
    )


def _told(found: Estimate) -> str:
    return f"{found.mean:+z.2f} [{found.low:+z.2f}, {found.high:+z.2f}]"
