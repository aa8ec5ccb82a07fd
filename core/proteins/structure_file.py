"""Structure files, PDB or mmCIF, read by gemmi: the polymers of the first model, each chain under a name."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from string import ascii_letters, digits
from typing import Final

import gemmi
import numpy as np
from gemmi import cif

from core.errors import InputError
from core.proteins.atom_sites import AtomSite, Polymers, Position, find_polymers
from core.proteins.residue_codes import parent_name, residue_kind
from core.proteins.uploads import one_line

_CIF_HEADER: Final = re.compile(r"^data_", re.MULTILINE | re.IGNORECASE)
_CATEGORY: Final = "_atom_site."
_LINE_OF_CIF: Final = re.compile(r":(\d+):\d+")
_PLAIN_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,8}")
_HYBRID_NUMBER: Final = re.compile(r"[A-Z][0-9A-Z]{3}")
_HYBRID_36: Final = 10 * 36**3 - 10_000
"""What added to a number above 9,999 and written in base 36 gives the four columns that hold it in PDB files."""


@dataclass(frozen=True, slots=True, eq=False)
class StructureFile:
    """The polymers of a file's first model in their first conformation, and notes on what reading them changed.

    `full` holds the full sequence of each chain that the file gives one for: its three-letter names, where
    microheterogeneity gives several with commas.
    """

    model: gemmi.Structure
    entry: str
    title: str
    full: dict[str, list[str]]
    notes: tuple[str, ...]


def read_structure_file(text: str, source: str) -> StructureFile:
    """The polymers in the text of a PDB or mmCIF file, which is told by what it holds.

    Raises `InputError`: a web page, no atoms, syntax that is neither format's, coordinates or numbers that are none.
    """
    # gemmi reads a web page as a PDB file without atoms, and says nothing.
    if text.lstrip().startswith("<"):
        raise InputError(f"{source} is a web page or XML, not a PDB or mmCIF file")
    is_mmcif = _CIF_HEADER.search(text) is not None
    try:
        return _read_mmcif(text, source) if is_mmcif else _read_pdb(text, source)
    except InputError:
        raise
    except (RuntimeError, ValueError, LookupError) as error:  # gemmi's, whose words are for programmers
        line = _LINE_OF_CIF.search(str(error)) if is_mmcif else None
        where = f"its syntax breaks at line {line[1]}" if line else "its records are damaged"
        raise InputError(f"{source} cannot be read as {'mmCIF' if is_mmcif else 'PDB'}: {where}") from error


def _finished(
    model: gemmi.Structure,
    names: Mapping[str, str],
    full: dict[str, list[str]],
    polymers: Polymers,
    notes: Sequence[str],
    source: str,
) -> StructureFile:
    """The cleaned model, its chains renamed by `names`; `InputError` when it lacks a residue that the file holds."""
    for residue in (residue for chain in model[0] for residue in chain):
        residue.entity_type = gemmi.EntityType.Polymer
    model.setup_entities()
    model.assign_label_seq_id()  # what PDB files lack: each residue's place in SEQRES
    for chain in model[0]:
        chain.name = names.get(chain.name, chain.name)
    model.remove_hydrogens()
    model.remove_alternative_conformations()
    for chain, n_residues in polymers.n_residues.items():
        n_read = len(model[0][chain])
        if n_read != n_residues:
            raise InputError(f"{source} cannot be read whole: {n_read} of the {n_residues} residues of chain {chain}")
    for site in model[0].all():
        if not all(map(math.isfinite, site.atom.pos.tolist())):
            raise InputError(f"{source} has an atom whose coordinates are not numbers: {site}")
    about = dict(model.info)
    entry, title = one_line(about.get("_entry.id", "")), one_line(about.get("_struct.title", ""))
    return StructureFile(model, entry, title, full, (*notes, *polymers.notes))


def _require_chains(model: gemmi.Structure, polymers: Polymers, source: str) -> None:
    if not polymers.n_residues or not model:
        raise InputError(f"{source} has no protein chain")


# PDB: columns


def _read_pdb(text: str, source: str) -> StructureFile:
    lines = text.encode("ascii", "replace").decode().splitlines()  # columns are counted: any other letter is one "?"
    head, atom_lines, closed, n_models = _sections(lines)
    read = [(line, _pdb_atom(line, number, block, source)) for number, line, block in atom_lines]
    kept = [(line, atom) for line, atom in read if atom is not None]
    if not kept:
        raise InputError(f"{source} holds no atoms: it must be a PDB or mmCIF file")
    polymers = find_polymers([atom for _, atom in kept], closed, source)
    codes = _codes(polymers.called)
    written = [
        _rewritten(*kept[row], codes[chain], polymers.name_of[row]) for row, chain in sorted(polymers.chain_of.items())
    ]
    model = gemmi.read_pdb_string("\n".join([*head, *written, "END"]))
    _require_chains(model, polymers, source)
    model.merge_chain_parts()
    sequences = {entity.name: list(entity.full_sequence) for entity in model.entities if entity.full_sequence}
    full = {chain: sequences[called] for chain, called in polymers.called.items() if called in sequences}
    names = {code: chain for chain, code in codes.items()}
    notes = [f"model 1 of {n_models} is read"] if n_models > 1 else []
    return _finished(model, names, full, polymers, notes, source)


def _sections(lines: Sequence[str]) -> tuple[list[str], list[tuple[int, str, int]], set[int], int]:
    """What stands before the atoms; the first model's atoms as line number, line and block; the blocks that a TER
    closes; and how many models there are."""
    head: list[str] = []
    atoms: list[tuple[int, str, int]] = []
    closed: set[int] = set()
    n_models, block, is_read = 0, 0, True
    for number, line in enumerate(lines, start=1):
        record = line[:6].upper()
        if record.startswith("MODEL") and record in ("MODEL", "MODEL "):
            n_models += 1
            is_read = n_models == 1
        elif record.startswith(("ATOM", "HETATM")):
            if is_read:
                atoms.append((number, line, block))
        elif record.startswith(("TER", "END")):
            if is_read and record.startswith("TER"):
                closed.add(block)
            block += 1
        elif not atoms:
            head.append(line)
    return head, atoms, closed, n_models


def _pdb_atom(line: str, number: int, block: int, source: str) -> AtomSite | None:
    """What an atom's line says; None for waters and ligands whose numbers overflow their columns."""
    where = f"{source} cannot be read as PDB: line {number}"
    if len(line) < 54:
        raise InputError(f"{where} ends before its coordinates do")
    chain, residue = line[20:22].strip(), line[17:20].strip()
    if line[20] != " " and parent_name(line[17:21]) != line[17:21]:  # four letters, as GROMACS writes them
        chain, residue = line[21].strip(), line[17:21]
    try:
        x, y, z = (_coordinate(line[start : start + 8], where) for start in (30, 38, 46))
        residue_number, insertion = _pdb_number(line[22:27], where)
    except InputError:
        if residue_kind(parent_name(residue)) in ("water", "other"):
            return None
        raise
    return AtomSite(
        chain=chain,
        segment=line[72:76].strip(),
        number=residue_number,
        insertion=insertion,
        residue=residue,
        atom=line[12:16].strip(),
        altloc=line[16].strip(),
        position=(x, y, z),
        hetero=line[:6].upper() == "HETATM",
        block=block,
    )


