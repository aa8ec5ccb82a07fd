"""The example proteins that come with plmscope: real ones with structures, and why each is worth a look."""

import csv
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final

from core.errors import InputError
from core.proteins.protein import Protein
from core.proteins.structure import read_structure

EXAMPLES_FOLDER: Final = Path(__file__).parents[2] / "assets" / "examples"


@dataclass(frozen=True, slots=True)
class Example:
    """A row of `assets/examples/examples.csv`, whose columns `SOURCES.md` beside it explains."""

    id: str
    title: str
    why: str
    start: str
    family: str
    uniprot: str
    pdb: str
    chain: str
    chains_shown: str
    file: str
    source: str
    licence: str


@cache
def examples() -> tuple[Example, ...]:
    """All example proteins, in the order to offer them."""
    with (EXAMPLES_FOLDER / "examples.csv").open(newline="", encoding="utf-8") as table:
        return tuple(Example(**row) for row in csv.DictReader(table))


@cache
def load_example(example_id: str) -> Protein:
    """An example with its structure, and with notes on how it starts and on relatives that the embedded model has seen.

    Raises `InputError` for an unknown `example_id`.
    """
    by_id = {example.id: example for example in examples()}
    if example_id not in by_id:
        raise InputError(f"there is no example '{example_id}': the examples are {', '.join(by_id)}")
    example = by_id[example_id]
    data = (EXAMPLES_FOLDER / example.file).read_bytes()
    read = read_structure(data, example.chain, source=f"PDB {example.pdb}", name=example.pdb)
    structure = replace(read, title=example.title)
    seen = (f"the embedded model was trained on its relatives ({example.family})",) if example.family else ()
    return Protein(example.title, structure.sequence, (example.start, *seen, *structure.notes), structure)
