"""Numbers in words, alike wherever ours stand beside the paper's."""

import numpy as np
from jaxtyping import Float, Real

from core.analyses.competition import crossings
from core.paper_values import PaperValue

Beside = list[tuple[PaperValue, str]]
"""The paper's values, each with ours in words."""


def percent(share: float) -> str:
    """A share in words: 0.914 is 91%."""
    return f"{100 * share:z.0f}%"


def counted(n: int, what: str) -> str:
    """How many there are: 1 sequence, 5 sequences."""
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def crossed(x: Real[np.ndarray, " points"], gap: Float[np.ndarray, " points"], unit: str) -> str:
    """Everywhere that a gap changes sign, in words: at 7.0 and 9.5 alanines."""
    places = [f"{place:.1f}" for place in crossings(x, gap)]
    if not places:
        return "nowhere"
    *most, last = places
    return f"at {', '.join(most)} and {last} {unit}" if most else f"at {last} {unit}"
