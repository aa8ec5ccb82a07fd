"""Which atoms of a structure file are polymers, and of which chain: by what the file says of each, not by its order.

Files differ in what they give: chain letters or none, segment names, TER records, numbering that starts again. What
is left out, merged or renamed gets a note; what cannot be told apart is refused.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain as chained
from itertools import groupby
from math import dist
from string import ascii_uppercase
from typing import Final, NamedTuple

from core.errors import InputError
from core.proteins.residue_codes import Kind, is_tabulated, one_letter, parent_name, residue_kind

CHAIN_BREAK: Final = 4.5
"""Å between the Cα of two residues in a row above which something is missing between them (3.8 is the rule)."""

SAME_PLACE: Final = 2.5
"""Å between the Cα of two residues of one number up to which they are two versions of one residue."""

MOST_LISTED: Final = 5
AGAIN: Final = "numbers that start again"

Position = tuple[float, float, float]


class AtomSite(NamedTuple):
    """What a file says of one atom, in the file's own words; `segment` is a PDB file's segid."""

    chain: str
    segment: str
    number: int
    insertion: str
    residue: str
    atom: str
    altloc: str
    position: Position
    hetero: bool
    block: int = 0
    """How many TER and END records, or changes of label_asym_id, stand before it."""
    declared: bool | None = None
    """Whether the file calls it part of a polymer; None when it doesn't say."""


@dataclass(frozen=True, slots=True, eq=False)
class ResidueSite:
    """One residue: the rows of the file that hold its atoms; of several residues at one place, the first."""

    first: AtomSite
    name: str
    kind: Kind
    rows: tuple[int, ...]
    ca: Position | None
    altlocs: frozenset[str]
    others: tuple[str, ...]

    @property
    def place(self) -> tuple[int, str]:
        return self.first.number, self.first.insertion

    def __str__(self) -> str:
        return f"{self.name} {self.first.chain}:{self.first.number}{self.first.insertion}"


@dataclass(frozen=True, slots=True)
class Polymers:
    """The rows to keep, with the chain and the residue name of each."""

    chain_of: dict[int, str]
    name_of: dict[int, str]
    called: dict[str, str]
    """What the file itself calls each chain."""
    n_residues: dict[str, int]
    """How many residues each chain holds: what is read is compared with it."""
    notes: tuple[str, ...]


def find_polymers(atoms: Sequence[AtomSite], closed: Collection[int], source: str) -> Polymers:
    """The polymer residues among `atoms`, by chain; `closed` are the blocks that a TER record ends.

    Raises `InputError` where several residues have one number and nothing tells them apart.
    """
    sites = list(_residue_sites(atoms, source))
    by_chain: dict[str, list[ResidueSite]] = defaultdict(list)
    for site in sites:
        by_chain[site.first.chain].append(site)
    kept = {chain: _polymer(members, closed) for chain, members in by_chain.items()}
    taken = {chain for chain in kept if chain}
    named: dict[str, list[ResidueSite]] = {}
    called: dict[str, str] = {}
    notes: list[str] = []
    for chain, members in kept.items():
        pieces, how = _pieces(chain, members)
        names = _names(chain, pieces, taken)
        notes += _notes_on_names(chain, names, how)
        named |= zip(names, pieces, strict=True)
        called |= dict.fromkeys(names, chain)
        taken.update(names)
    left = {id(site) for site in sites if site.kind == "amino acid"}.difference(
        id(site) for members in kept.values() for site in members
    )
    notes += _notes_on_residues(named, [site for site in sites if id(site) in left])
    rows = [(row, name, site) for name, members in named.items() for site in members for row in site.rows]
    return Polymers(
        {row: name for row, name, _ in rows},
        {row: site.name for row, _, site in rows},
        called,
        {name: len(members) for name, members in named.items()},
        tuple(notes),
    )


