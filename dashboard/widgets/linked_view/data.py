"""What the linked view shows, as frozen data, and the compact form of it that the browser gets. No Streamlit here."""

import base64
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, Self

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Shaped, UInt8

from core.errors import InputError
from core.proteins.contact_scores import VERDICTS, Verdict, verdicts
from core.proteins.displayed import displayed
from core.proteins.numbering import Numbering
from core.proteins.protein import Protein
from core.proteins.structure import ContactRule, Structure
from dashboard.widgets.set_up_3dmol import COMMAND

Palette = Literal["edited", "clean", "truth", "change"]
"""What a matrix's colour means: the edited run, the clean run, the true contacts, or a difference (centred at zero)."""
MOST_PICKED: Final = 2
NO_STRUCTURE: Final = "No structure is known for this protein: strip and map work without one."
NOT_SET_UP: Final = (
    f"3D is off until its viewer is fetched, at the first start: reload this page in a minute. Where it stays off, "
    f"`{COMMAND}` says why."
)


@dataclass(frozen=True, slots=True, eq=False)
class Heat:
    """A matrix drawn as colour from `low` to `high` (values beyond are drawn as those); NaN stays blank.

    `label` names the quantity with its unit, as it stands in the legend and the readout.
    """

    values: Float[np.ndarray, "row column"] | Bool[np.ndarray, "row column"]
    label: str
    palette: Palette = "edited"
    low: float = 0.0
    high: float = 1.0


@dataclass(frozen=True, slots=True)
class DrawnContact:
    """A pair of residues (0-based, i < j) to be marked in the map's upper triangle and joined by a line in 3D."""

    i: int
    j: int
    kind: Verdict


@dataclass(frozen=True, slots=True)
class StructureText:
    """A structure file's text, and where each residue of the sequence is in it: (chain, number, insertion code), or
    None for a residue that is not resolved."""

    text: str
    residues: tuple[tuple[str, int, str] | None, ...]
    format: Literal["pdb", "mmcif"] = "pdb"

    @classmethod
    def of(cls, structure: Structure | None) -> Self | None:
        """What the browser needs of a structure, where one is known."""
        if structure is None:
            return None
        shown = displayed(structure)
        return cls(shown.text, shown.residues, shown.format)


@dataclass(frozen=True, slots=True, eq=False)
class ResidueValues:
    """One value per residue, coloured from `low` to `high` in the strip and on the structure: amounts from zero up, or
    effects either way of the middle.

    With `classes`, names with their colours, each value is the place of its residue's class among them.
    """

    values: Float[np.ndarray, " residue"]
    label: str
    low: float = 0.0
    high: float = 1.0
    palette: Literal["values", "effects"] = "values"
    classes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class LinkedViewData:
    """One protein as sequence strip, map and structure.

    `residues` are the names that people read: M1, or M1 (101). The map shows `above` in its upper triangle and on its
    diagonal, and `below` in its lower one; without `below` it shows the whole of `above`, without either there is none.
    The structure is joined by
    lines for `contacts`, or coloured by `residue_values` where there are any. `maskable` says whether residues can be
    masked here. `InputError` when the parts are not all of the same protein.
    """

    residues: tuple[str, ...]
    above: Heat | None = None
    below: Heat | None = None
    contacts: tuple[DrawnContact, ...] = ()
    structure: StructureText | None = None
    residue_values: ResidueValues | None = None
    maskable: bool = True
    map_title: str = "Contact map"
    map_caption: str = ""
    structure_title: str = "Structure"
    structure_caption: str = ""

    @classmethod
    def of(
        cls,
        protein: Protein,
        above: Heat | None,
        below: Heat | None,
        pairs: Sequence[tuple[int, int]],
        rule: ContactRule = ContactRule(),
        **shown: Any,
    ) -> Self:
        """A protein with predicted `pairs`, each marked as it fares against the structure where one is known."""
        structure, kinds = protein.structure, verdicts(pairs, protein.structure, rule)
        return cls(
            Numbering.of(protein).names(),
            above,
            below,
            tuple(DrawnContact(i, j, kind) for (i, j), kind in zip(pairs, kinds, strict=True)),
            StructureText.of(structure),
            **shown,
        )

    def __post_init__(self) -> None:
        length = len(self.residues)
        for heat in (self.above, self.below):
            if heat is not None and heat.values.shape != (length, length):
                raise InputError(f"the map is {heat.values.shape}, but the protein has {length} residues")
        if self.structure and len(self.structure.residues) != length:
            raise InputError(f"the structure maps {len(self.structure.residues)} residues of {length}")
        if self.residue_values is not None and self.residue_values.values.shape != (length,):
            raise InputError(f"{self.residue_values.values.size} residue values for {length} residues")
        for contact in self.contacts:
            if not 0 <= contact.i < contact.j < length:
                raise InputError(f"contact ({contact.i}, {contact.j}) needs 0 <= i < j < {length}")

    @property
    def pairs(self) -> pd.DataFrame:
        """A row per pair of residues: what the map shows above and below the diagonal, and how a marked pair fares."""
        i, j = np.triu_indices(len(self.residues), 1)
        names = np.array(self.residues)
        columns: dict[str, object] = {"residue_i": names[i], "residue_j": names[j]}
        if self.above is not None:
            columns[self.above.label] = self.above.values[i, j]
        if self.below is not None:
            columns[self.below.label] = self.below.values[j, i]
        marks = {(contact.i, contact.j): VERDICTS[contact.kind] for contact in self.contacts}
        columns["marked"] = [marks.get(pair, "") for pair in zip(i.tolist(), j.tolist(), strict=True)]
        return pd.DataFrame(columns)


