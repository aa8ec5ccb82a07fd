"""Synthetic proteins for browser tests: no file, no network."""

import math

BACKBONE = {
    # atom: radius (ångström) from the helix axis, turn (degrees) and rise (ångström) from its own CA
    "N": (1.55, -28.0, -0.88),
    "CA": (2.29, 0.0, 0.0),
    "C": (1.66, 26.0, 1.09),
    "O": (2.05, 20.0, 2.29),
    "CB": (3.30, -20.0, 0.85),
}
NAMES = {"A": "ALA", "K": "LYS", "L": "LEU", "E": "GLU", "M": "MET", "G": "GLY", "S": "SER"}
HELIX = 30
"""Residues in each of the two helices."""
SEQUENCE = ("MKLEAALKEL" * 6)[: 2 * HELIX]


def two_helices(remark: str = "") -> str:
    """A PDB file with two antiparallel alpha helices of chain A, with `remark` in its header."""
    lines = [f"REMARK {remark}"] if remark else []
    for number, (first, last) in enumerate([(1, HELIX), (HELIX + 1, 2 * HELIX)], start=1):
        start, end = (f"{NAMES[SEQUENCE[at - 1]]} A {at:4d} " for at in (first, last))
        lines.append(f"HELIX  {number:3d} {number:3d} {start} {end}{1:2d}{'':30}{HELIX:5d}")
    serial = 1
    for residue, letter in enumerate(SEQUENCE):
        for atom, (radius, turn, rise) in BACKBONE.items():
            x, y, z = position(residue, radius, turn, rise)
            lines.append(
                f"ATOM  {serial:5d}  {atom:<3} {NAMES[letter]} A{residue + 1:4d}    "
                f"{x:8.3f}{y:8.3f}{z:8.3f}{1:6.2f}{50:6.2f}          {atom[0]:>2}"
            )
            serial += 1
    return "\n".join([*lines, "END", ""])


def position(residue: int, radius: float, turn: float, rise: float) -> tuple[float, float, float]:
    """Where an atom lies: the second helix runs back, 10 ångström beside the first."""
    along, back = residue % HELIX, residue >= HELIX
    angle = math.radians(100 * along + turn)
    x, y, z = radius * math.cos(angle), radius * math.sin(angle), 1.5 * along + rise
    return (1.5 * HELIX - z, 10 - x, y) if back else (z, x, y)
