"""Where else in a chain do a residue's surroundings stand? Exact and near copies, found by edlib (Myers' algorithm)."""

from typing import Final

import edlib

from core.alphabet import RESIDUE_LETTERS

FLANK: Final = 5
"""Residues on each side that are a residue's surroundings; at a chain's end more are taken from the other side."""
MOST_EDITS: Final = 2
"""Substitutions, insertions and deletions among those ten within which a stretch is a near copy: in 200 residues of
random sequence one is expected once in some ten thousand proteins."""
REACH: Final = 15
"""How far along the chain a copy is followed from the residue, so that a longer repeat is found whole."""

_GAP, _ANY = "#", "?"
_EQUALITIES: Final = [(_ANY, letter) for letter in RESIDUE_LETTERS]


def copies(sequence: str, residue: int) -> tuple[int, ...]:
    """The residues (0-based, in order) of every copy of one residue's surroundings elsewhere; none where there is none.

    The residue itself counts as unknown. Where its surroundings have a copy, the repeat is followed to both sides, at
    most `REACH` residues and as long as each next one's have a copy too; what these copies hold is returned as well,
    the surroundings themselves never.

    >>> copies("MKTAYIAKQRQISGGGGGGMKTAYIAERQRQIS", 5)
    (19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32)
    """
    found = _copies_of_window(sequence, residue)
    for side in (-1, 1):
        centre = residue
        while found and abs(centre - residue) < REACH and 0 <= centre + side < len(sequence):
            centre += side
            more = _copies_of_window(sequence, centre)
            if not more:
                break
            found |= more
    return tuple(sorted(found - set(_window(sequence, residue))))


def _window(sequence: str, residue: int) -> range:
    """The residue and its surroundings, `2 * FLANK + 1` long where the chain is."""
    start = max(0, min(residue - FLANK, len(sequence) - 2 * FLANK - 1))
    return range(start, min(len(sequence), start + 2 * FLANK + 1))


def _copies_of_window(sequence: str, residue: int) -> set[int]:
    """The residues of every stretch outside the window that reads like it, the best first, none of them twice."""
    window = _window(sequence, residue)
    asked = sequence[window.start : residue] + _ANY + sequence[residue + 1 : window.stop]
    rest = sequence[: window.start] + _GAP * len(window) + sequence[window.stop :]
    found: set[int] = set()
    while len(window) > 2 * FLANK:
        best = edlib.align(asked, rest, mode="HW", task="locations", k=MOST_EDITS, additionalEqualities=_EQUALITIES)
        if best["editDistance"] < 0:
            break
        start, end = best["locations"][0]
        found.update(range(start, end + 1))
        rest = rest[:start] + _GAP * (end + 1 - start) + rest[end + 1 :]
    return found
