"""How do query and key meet on each side, band by band?"""

from typing import Final

import streamlit as st

from core.analyses.comparison import band_difference
from core.analyses.exploration import BandView, band_view
from core.errors import InputError
from core.figures import comparison as figures
from dashboard.controls import bound
from dashboard.page_parts import draw
from dashboard.session import plain
from dashboard.views.compare.sides import Pair
from dashboard.views.explore.bands import THE_MASK

QUANTITIES: Final = {
    "contribution": "Added to the score",
    "cosine": "cos θ between q and k",
    "q_norm": "|q| (norm)",
    "k_norm": "|k| (norm)",
}
WAVELENGTH: Final = "Wavelength (residues)"


def band_by_band(pair: Pair) -> None:
    heads = " and ".join(dict.fromkeys(str(side.head) for side in pair.sides))
    st.markdown(f"**How do query and key meet in {heads}, band by band?**")
    names = ["BOS", *pair.a.question.numbering.names(), "EOS"]
    row = st.container(horizontal=True)
    query = bound.select("Query", [THE_MASK, *names], "query", row, width=bound.WIDTH)
    key = bound.select("Key", names, "key", row, width=bound.WIDTH)
    shown = bound.select("Shown", QUANTITIES, "band", row, width=220)
    try:
        places = zip(_places(pair, names, query), _places(pair, names, key), strict=True)
        a, b = (band_view(side.run, *at) for side, at in zip(pair.sides, places, strict=True))
        difference = band_difference(a, b)
    except InputError as error:
        st.caption(plain(f"No difference: {error}."))
        return
    labels = [f"{length:.1f}" if length < 10 else f"{length:,.0f}" for length in a.wavelengths]
    left, right = st.columns(2)
    with left:
        draw(
            figures.side_by_side(
                labels, getattr(a, shown), getattr(b, shown), quantity=QUANTITIES[shown], x=WAVELENGTH
            ),
            f"A: {_said(a)}. B: {_said(b)}. What the bands add sums to the score.",
            "both bands",
        )
    with right:
        draw(
            figures.change(labels, getattr(difference, shown), quantity=QUANTITIES[shown], x=WAVELENGTH),
            f"Score {difference.score:+.2f}, attention {difference.attention:+.3f}: red raises, blue lowers.",
            "band difference",
        )


def _places(pair: Pair, names: list[str], chosen: str) -> tuple[int, int]:
    """A position of A, and the one of B that it corresponds to; `InputError` where there is none."""
    if chosen == THE_MASK:
        return pair.a.question.residue + 1, pair.b.question.residue + 1
    at = names.index(chosen)
    there = pair.position_in_b(at)
    if there is None:
        raise InputError(f"B has no residue where A has {chosen}")
    return at, there


def _said(view: BandView) -> str:
    return f"score {view.score:+.2f}, attention {view.attention:.3f}"
