"""Small structures made up for tests, with the oddities of real PDB files."""

import gemmi
import numpy as np

THREE_LETTERS = dict(
    zip(
        "ARNDCQEGHILKMFPSTWYV",
        gemmi.expand_one_letter_sequence("ARNDCQEGHILKMFPSTWYV", gemmi.ResidueKind.AA),
        strict=True,
    )
)


def helix_positions(n_residues: int) -> np.ndarray:
    """Cα positions of an ideal alpha helix, Å."""
    turn = np.arange(n_residues) * np.radians(100)
    return np.stack([2.3 * np.cos(turn), 2.3 * np.sin(turn), 1.5 * np.arange(n_residues)], axis=1)


def offset(x: float = 0.0, z: float = 0.0) -> np.ndarray:
    return np.array([x, 0.0, z])


def atom(name: str, position: np.ndarray, element: str = "C", altloc: str = "\0") -> gemmi.Atom:
    made = gemmi.Atom()
    made.name, made.element, made.altloc, made.occ = name, gemmi.Element(element), altloc, 1.0
    made.pos = gemmi.Position(*position.tolist())
    return made


def residue(name: str, number: int, ca: np.ndarray, icode: str = " ") -> gemmi.Residue:
    """N, CA, C, O and, but for glycine, CB: 1.5 Å outwards from the helix's axis."""
    made = gemmi.Residue()
    made.name, made.seqid = name, gemmi.SeqId(number, icode)
    outwards = np.array([ca[0], ca[1], 0.0]) / max(np.hypot(ca[0], ca[1]), 1e-9)
    made.add_atom(atom("N", ca + offset(z=-1.4), "N"))
    made.add_atom(atom("CA", ca))
    made.add_atom(atom("C", ca + offset(z=1.5)))
    made.add_atom(atom("O", ca + offset(x=1.2, z=1.5), "O"))
    if name != "GLY":
        made.add_atom(atom("CB", ca + 1.5 * outwards))
    return made


def chain(
    name: str, sequence: str, *, first: int = 1, shift: float = 0.0, missing: tuple[int, ...] = ()
) -> gemmi.Chain:
    """A helix of `sequence`, numbered from `first`, without the residues whose 0-based index is in `missing`."""
    made = gemmi.Chain(name)
    for index, ca in enumerate(helix_positions(len(sequence)) + offset(x=shift)):
        if index not in missing:
            made.add_residue(residue(THREE_LETTERS[sequence[index]], first + index, ca))
    return made


def entry(*chains: gemmi.Chain, sequences: dict[str, str] | None = None) -> gemmi.Structure:
    """The chains as a structure; `sequences` become SEQRES records."""
    made = gemmi.Structure()
    made.name = "MADE"
    made.add_model(gemmi.Model(1))
    for one in chains:
        made[0].add_chain(one)
    made.setup_entities()
    for one in made[0]:
        if sequences and one.name in sequences:
            made.get_entity_of(one.get_polymer()).full_sequence = [THREE_LETTERS[code] for code in sequences[one.name]]
    return made


def as_pdb(made: gemmi.Structure) -> str:
    made.info["_entry.id"] = "MADE"
    made.assign_label_seq_id()
    return made.make_pdb_string()


def as_mmcif(made: gemmi.Structure) -> str:
    made.assign_label_seq_id()
    return made.make_mmcif_document().as_string()
