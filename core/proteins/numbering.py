"""How people number residues: by position in the sequence, or as the structure's authors do (101, −3, 12A)."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from core.errors import InputError
from core.proteins.protein import Protein, parse_residue, residue_name
from core.proteins.uploads import one_line

_ITEM: Final = r"(?:#?[A-Za-z]?-?[0-9]{1,9}[A-Za-z]?)"
_LISTED: Final = re.compile(rf"\s*({_ITEM})(?:(?:\s+[-–—]\s+|[-–—]|\.\.)({_ITEM}))?(?=\s|$)")
_AUTHOR: Final = re.compile(r"([A-Za-z]?)(-?[0-9]{1,9}[A-Za-z]?)")
_MINUS: Final = str.maketrans("−‐‑‒", "----")


@dataclass(frozen=True, slots=True)
class Numbering:
    """The names of a protein's residues, and what residues a written name means.

    `numbers` are the author's, None for residues that the structure doesn't resolve; () where there are none, or none
    but the positions. With `by_author` a number that is written is one of them; `#3` is the third residue anyway.
    """

    sequence: str
    numbers: tuple[str | None, ...] = ()
    by_author: bool = False

    @classmethod
    def of(cls, protein: Protein, by_author: bool = False) -> "Numbering":
        """The numbering of a protein, with the numbers of its structure where one is known and they differ."""
        residues = protein.structure.residues if protein.structure else ()
        numbers = tuple(place and f"{place.number}{place.insertion}" for place in residues)
        if all(number in (None, str(position)) for position, number in enumerate(numbers, start=1)):
            return cls(protein.sequence)
        return cls(protein.sequence, numbers, by_author)

    @property
    def differs(self) -> bool:
        """Whether the structure numbers residues otherwise than by position."""
        return bool(self.numbers)

    def name(self, index: int) -> str:
        """The residue's letter and position, and the author's number beside them where that is another: `K2 (102)`."""
        name = residue_name(self.sequence, index)
        number = self.numbers[index] if self.numbers else None
        return f"{name} ({number})" if number not in (None, str(index + 1)) else name

    def names(self) -> tuple[str, ...]:
        """`name` of every residue."""
        return tuple(map(self.name, range(len(self.sequence))))

    def positions(self) -> tuple[str, ...]:
        """What people call every position that a model reads: BOS, the residues, EOS."""
        return ("BOS", *self.names(), "EOS")

    def written(self, indices: Iterable[int]) -> str:
        """Residues as they are typed, so that `parse_list` gives them back."""
        return ", ".join(map(self._typed, indices))

    def parse(self, text: str) -> int:
        """The 0-based residue that is typed, with or without its letter.

        Raises `InputError` for what is no residue, a number that is not there, and a letter that doesn't stand there.
        """
        text = text.strip().translate(_MINUS)
        if text.startswith("#"):
            return parse_residue(text[1:], self.sequence)
        if not self.by_author:
            if re.fullmatch(r"[A-Za-z]?-?[0-9]{1,9}[A-Za-z]", text) and self.numbers:
                raise InputError(f"{text!r} is no position: choose the structure's numbers to write it so")
            return parse_residue(text, self.sequence)
        match = _AUTHOR.fullmatch(text)
        if match is None:
            raise InputError(f"{one_line(text)!r} is not a residue: write the structure's number, as 102, K102 or 12A")
        places = {number.upper(): index for index, number in enumerate(self.numbers) if number}
        if match[2].upper() not in places:
            known = [number for number in self.numbers if number]
            raise InputError(f"the structure has no residue {match[2]}: its numbers go from {known[0]} to {known[-1]}")
        index = places[match[2].upper()]
        if match[1] and match[1].upper() != self.sequence[index]:
            raise InputError(f"residue {match[2]} of the structure is {self.sequence[index]}, not {match[1].upper()}")
        return index

    def parse_list(self, text: str) -> tuple[int, ...]:
        """The 0-based residues in a list such as `M1, 5 7, 8-12`, in its order, once each; `12-8` counts down.

        Raises `InputError` as `parse` does, naming the part of the list that it cannot read.
        """
        return tuple(dict.fromkeys(index for part in re.split(r"[,;]", text) for index in self._parse_part(part)))

    def _parse_part(self, part: str) -> Iterator[int]:
        part, at = part.translate(_MINUS).strip(), 0
        while at < len(part):
            match = _LISTED.match(part, at)
            if match is None:
                raise InputError(f"{one_line(part[at:])!r} is not a residue: write residues as M1, 5, 8-12")
            first = self.parse(match[1])
            last = self.parse(match[2]) if match[2] else first
            step = 1 if last >= first else -1
            yield from range(first, last + step, step)
            at = match.end()

    def _typed(self, index: int) -> str:
        if not self.by_author:
            return residue_name(self.sequence, index)
        number = self.numbers[index]
        return f"#{index + 1}" if number is None else f"{self.sequence[index]}{number}"
