"""A structure as a viewer draws it: labelled so that no parser can take one residue for another."""

from string import ascii_letters, digits
from typing import Final, Literal, NamedTuple

import gemmi

from core.proteins.structure import AuthorResidue, Structure

_LETTERS: Final = ascii_letters + digits
_MOST_RESIDUES: Final = 9_999


class Displayed(NamedTuple):
    """Text in PDB or mmCIF format, and where each residue of the sequence stands in it, None if it is unresolved."""

    text: str
    format: Literal["pdb", "mmcif"]
    residues: tuple[AuthorResidue | None, ...]


def displayed(structure: Structure) -> Displayed:
    """The structure for a 3D viewer.

    mmCIF is what PDB's columns cannot hold: long chain names, five-letter residues, numbers above 9,999. Viewers read
    it in part (3Dmol no insertion codes), so its residues are numbered anew, chain by chain, and written as PDB; only
    the labels change, and only for the viewer. With more chains than letters it stays as it is.
    """
    if structure.format == "pdb":
        return Displayed(structure.text, "pdb", structure.residues)
    model = gemmi.read_structure_string(structure.text, format=gemmi.CoorFormat.Mmcif)
    chains = list(model[0])
    if len(chains) > len(_LETTERS) or any(len(chain) > _MOST_RESIDUES for chain in chains):
        return Displayed(structure.text, "mmcif", structure.residues)
    places: dict[tuple[str, str], AuthorResidue] = {}
    for letter, chain in zip(_LETTERS, chains, strict=False):
        for number, residue in enumerate(chain, start=1):
            places[chain.name, str(residue.seqid)] = AuthorResidue(letter, number, "")
            residue.seqid = gemmi.SeqId(number, " ")
            residue.name = residue.name if len(residue.name) <= 3 else "UNK"
        chain.name = letter
    text = model.make_pdb_string(gemmi.PdbWriteOptions(minimal=True))
    residues = tuple(place and places[place.chain, f"{place.number}{place.insertion}"] for place in structure.residues)
    return Displayed(text, "pdb", residues)