def _coordinate(columns: str, where: str) -> float:
    try:
        return float(columns)
    except ValueError:
        raise InputError(f"{where} has {one_line(columns)!r} where a coordinate is due") from None


def _pdb_number(columns: str, where: str) -> tuple[int, str]:
    """A residue's number and insertion code; above 9,999 in hybrid-36, or with its fifth digit in the code's column."""
    number, insertion = columns[:4].strip(), columns[4].strip()
    if insertion.isdecimal():
        number, insertion = number + insertion, ""
    if _PLAIN_NUMBER.fullmatch(number):
        return int(number), insertion
    if _HYBRID_NUMBER.fullmatch(number):
        return int(number, 36) - _HYBRID_36, insertion
    raise InputError(f"{where} has {one_line(columns)!r} where a residue's number is due")


def _codes(chains: Iterable[str]) -> dict[str, str]:
    """The one or two characters that stand for each chain in PDB's columns: its own name where that is one letter."""
    chains = list(chains)
    taken = {chain for chain in chains if len(chain) == 1}
    free = (first + second for first in digits for second in ascii_letters + digits)
    return {chain: chain if chain in taken else next(free) for chain in chains}


def _rewritten(line: str, atom: AtomSite, code: str, name: str) -> str:
    """The line with its chain's code, the residue's name and number in the columns where gemmi looks for them."""
    number = str(atom.number)
    if atom.number > 9_999:
        number = np.base_repr(atom.number + _HYBRID_36, 36)
    return f"{line[:17]}{name:>3}{code:>2}{number:>4}{atom.insertion or ' '}{line[27:]}"


