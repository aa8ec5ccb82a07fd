"""Compare: two sides, each a model, a protein and edits; every panel of Explore beside the other's, and B − A."""

from collections.abc import Mapping
from typing import Final

TITLE, PATH = "Compare", "compare"
SIDEBAR, BESIDE = "a_", "b_"
"""What stands before a side's keys in the address: of the sidebar's side, and of the one chosen on the page."""
EDIT_KEYS: Final = ("head", "off", "scope", "at", "mode", "feat", "bos", "shift", "shifted", "side")


def beside_clean(link: Mapping[str, list[str]]) -> dict[str, str | list[str]]:
    """What opens Compare with Explore's edits on one side and the clean run on the other; `link` is Explore's."""
    return {f"{SIDEBAR}{key}": link[key] for key in EDIT_KEYS if key in link}
