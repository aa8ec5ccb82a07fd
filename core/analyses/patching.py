"""Which activations carry a prediction? Those of a run with one residue masked, put into a run with another masked."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from core.analyses.reading import read
from core.interventions import HeadSite, PatchActivation, Scope, Source, StreamSite
from core.metrics import Among
from core.model import Esm2
from core.run import MEMORY_BUDGET


@dataclass(frozen=True, slots=True, eq=False)
class Patching:
    """Target gaps, in logits, of the corrupted run with one activation after another taken from the clean run."""

    gap: Float[np.ndarray, "layers places"]
    clean: float
    corrupted: float

    @property
    def rescue(self) -> Float[np.ndarray, "layers places"]:
        """(patched - corrupted) / (clean - corrupted) x 100: 100 % brings all of the clean gap back."""
        return 100 * (self.gap - self.corrupted) / (self.clean - self.corrupted)


def patch_heads(
    model: Esm2,
    clean: Int[Tensor, "clean_pos"],
    corrupted: Int[Tensor, "pos"],
    site: HeadSite = "z",
    *,
    scope: Scope = "mask",
    target: str = "M",
    among: Among = "amino acids",
    memory_budget: int = MEMORY_BUDGET,
    progress: Callable[[int, int], None] | None = None,
    cancel: threading.Event | None = None,
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
    return _patching(model, clean, corrupted, patches, target, among, memory_budget, progress, cancel)


def patch_stream(
    model: Esm2,
    clean: Int[Tensor, "clean_pos"],
    corrupted: Int[Tensor, "pos"],
    site: StreamSite = "resid_pre",
    *,
    scopes: Sequence[Scope] = ("mask", "bos", "all"),
    target: str = "M",
    among: Among = "amino acids",
    memory_budget: int = MEMORY_BUDGET,
    progress: Callable[[int, int], None] | None = None,
    cancel: threading.Event | None = None,
) -> Patching:
    """The residual stream or a module's output, patched at each layer and scope: gap[layer, scope].

    For a map over positions give one scope per residue, as ((0,), (1,), ...). "all" copies position by position, so
    that the corrupted run's masked residue takes what the clean run has at that residue, where it isn't masked.
    """
    source = Source(tuple(clean.tolist()))
    patches = [
        [PatchActivation(site, layer, source, None, scope) for scope in scopes] for layer in range(model.shape.n_layers)
    ]
    return _patching(model, clean, corrupted, patches, target, among, memory_budget, progress, cancel)


def _patching(
    model: Esm2,
    clean: Int[Tensor, "clean_pos"],
    corrupted: Int[Tensor, "pos"],
    patches: Sequence[Sequence[PatchActivation]],
    target: str,
    among: Among,
    memory_budget: int,
    progress: Callable[[int, int], None] | None,
    cancel: threading.Event | None,
) -> Patching:
    found = read(
        model,
        corrupted,
        [(), *((patch,) for row in patches for patch in row)],
        target=target,
        among=among,
        memory_budget=memory_budget,
        progress=progress,
        cancel=cancel,
    )
    clean_gap = read(model, clean, [()], target=target, among=among).gap[0]
    return Patching(found.gap[1:].reshape(len(patches), -1), float(clean_gap), float(found.gap[0]))