# mmCIF: a table


def _read_mmcif(text: str, source: str) -> StructureFile:
    document = cif.read_string(text)
    blocks = [block for block in document if len(block.find(_CATEGORY, ["Cartn_x"]))]
    if not blocks:
        is_small = any(len(block.find(["_atom_site_label"])) for block in document)
        held = "a small molecule's crystal, no protein" if is_small else "no atoms: it must be a PDB or mmCIF file"
        raise InputError(f"{source} holds {held}")
    block = blocks[0]
    table = _Table.of(block)
    rows, n_models = _usable_rows(table, source)
    atoms = _cif_atoms(block, table, rows, source)
    polymers = find_polymers(atoms, (), source)
    kept = [(rows[index], chain, polymers.name_of[index]) for index, chain in sorted(polymers.chain_of.items())]
    table.replace_in(block, kept)
    model = gemmi.make_structure_from_block(block)
    _require_chains(model, polymers, source)
    model.merge_chain_parts()
    sequences = {entity.name: list(entity.full_sequence) for entity in model.entities if entity.full_sequence}
    entities = {chain.name: next((r.entity_id for r in chain if r.entity_id in sequences), "") for chain in model[0]}
    entities |= {
        chain: _entity_by_letter(block, called) for chain, called in polymers.called.items() if not entities[chain]
    }
    full = {chain: sequences[entity] for chain, entity in entities.items() if entity in sequences}
    notes = [f"model 1 of {n_models} is read"] if n_models > 1 else []
    if len(blocks) > 1:
        notes.append(f"of {len(blocks)} blocks with coordinates the first is read: {one_line(block.name)}")
    return _finished(model, {}, full, polymers, notes, source)


@dataclass(frozen=True, slots=True)
class _Table:
    """The category atom_site: its columns by name in lower case."""

    columns: dict[str, list[str]]

    @classmethod
    def of(cls, block: cif.Block) -> "_Table":
        table = block.find_mmcif_category(_CATEGORY)
        names = [tag[len(_CATEGORY) :].lower() for tag in table.tags]
        return cls({name: list(table.column(index)) for index, name in enumerate(names)})

    def values(self, *names: str) -> list[str]:
        """A column as text, "" for what is unknown: in each row of the first of `names` that says something."""
        held = [self.columns[name] for name in names if name in self.columns]
        n_rows = len(self.columns["cartn_x"])
        if not held:
            return [""] * n_rows
        texts = [["" if cif.is_null(value) else cif.as_string(value) for value in column] for column in held]
        return [next((text for text in row if text), "") for row in zip(*texts, strict=True)]

    def replace_in(self, block: cif.Block, kept: Sequence[tuple[int, str, str]]) -> None:
        """Leave in `block` the rows to keep alone, each with its chain and its residue's name."""
        rows = [row for row, _, _ in kept]
        numbers = self.values("auth_seq_id", "label_seq_id")
        columns = {name: [column[row] for row in rows] for name, column in self.columns.items()}
        columns["auth_asym_id"] = [cif.quote(chain) for _, chain, _ in kept]
        columns.setdefault("label_asym_id", columns["auth_asym_id"])
        columns["auth_seq_id"] = [numbers[row] for row in rows]
        columns["label_comp_id"] = columns["auth_comp_id"] = [cif.quote(name) for _, _, name in kept]
        columns["pdbx_pdb_model_num"] = ["1"] * len(rows)
        loop = block.init_mmcif_loop(_CATEGORY, list(columns))
        loop.set_all_values(list(columns.values()))


