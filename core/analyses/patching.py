"""Which activations carry a prediction? Those of a run with one residue masked, put into a run with another masked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from core.alphabet import residue_position
from core.analyses.reading import read
from core.interventions import HeadSite, PatchActivation, Scope, Source, StreamSite
from core.metrics import Target, rescue
from core.model import Model
from core.progress import SILENT, Progress

REACH: Final = 5
"""How many residues on either side of an internal mask have a column of their own in `patch_around`."""
PLACES: Final = (
    "BOS",
    "clean mask's place",
    *(f"{offset:+d}".replace("-", "−") if offset else "0" for offset in range(-REACH, REACH + 1)),
    "other residues",
    "mask to mask",
    "all",
)
"""What `patch_around` patches, in the order of its columns: numbers are residues from the internal mask."""


@dataclass(frozen=True, slots=True, eq=False)
class Patching:
    """Target gaps, in logits, of the corrupted run with one activation after another taken from the clean run."""

    gap: Float[np.ndarray, "layers places"]
    clean: float
    corrupted: float

    @property
    def rescue(self) -> Float[np.ndarray, "layers places"]:
        """How much of the clean gap each patch brings back, in %."""
        return rescue(self.gap, self.corrupted, self.clean)


def patch_heads(
    model: Model,
    clean: Int[Tensor, " clean_pos"],
    corrupted: Int[Tensor, " pos"],
    site: HeadSite = "z",
    *,
    scope: Scope = "mask",
    target: Target = Target(),
    progress: Progress = SILENT,
) -> Patching:
    """Every head's q, k, v (before or after RoPE) or z, patched alone: gap[layer, head].

    With scope "mask" the clean run's mask is carried onto the corrupted run's, wherever each is. The gap is read at
    the masked residue of each run. Source: Jedryszek & Crook 2026, Methods, "Activation patching".
    """
    source = Source(tuple(clean.tolist()))
    patches = [
        [PatchActivation(site, layer, source, head, scope) for head in range(model.shape.n_heads)]
        for layer in range(model.shape.n_layers)
    ]
    return _patching(model, clean, corrupted, patches, target.at_mask, progress)


def patch_stream(
    model: Model,
    clean: Int[Tensor, " clean_pos"],
    corrupted: Int[Tensor, " pos"],
    site: StreamSite = "resid_pre",
    *,
    scopes: Sequence[Scope] = ("mask", "bos", "all"),
    target: Target = Target(),
    progress: Progress = SILENT,
) -> Patching:
    """The residual stream or a module's output, patched at each layer and scope: gap[layer, scope].

    For a map over positions give one scope per residue, as ((0,), (1,), ...). "all" copies position by position, so
    that the corrupted run's masked residue takes what the clean run has at that residue, where it isn't masked.
    """
    source = Source(tuple(clean.tolist()))
    patches = [
        [PatchActivation(site, layer, source, None, scope) for scope in scopes] for layer in range(model.shape.n_layers)
    ]
    return _patching(model, clean, corrupted, patches, target.at_mask, progress)


def patch_around(
    model: Model,
    clean: Int[Tensor, " clean_pos"],
    corrupted: Int[Tensor, " pos"],
    site: StreamSite = "resid_pre",
    **settings: Any,
) -> Patching:
    """Patches at places that proteins have in common, so that maps can be averaged: gap[layer, place] as in `PLACES`.

    BOS, the residue that is masked in the clean run, residues counted from the one masked in the corrupted run, and
    all remaining ones at once are patched position by position; "mask to mask" carries the clean run's mask onto the
    corrupted run's. A place that this protein lacks is nan, as is one that another column already covers. The corrupted
    run's masked residue is at offset 0; EOS is in "all" only.
    """
    places = _places(len(corrupted) - 2, residue_position(clean, None) - 1, residue_position(corrupted, None) - 1)
    found = patch_stream(model, clean, corrupted, site, scopes=list(places.values()), **settings)
    gap = np.full((model.shape.n_layers, len(PLACES)), np.nan)
    gap[:, [PLACES.index(name) for name in places]] = found.gap
    return Patching(gap, found.clean, found.corrupted)


def _places(n_residues: int, first: int, internal: int) -> dict[str, Scope]:
    """The scopes of the places that a protein has: `first` is masked in its clean run, `internal` in the corrupted."""
    around = dict(zip(range(internal - REACH, internal + REACH + 1), PLACES[2:-3], strict=True))
    near: dict[str, Scope] = {
        name: (residue,) for residue, name in around.items() if 0 <= residue < n_residues and residue != first
    }
    rest = tuple(residue for residue in range(n_residues) if residue != first and residue not in around)
    places: dict[str, Scope] = {"BOS": "bos", PLACES[1]: (first,), **near, "mask to mask": "mask", "all": "all"}
    return places | {"other residues": rest} if rest else places


def _patching(
    model: Model,
    clean: Int[Tensor, " clean_pos"],
    corrupted: Int[Tensor, " pos"],
    patches: Sequence[Sequence[PatchActivation]],
    target: Target,
    progress: Progress,
) -> Patching:
    found = read(
        model,
        corrupted,
        [(), *((patch,) for row in patches for patch in row)],
        target=target,
        progress=progress,
    )
    clean_gap = read(model, clean, [()], target=target).gap[0]
    gap = found.gap[1:].reshape(len(patches), -1)
    return Patching(gap, float(clean_gap), float(found.gap[0]))