@dataclass(frozen=True, slots=True)
class Pick:
    """What a person picked: up to two residues (a cell of the map is two), and the masked residues; all 0-based."""

    residues: tuple[int, ...] = ()
    masked: tuple[int, ...] = ()

    def within(self, length: int) -> "Pick":
        """The same pick without what lies outside a protein of `length` residues."""
        return Pick(
            tuple(residue for residue in self.residues if 0 <= residue < length)[:MOST_PICKED],
            tuple(sorted({residue for residue in self.masked if 0 <= residue < length})),
        )


def payload(data: LinkedViewData, viewer_url: str | None) -> dict[str, Any]:
    """`data` as JSON-ready values; maps and residue values as base64 of one byte each (see `codes`).

    `viewer_url` is where the browser finds 3Dmol's module, None when it isn't set up.
    """
    cells = data.above and codes(data.above.values, data.above.low, data.above.high)
    if cells is not None and data.below is not None:
        below = codes(data.below.values, data.below.low, data.below.high)
        cells = np.where(np.tri(len(cells), k=-1, dtype=bool), below, cells)
    return {
        "kinds": VERDICTS,
        "residues": list(data.residues),
        "cells": None if cells is None else _base64(cells),
        "above": data.above and _scale(data.above),
        "below": data.below and _scale(data.below),
        "contacts": [[contact.i, contact.j, contact.kind] for contact in data.contacts],
        "structure": data.structure and asdict(data.structure),
        "values": data.residue_values and _values(data.residue_values),
        "maskable": data.maskable,
        "viewer_url": viewer_url,
        "texts": {
            "map_title": data.map_title,
            "map_caption": data.map_caption,
            "structure_title": data.structure_title,
            "structure_caption": data.structure_caption,
            "no_3d": NO_STRUCTURE if data.structure is None else NOT_SET_UP if viewer_url is None else None,
        },
    }


def codes(values: Shaped[np.ndarray, "*shape"], low: float, high: float) -> UInt8[np.ndarray, "*shape"]:
    """Values as bytes: 1 is `low` or less, 255 is `high` or more, 0 is NaN (blank). `InputError` unless low < high."""
    if not low < high:
        raise InputError(f"a colour scale needs low < high, not {low} and {high}")
    steps = 1 + 254 * (np.clip(values.astype(np.float32), low, high) - low) / (high - low)
    return np.where(np.isnan(steps), 0, np.rint(steps)).astype(np.uint8)


def _base64(array: UInt8[np.ndarray, "..."]) -> str:
    return base64.b64encode(array.tobytes()).decode()


def _scale(heat: Heat) -> dict[str, Any]:
    return {"label": heat.label, "palette": heat.palette, "low": heat.low, "high": heat.high}


def _values(values: ResidueValues) -> dict[str, Any]:
    low, high = (0.0, max(len(values.classes) - 1, 1)) if values.classes else (values.low, values.high)
    scale = {"label": values.label, "low": low, "high": high, "palette": values.palette, "classes": values.classes}
    return {"codes": _base64(codes(values.values, low, high)), **scale}