def _usable_rows(table: _Table, source: str) -> tuple[list[int], int]:
    """The rows of the first model, but for waters and ligands without a number; and how many models there are."""
    models = table.values("pdbx_pdb_model_num")
    numbers = table.values("auth_seq_id", "label_seq_id")
    names = table.values("label_comp_id", "auth_comp_id")
    rows: list[int] = []
    for row, (model, number, name) in enumerate(zip(models, numbers, names, strict=True)):
        if model != models[0]:
            continue
        if not _PLAIN_NUMBER.fullmatch(number):
            if residue_kind(parent_name(name)) in ("water", "other"):
                continue
            held = f"the number {one_line(number)!r}" if number else "no number"
            raise InputError(f"{source} cannot be read as mmCIF: a residue {one_line(name)} has {held}")
        rows.append(row)
    return rows, len(set(models))


def _cif_atoms(block: cif.Block, table: _Table, rows: Sequence[int], source: str) -> list[AtomSite]:
    types = {cif.as_string(row[0]): cif.as_string(row[1]).lower() for row in block.find("_entity.", ["id", "type"])}
    chains, segments = table.values("auth_asym_id", "label_asym_id"), table.values("label_asym_id")
    numbers, insertions = table.values("auth_seq_id", "label_seq_id"), table.values("pdbx_pdb_ins_code")
    residues = table.values("label_comp_id", "auth_comp_id")
    names, altlocs = table.values("auth_atom_id", "label_atom_id"), table.values("label_alt_id")
    records, entities = table.values("group_pdb"), table.values("label_entity_id")
    positions = list(zip(*(table.columns.get(f"cartn_{axis}", []) for axis in "xyz"), strict=False))
    if len(positions) != len(chains):
        raise InputError(f"{source} cannot be read as mmCIF: its atoms lack one of Cartn_x, Cartn_y and Cartn_z")

    stretch = 0
    stretches: dict[int, int] = {}
    for before, row in pairwise([rows[0], *rows]):
        stretch += segments[row] != segments[before]
        stretches[row] = stretch

    def declared(row: int) -> bool | None:
        said = types.get(entities[row])
        return None if said is None else said == "polymer"

    return [
        AtomSite(
            chain=chains[row],
            segment="",  # label_asym_id changes inside chains, too
            number=int(numbers[row]),
            insertion=insertions[row],
            residue=residues[row],
            atom=names[row],
            altloc=altlocs[row],
            position=_cif_position(positions[row], residues[row], numbers[row], source),
            hetero=records[row].upper() == "HETATM",
            block=stretches[row],
            declared=declared(row),
        )
        for row in rows
    ]


def _cif_position(values: Sequence[str], residue: str, number: str, source: str) -> Position:
    try:
        x, y, z = (float(value.partition("(")[0]) for value in values)
    except ValueError:
        where = f"{one_line(residue)} {one_line(number)}: {one_line(' '.join(values))!r}"
        raise InputError(f"{source} has an atom whose coordinates are not numbers: {where}") from None
    return x, y, z


def _entity_by_letter(block: cif.Block, chain: str) -> str:
    """The polymer entity whose chains the file lists with `chain` among them, "" where there is none."""
    for row in block.find("_entity_poly.", ["entity_id", "pdbx_strand_id"]):
        if chain in cif.as_string(row[1]).replace(" ", "").split(","):
            return cif.as_string(row[0])
    return ""