def _residue_sites(atoms: Sequence[AtomSite], source: str) -> Iterator[ResidueSite]:
    """The residues in the order of the file."""

    def place(row: int) -> tuple[str, str, int, str, int]:
        atom = atoms[row]
        return atom.chain, atom.segment, atom.number, atom.insertion, atom.block

    for _, group in groupby(range(len(atoms)), key=place):
        rows = list(group)
        names = list(dict.fromkeys(atoms[row].residue for row in rows))
        read = tuple(row for row in rows if atoms[row].residue == names[0])
        first, held = atoms[read[0]], {atoms[row].atom for row in read}
        alphas = [row for row in rows if atoms[row].atom == "CA"]
        name = parent_name(names[0], held)
        kind = residue_kind(name, held)
        if kind == "other" and held & {"CA", "CB"} and not is_tabulated(name) and first.declared is not False:
            kind = "amino acid" if first.declared or not first.hetero else kind
        if kind == "amino acid" and _are_several([atoms[row] for row in alphas]):
            where = f"{first.chain or 'without a letter'}, number {first.number}{first.insertion}"
            raise InputError(f"{source} gives several residues one number (chain {where}): number them apart")
        ca = next((atoms[row].position for row in alphas if row in read), None)
        yield ResidueSite(first, name, kind, read, ca, frozenset(atoms[row].altloc for row in read), tuple(names[1:]))


def _are_several(alphas: Sequence[AtomSite]) -> bool:
    """Whether the Cα at one place are those of several residues, not of several versions of one."""
    seen = Counter((atom.residue, atom.altloc) for atom in alphas)
    unmarked = next((atom for atom in alphas if not atom.altloc), None)
    apart = unmarked is not None and any(_far(unmarked.position, atom.position) for atom in alphas)
    return apart or max(seen.values(), default=0) > 1


def _far(one: Position | None, other: Position | None) -> bool:
    return one is None or other is None or dist(one, other) > SAME_PLACE


def _bonded(one: ResidueSite, other: ResidueSite) -> bool:
    return one.ca is not None and other.ca is not None and dist(one.ca, other.ca) < CHAIN_BREAK


def _polymer(sites: Sequence[ResidueSite], closed: Collection[int]) -> list[ResidueSite]:
    """Of one chain's residues those that are in its polymer, each once.

    That is what the file declares; every amino acid and nucleotide up to the last one that is not HETATM; and beyond
    it what a TER closes in with such a one, and what is bonded to its neighbour. Free amino acids are ligands.
    """
    linked = [site for site in sites if site.kind in ("amino acid", "nucleotide")]
    sure = [site.first.declared or (site.first.declared is None and not site.first.hetero) for site in linked]
    last = max((index for index, is_sure in enumerate(sure) if is_sure), default=-1)
    sure_blocks = {site.first.block for site, is_sure in zip(linked, sure, strict=True) if is_sure}
    members = Counter(site.first.block for site in linked)

    def belongs(index: int) -> bool:
        site, block = linked[index], linked[index].first.block
        if any(
            _bonded(site, neighbour)
            for neighbour in (*linked[max(index - 1, 0) : index], *linked[index + 1 : index + 2])
        ):
            return True
        if site.first.declared is not None:
            return site.first.declared
        return index <= last or (block in closed and (block in sure_blocks or members[block] > 1))

    return list(_without_alternatives(site for index, site in enumerate(linked) if belongs(index)))


def _without_alternatives(sites: Iterable[ResidueSite]) -> Iterator[ResidueSite]:
    """The residues without those that are only another conformation of one before, written apart from it."""
    earlier: dict[tuple[int, str], ResidueSite] = {}
    for site in sites:
        before = earlier.get(site.place)
        if before is None or "" in site.altlocs or site.altlocs <= before.altlocs or _far(before.ca, site.ca):
            yield site
            earlier[site.place] = site


