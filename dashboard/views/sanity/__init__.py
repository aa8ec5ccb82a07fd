"""Is a confident prediction evidence, or a default? The whole protein at a glance."""

from typing import Final

TITLE: Final = "Sanity check"
PATH: Final = "sanity"
