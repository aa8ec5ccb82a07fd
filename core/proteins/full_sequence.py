"""Where a chain's observed residues stand in the full sequence that its file gives (SEQRES, entity_poly_seq)."""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import gemmi

from core.proteins.atom_sites import CHAIN_BREAK
from core.proteins.residue_codes import one_letter

MOST_STRETCHES: Final = 12
"""Beyond so many breaks the ways to place a chain are not counted out."""


def first_of(names: str) -> str:
    """The first of the residues that a full sequence names at one place, with commas between them."""
    return gemmi.Entity.first_mon(names)


def places_in(full: Sequence[str], observed: Sequence[gemmi.Residue]) -> tuple[list[int] | None, str]:
    """The 0-based place in `full` of each residue in `observed`, and a note where the file's own places were wrong.

    Tried in turn are the file's own places (for PDB files gemmi's alignment), the author's numbers, and the order of
    the unbroken stretches, of which the last two count when they say one thing alone. Names must agree with those at
    their places, and nothing should be missing between residues that are bonded. None when nothing counts.
    """
    letters = [frozenset(map(one_letter, names.split(","))) for names in full]
    own = [residue.label_seq - 1 if residue.label_seq is not None else -1 for residue in observed]
    seen = [one_letter(residue.name) for residue in observed]
    stretches = list(_stretches(observed))
    starts = {first for first, _ in stretches}

    def leaves_bonds(places: Sequence[int]) -> bool:
        return all(other == one + 1 or index in starts for index, (one, other) in enumerate(pairwise(places), start=1))

    is_own = _agree(letters, seen, own)
    if is_own and leaves_bonds(own):
        return own, ""
    by_number, how = _by_number(letters, seen, observed), "residues are placed in the full sequence by author's numbers"
    if by_number is not None and leaves_bonds(by_number):
        return by_number, how
    by_order = _by_order(letters, seen, stretches)
    if by_order is not None:
        return by_order, "residues are placed in the full sequence by its letters"
    return (own, "") if is_own else (by_number, how if by_number else "")


def _agree(letters: Sequence[frozenset[str]], seen: Sequence[str], places: Sequence[int]) -> bool:
    """Whether the residues stand in the sequence in order, each where its own letter or an unknown one is."""
    return (
        all(0 <= place < len(letters) for place in places)
        and all(one < other for one, other in pairwise(places))
        and all(_fits(letters[place], letter) for place, letter in zip(places, seen, strict=True))
    )


def _fits(at_place: frozenset[str], letter: str) -> bool:
    return letter == "X" or letter in at_place or "X" in at_place


def _by_number(
    letters: Sequence[frozenset[str]], seen: Sequence[str], observed: Sequence[gemmi.Residue]
) -> list[int] | None:
    """The author's numbers as places, counted from 1 or else from the only other start at which they agree."""
    numbers = [residue.seqid.num or 0 for residue in observed]
    if any(residue.seqid.icode.strip() for residue in observed):
        return None
    starts = range(max(numbers) - len(letters) + 1, min(numbers) + 1)
    fitting = [start for start in starts if _agree(letters, seen, [number - start for number in numbers])]
    if 1 in fitting:
        fitting = [1]
    return [number - fitting[0] for number in numbers] if len(fitting) == 1 else None


def _by_order(
    letters: Sequence[frozenset[str]], seen: Sequence[str], stretches: Sequence[tuple[int, int]]
) -> list[int] | None:
    """The only places at which the unbroken stretches of the chain follow one another in the sequence."""
    ways: list[list[int]] = []

    def place(index: int, start: int, places: list[int]) -> None:
        if index == len(stretches):
            ways.append(places)
            return
        first, last = stretches[index]
        for begin in range(start, len(letters) - (last - first) + 1):
            if len(ways) > 1:
                return
            if all(_fits(letters[begin + step], seen[first + step]) for step in range(last - first)):
                place(index + 1, begin + last - first, places + list(range(begin, begin + last - first)))

    if len(stretches) <= MOST_STRETCHES:
        place(0, 0, [])
    return ways[0] if len(ways) == 1 else None


def _stretches(observed: Sequence[gemmi.Residue]) -> Iterator[tuple[int, int]]:
    """Where each run of bonded residues begins and ends."""
    start = 0
    for index in range(1, len(observed)):
        one, other = (residue.find_atom("CA", "*") for residue in observed[index - 1 : index + 1])
        if one is None or other is None or math.dist(one.pos.tolist(), other.pos.tolist()) > CHAIN_BREAK:
            yield start, index
            start = index
    yield start, len(observed)
