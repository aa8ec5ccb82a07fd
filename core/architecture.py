"""The two architectures that are computed here, as data: what ESM-2 and ESMC differ in beside their sizes."""

import math
from dataclasses import dataclass
from typing import Final

from core.alphabet import ESM1B_ALPHABET, ESMC_ALPHABET, Alphabet


@dataclass(frozen=True, slots=True)
class Architecture:
    """Which parts a model's layers have. Loading follows it; the forward pass looks at the parts themselves."""

    name: str
    alphabet: Alphabet
    biases: bool
    """Of q, k, v, attention's output, the MLP and the final LayerNorm; other norms and the head have one anyway."""
    qk_norms: bool
    """LayerNorms (weights only) on q and on k, over all heads together, before RoPE."""
    gated_mlp: bool
    """SwiGLU, down(silu(gate) * up), instead of GELU."""
    scaled_for_depth: int | None
    """The number of layers at which writes join the residual stream unscaled; None where they always do."""
    float32_softmax: bool
    """Whether the reference takes attention's softmax in float32 in a float64 run too, as fair-esm does."""
    float32_angles: bool
    """Whether the reference takes RoPE's cosines in float32 in a float64 run too, as transformers does."""

    def residual_scale(self, n_layers: int) -> float:
        """What attention's and the MLP's outputs are divided by before they join the residual stream."""
        return 1.0 if self.scaled_for_depth is None else math.sqrt(n_layers / self.scaled_for_depth)

    def d_mlp(self, d_model: int) -> int:
        """The width of the MLP's hidden layer: 4 d_model, or for a gated one 8/3 d_model up to a multiple of 256."""
        return int((8 / 3 * d_model + 255) // 256 * 256) if self.gated_mlp else 4 * d_model


ESM_2: Final = Architecture(
    name="ESM-2",
    alphabet=ESM1B_ALPHABET,
    biases=True,
    qk_norms=False,
    gated_mlp=False,
    scaled_for_depth=None,
    float32_softmax=True,
    float32_angles=False,
)
"""Lin et al., Science 379 (2023); the reference is fair-esm."""

ESM_C: Final = Architecture(
    name="ESMC",
    alphabet=ESMC_ALPHABET,
    biases=False,
    qk_norms=True,
    gated_mlp=True,
    scaled_for_depth=36,
    float32_softmax=False,
    float32_angles=True,
)
"""ESM Cambrian (EvolutionaryScale 2024, Biohub 2026); the reference is EsmcForMaskedLM of transformers 5.24."""
