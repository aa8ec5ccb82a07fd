"""Variants as people write them: lists such as `A23V, p.Lys48Arg, A23V:K48R`, and tables with measured scores."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from core.alphabet import AMINO_ACIDS
from core.errors import InputError
from core.proteins.numbering import Numbering
from core.proteins.protein import Protein
from core.proteins.residue_codes import one_letter
from core.proteins.structure import align_structure
from core.proteins.uploads import one_line

VARIANT_COLUMNS: Final = (
    *("variant", "variants", "mutant", "mutants", "mutation", "mutations", "substitution", "substitutions"),
    *("hgvs_pro", "hgvs", "aa_change", "aachange", "protein_change", "mut"),
)
SCORE_COLUMNS: Final = (
    *("score", "scores", "dms_score", "fitness", "log_fitness", "measured", "effect", "activity", "value"),
    *("ddg", "dg", "ratio", "enrichment"),
)
"""What columns are called, in lower case, the likeliest first."""

MOST_SUBSTITUTED: Final = 0.1
"""Share of residues up to which a protein of the same length counts as a variant."""
WILD_TYPES: Final = "the structure shown is the wild type's: this variant has none of its own"
FEWEST_SHIFTED: Final = 5
MOSTLY: Final = 0.9
"""Numbers look shifted where this share of so many residues, or more, would fit others."""

_NUMBER: Final = r"(#?[-−]?[0-9]{1,9}[A-Za-z]?)"
_ONE: Final = re.compile(rf"([A-Za-z]){_NUMBER}([A-Za-z])")
_THREE: Final = re.compile(rf"([A-Za-z]{{3}}){_NUMBER}([A-Za-z]{{3}})")
_LOOKS_LIKE_ONE: Final = re.compile(r"(?:\S+:)?(?:p\.)?[(\[]*[A-Za-z]{1,3}#?[-−]?[0-9]+[A-Za-z]*(?:[A-Za-z=*?]|$)\S*")
_ACCESSION: Final = re.compile(r"^\S+\.[0-9]+:(?=p\.)")
_JOINED: Final = re.compile(r"[:/+_]")
_DELIMITERS: Final = ",;\t"


@dataclass(frozen=True, slots=True, order=True)
class Substitution:
    """One residue (0-based) replaced by another letter."""

    residue: int
    letter: str


@dataclass(frozen=True, slots=True)
class Variant:
    """One or more substitutions of a protein, in the order of its residues, and what was measured of it."""

    name: str
    """As one-letter codes and positions: A23V, or A23V:K48R."""
    substitutions: tuple[Substitution, ...]
    score: float | None = None


@dataclass(frozen=True, slots=True)
class VariantList:
    """The variants that could be read, and one line for each row that could not."""

    variants: tuple[Variant, ...]
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """Which columns were taken for what, which rows have no score, and whether numbers look shifted."""
    score_columns: tuple[str, ...] = ()
    """The table's columns of numbers, of which one holds the scores."""
    score_column: str | None = None


def parse_variant(text: str, numbering: Numbering, score: float | None = None) -> Variant:
    """The variant that is written: A23V, Ala23Val, p.Ala23Val, or several joined by a colon, slash, plus or _.

    Numbers mean what the numbering says. Raises `InputError` for what is no substitution, a letter that is none of the
    twenty, a position outside, a residue that is another, one that is substituted twice, or by its own letter.
    """
    plain = _ACCESSION.sub("", text.strip()).removeprefix("p.").strip("()[]").replace(";", ":")
    parts = [_substitution(part, numbering) for part in _JOINED.split(plain)]
    for one, other in zip(sorted(parts), sorted(parts)[1:], strict=False):
        if one.residue == other.residue:
            raise InputError(f"residue {numbering.name(one.residue)} is substituted twice")
    named = ((f"{numbering.sequence[part.residue]}{part.residue + 1}{part.letter}", part) for part in sorted(parts))
    names, substitutions = zip(*named, strict=True)
    return Variant(":".join(names), substitutions, score)