def _pieces(chain: str, sites: Sequence[ResidueSite]) -> tuple[list[list[ResidueSite]], str]:
    """The molecules under one chain name, and in words what tells them apart.

    Under a letter all is one chain unless its numbers come again, or its segment's name changes where nothing is
    bonded. Without letters segment names tell chains apart, or else TER records, and numbers that start again.
    """
    has_segments = any(site.first.segment for site in sites)
    pieces: list[list[ResidueSite]] = []
    places: set[tuple[int, str]] = set()
    reasons: list[str] = []
    for site in sites:
        before = pieces[-1][-1] if pieces else None
        cut = None if before is None else _cut(chain, before, site, has_segments, site.place in places)
        if cut == AGAIN and chain:  # the other molecule began where numbers fell, before two of them met
            start = _start(pieces[-1], site.place)
            pieces[-1:] = [pieces[-1][:start], [*pieces[-1][start:], site]]
            places = {each.place for each in pieces[-1]}
        elif cut is not None or before is None:
            pieces.append([site])
            places = {site.place}
        else:
            pieces[-1].append(site)
            places.add(site.place)
        reasons += [cut] if cut else []
    return pieces, " and ".join(dict.fromkeys(reasons))


def _cut(chain: str, before: ResidueSite, site: ResidueSite, has_segments: bool, is_taken: bool) -> str | None:
    """What makes `site` the first residue of another molecule than `before`, in words; None where nothing does."""
    if has_segments and site.first.segment != before.first.segment and not (chain and _bonded(before, site)):
        return "segment names"
    if not chain and not has_segments and site.first.block != before.first.block:
        return "TER records"
    falls = not chain and site.first.number < before.first.number and not _bonded(before, site)
    return AGAIN if is_taken or falls else None


def _start(piece: Sequence[ResidueSite], place: tuple[int, str]) -> int:
    """Where in `piece` the molecule begins that comes to `place` a second time."""
    first = next(index for index, site in enumerate(piece) if site.place == place)
    for index in range(len(piece) - 1, first, -1):
        before, site = piece[index - 1].first, piece[index].first
        if site.number < before.number or (site.block, site.segment) != (before.block, before.segment):
            return index
    return len(piece)


def _names(chain: str, pieces: Sequence[Sequence[ResidueSite]], taken: Collection[str]) -> list[str]:
    """A name for each piece: the chain's own for the first, segment names where there are no letters, else letters."""
    names: list[str] = []
    free = (name for name in _letters() if name not in taken and name not in names)
    for index, piece in enumerate(pieces):
        segment = piece[0].first.segment
        if chain and not index:
            names.append(chain)
        elif not chain and segment and segment not in taken and segment not in names:
            names.append(segment)
        else:
            names.append(next(free))
    return names


def _letters() -> Iterator[str]:
    """A to Z, then A1 to Z1, A2 and so on."""
    for number in chained([""], map(str, range(1, 10_000))):
        yield from (letter + number for letter in ascii_uppercase)


def _notes_on_names(chain: str, names: Sequence[str], how: str) -> list[str]:
    if not names or (chain and len(names) == 1):
        return []
    if chain:
        return [f"chain {chain} holds several molecules, told apart by {how}: they are read as chains {some(names)}"]
    if len(names) == 1:
        return [f"the file names no chain: it is called {names[0]}"]
    return [f"the file names no chains: {some(names)} are told apart by {how}"]


def _notes_on_residues(named: dict[str, list[ResidueSite]], left_out: Sequence[ResidueSite]) -> list[str]:
    """What stands at a place with others, under another name, or in no chain."""
    notes: list[str] = []
    members = [(chain, site) for chain, sites in named.items() for site in sites]
    mixed = [
        f"{chain}:{site.first.number}{site.first.insertion} as {site.name}, not {' or '.join(site.others)}"
        for chain, site in members
        if site.others
    ]
    if mixed:
        notes.append(f"of several residues at one place the first is read: {some(mixed)}")
    renamed = Counter((site.first.residue, site.name) for _, site in members if site.name != site.first.residue)
    if renamed:
        each = [f"{name} as {one_letter(parent)} ({count})" for (name, parent), count in renamed.items()]
        notes.append(f"force-field names are read as the residues they are: {', '.join(each)}")
    if left_out:
        notes.append(f"amino acids in no chain are left out as ligands: {some([str(site) for site in left_out])}")
    bases = [chain for chain, sites in named.items() if all(site.kind == "nucleotide" for site in sites)]
    if bases:
        notes.append(f"DNA or RNA is left out: chain {some(bases)}")
    return notes


def some(names: Sequence[str]) -> str:
    """The first few of some names, for people to read."""
    return ", ".join(names[:MOST_LISTED]) + (
        f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    )
