"""Which pages there are, in the order of the menu; each says its own title and address."""

from types import ModuleType
from typing import Final

from dashboard.views.circuits import (
    ablation,
    bos,
    competition,
    first_residue,
    injection,
    minimal_circuit,
    patching,
    repeats,
    sufficiency,
    write_vectors,
)
from dashboard.views.compare import page as compare
from dashboard.views.contacts import edited, fit_head, motif, rank_heads, three_methods
from dashboard.views.explore import page as explore
from dashboard.views.features import edited as edited_features
from dashboard.views.features import one as one_feature
from dashboard.views.features import protein as protein_features
from dashboard.views.rope import norm_direction, rotations, shift, swap
from dashboard.views.sanity import page as sanity
from dashboard.views.start import home, learn, words
from dashboard.views.variants import page as variants

MENU: Final[dict[str, tuple[ModuleType, ...]]] = {
    "": (home, explore, sanity, variants, compare, learn),
    "Circuits": (
        first_residue,
        ablation,
        bos,
        minimal_circuit,
        sufficiency,
        patching,
        injection,
        write_vectors,
        competition,
        repeats,
    ),
    "RoPE": (rotations, swap, shift, norm_direction),
    "Contacts": (three_methods, rank_heads, edited, fit_head, motif),
    "Features": (protein_features, one_feature, edited_features),
    "Help": (words,),
}
"""By heading: modules with `TITLE`, `PATH` (the address; empty for the one that opens first) and `page(question)`, or
with `ASKS = False` and `page()`: those show no sidebar. `MASKS = False`: no masked residue plays a part."""


def asks(view: ModuleType) -> bool:
    """Whether a page starts from the sidebar's question."""
    return getattr(view, "ASKS", True)


def masks(view: ModuleType) -> bool:
    """Whether a page reads a masked residue, so that the sidebar asks which, and which amino acid is followed there."""
    return getattr(view, "MASKS", True)