def mutated(sequence: str, variant: Variant) -> str:
    """The protein with the variant's substitutions made."""
    letters = list(sequence)
    for part in variant.substitutions:
        letters[part.residue] = part.letter
    return "".join(letters)


def on_wild_types_structure(protein: Protein, wild_type: Protein) -> Protein:
    """A variant without a structure on that of its wild type, with the note `WILD_TYPES`; any other protein as it is.

    A variant is as long as its wild type; of its residues one is another, or up to `MOST_SUBSTITUTED` are.
    """
    if protein.structure is not None or wild_type.structure is None or len(protein.sequence) != len(wild_type.sequence):
        return protein
    others = sum(one != other for one, other in zip(protein.sequence, wild_type.sequence, strict=True))
    if others > max(1, MOST_SUBSTITUTED * len(protein.sequence)):
        return protein
    structure = align_structure(protein.sequence, wild_type.structure)
    return replace(protein, structure=structure, notes=(*protein.notes, WILD_TYPES))


def _substitution(text: str, numbering: Numbering) -> Substitution:
    text = text.strip().removeprefix("p.").strip("()[]")
    found = _THREE.fullmatch(text) or _ONE.fullmatch(text)
    if found is None:
        raise InputError(f"{one_line(text)!r} is not a substitution: write it as A23V or p.Ala23Val")
    own, number, letter = found.groups()
    if len(own) == 3:
        own, letter = (one_letter(code.upper()) for code in (own, letter))
    own, letter = own.upper(), letter.upper()
    if letter not in AMINO_ACIDS:
        raise InputError(f"{found[3]!r} is none of the twenty amino acids {''.join(sorted(AMINO_ACIDS))}")
    residue = numbering.parse(number)
    there = numbering.sequence[residue]
    if there != own:
        raise InputError(f"residue {number} is {there}, not {own}")
    if there not in AMINO_ACIDS:
        raise InputError(f"residue {number} is {there}, none of the twenty amino acids: it has no ratio")
    if there == letter:
        raise InputError(f"residue {number} is {letter} already")
    return Substitution(residue, letter)


def read_variants(text: str, numbering: Numbering, *, score_column: str | None = None) -> VariantList:
    """The variants in a list or in a table with a header (comma, semicolon or tab), each once.

    A table's columns are found by their names, or else by what they hold; `score_column` names another one of numbers.
    What cannot be read is left out with a line that names its row. Raises `InputError` for a table without a column of
    variants.
    """
    lines = [(row, line) for row, line in enumerate(text.splitlines(), start=1) if line.strip()]
    lines = [(row, line) for row, line in lines if not line.lstrip().startswith("#")]
    if not lines:
        return VariantList(())
    delimiter = max(_DELIMITERS, key=lines[0][1].count)
    cells = [(row, [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter))]) for row, line in lines]
    first = cells[0][1]
    has_header = len(cells) > 1 and not any(_LOOKS_LIKE_ONE.fullmatch(cell) for line in first for cell in line.split())
    if has_header:
        return _from_table(_Table(tuple(first), cells[1:]), numbering, score_column)
    if len(first) > 1 and any(_number(cell) is not None for cell in first):
        columns = tuple(f"column {place}" for place in range(1, len(first) + 1))
        return _from_table(_Table(columns, cells), numbering, score_column)
    items = ((f"row {row}", item, None) for row, line in lines for item in _items(line))
    return _read(items, numbering, VariantList(()))


def _items(line: str) -> list[str]:
    """The variants listed on a line; a semicolon within brackets joins two substitutions and separates none."""
    joined = re.sub(r"\[[^\]]*\]", lambda found: re.sub(r"\s*;\s*", ":", found[0]), line)
    return [item for item in re.split(r"[\s,;|]+", joined) if item]


@dataclass(frozen=True, slots=True)
class _Table:
    columns: tuple[str, ...]
    rows: Sequence[tuple[int, list[str]]] = field(repr=False)
    """The number of each row in its file, and its cells, of which there may be fewer than columns."""

    def cell(self, cells: Sequence[str], column: str) -> str:
        place = self.columns.index(column)
        return cells[place] if place < len(cells) else ""

    def column(self, name: str) -> list[str]:
        return [self.cell(cells, name) for _, cells in self.rows]

    def named(self, names: Iterable[str], among: Sequence[str]) -> str | None:
        """The first of `among` that goes by one of these names."""
        by_name = {column.lower().replace(" ", "_"): column for column in reversed(among)}
        return next((by_name[name] for name in names if name in by_name), None)


def _from_table(table: _Table, numbering: Numbering, score_column: str | None) -> VariantList:
    holding = [column for column in table.columns if _mostly(map(_LOOKS_LIKE_ONE.fullmatch, table.column(column)))]
    variants = table.named(VARIANT_COLUMNS, table.columns) or next(iter(holding), None)
    if variants is None:
        listed = one_line(", ".join(table.columns))
        raise InputError(f"no column of variants (variant, mutant, mutation, hgvs_pro) among the columns {listed}")
    numbers = [each for each in table.columns if each != variants and _mostly(map(_is_number, table.column(each)))]
    scores = score_column if score_column in numbers else table.named(SCORE_COLUMNS, numbers)
    if scores is None and len(numbers) == 1:
        scores = numbers[0]
    notes = [f"variants are those of the column {one_line(variants)}"]
    if scores:
        notes.append(f"measured scores are those of the column {one_line(scores)}")
    elif numbers:
        notes.append(f"several columns hold numbers ({one_line(', '.join(numbers))}): choose the measured score")
    unscored = [row for row, cells in table.rows if scores and _number(table.cell(cells, scores)) is None]
    if unscored:
        shown = ", ".join(map(str, unscored[:5])) + (" …" if len(unscored) > 5 else "")
        notes.append(f"{len(unscored)} rows have no number as score and are kept without: {shown}")
    items = (
        (f"row {row}", table.cell(cells, variants), _number(table.cell(cells, scores)) if scores else None)
        for row, cells in table.rows
    )
    return _read(items, numbering, VariantList((), (), tuple(notes), tuple(numbers), scores))


def _shift(texts: Sequence[str], sequence: str) -> str | None:
    """What to say where most of the substitutions would fit if all positions were moved by the same number."""
    found = [match for text in texts for match in re.findall(r"\b([A-Z])([0-9]{1,5})[A-Z]\b", text)]
    places = {(own, int(number) - 1) for own, number in found}
    if len(places) < FEWEST_SHIFTED:
        return None

    def fitting(by: int) -> int:
        return sum(sequence[at + by : at + by + 1] == own for own, at in places if at + by >= 0)

    few = sorted(places)[:FEWEST_SHIFTED]
    shifts = {place - at for own, at in few for place, letter in enumerate(sequence) if letter == own}
    by = max(shifts, key=fitting, default=0)
    if by == 0 or fitting(by) < MOSTLY * len(places):
        return None
    direction = "higher" if by > 0 else "lower"
    return f"{fitting(by)} of {len(places)} residues would fit if positions were {abs(by)} {direction}"


def _read(items: Iterable[tuple[str, str, float | None]], numbering: Numbering, empty: VariantList) -> VariantList:
    """`empty` with the variants of (row, what is written there, score)."""
    found: dict[tuple[Substitution, ...], Variant] = {}
    left_out, texts = [], []
    for row, text, score in items:
        texts.append(text)
        try:
            variant = parse_variant(text, numbering, score)
            if variant.substitutions in found:
                raise InputError("it stands above already")
            found[variant.substitutions] = variant
        except InputError as error:
            left_out.append(f"{row}, {one_line(text) or 'nothing'}: {error}")
    notes = empty.notes
    if len(left_out) > len(found) and not numbering.by_author and (shift := _shift(texts, numbering.sequence)):
        notes += (shift,)
    return VariantList(tuple(found.values()), tuple(left_out), notes, empty.score_columns, empty.score_column)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


def _is_number(text: str) -> bool:
    return _number(text) is not None


def _mostly(holds: Iterator[object]) -> bool:
    found = [bool(each) for each in holds]
    return 2 * sum(found) > len(found)
