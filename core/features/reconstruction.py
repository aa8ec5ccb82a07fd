"""How much of a layer's residual stream a dictionary says, and how much of the prediction lives in that."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from core.alphabet import AMINO_ACID_IDS, MASK, tokenize
from core.edits import compile_edits
from core.errors import InputError
from core.features.dictionary import Dictionary
from core.forward import Start, layers, unembed
from core.interventions import Condition
from core.model import Model
from core.run import stream

MASKED: Final = 0.15


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """What replacing the stream by the dictionary's reading of it costs, over rows of proteins."""

    variance_unexplained: float
    """Squared error over the variance of the stream, both after standardising and over all positions."""
    clean: float
    """Cross-entropy at the asked residues, in nats."""
    reconstructed: float
    """The same with the stream replaced by the reconstruction."""
    no_features: float
    """The same with every feature off: what the dictionary says without a word of its own."""

    @property
    def recovered(self) -> float:
        """Share of the cross-entropy lost without features that the features bring back."""
        return (self.no_features - self.reconstructed) / (self.no_features - self.clean)


def resid_post(
    model: Model, tokens: Int[Tensor, "rows pos"], layer: int, conditions: Sequence[Condition] = ((),)
) -> Float[Tensor, "rows pos d_model"]:
    """The residual stream after a layer (0-based); later layers are not computed."""
    for computed in stream(model, tokens, conditions, patterns=False):
        if computed.layer == layer:
            return computed.resid_post
    raise ValueError(f"the model has no layer {layer}")


@torch.inference_mode()
def reconstruct(
    model: Model,
    dictionary: Dictionary,
    tokens: Int[Tensor, "rows pos"],
    asked: Bool[Tensor, "rows pos"],
    targets: Int[Tensor, "rows pos"],
    everywhere: bool = True,
) -> Reconstruction:
    """A dictionary judged on rows of one length, at the positions asked for and by the tokens that belong there.

    The stream is replaced at every position, BOS and EOS among them, or only at those asked for: there later layers
    may fetch again from other positions what was lost, so that little is lost without any feature.
    """
    resid = resid_post(model, tokens, dictionary.layer)
    x = dictionary.standardise(resid)[0]
    code = dictionary.encode(resid)
    said = dictionary.decode(code)
    off = dictionary.decode(code._replace(features=torch.zeros_like(code.features)))
    error = (x - (said - code.mean) / code.std).square().sum() / (x - x.mean((0, 1))).square().sum()

    def cross_entropy(replaced: Tensor) -> float:
        written = replaced if everywhere else torch.where(asked[..., None], replaced, resid)
        return F.cross_entropy(_logits(model, dictionary.layer + 1, written, tokens)[asked], targets[asked]).item()

    return Reconstruction(float(error), cross_entropy(resid), cross_entropy(said), cross_entropy(off))


def reconstruct_masked(
    model: Model, layer: int, sequences: Sequence[str], everywhere: bool = True, seed: int = 0
) -> Reconstruction:
    """A model's dictionary judged on proteins, each read once with 15% of its residues masked: means over residues."""
    rng = np.random.default_rng(seed)
    parts, weights = [], []
    for sequence in sequences:
        targets = tokenize(sequence)
        residues = (targets >= AMINO_ACID_IDS[0]) & (targets <= AMINO_ACID_IDS[-1])
        asked = residues & torch.from_numpy(rng.random(len(targets)) < MASKED)
        if asked.any():
            tokens = (each[None].to(model.device) for each in (targets.masked_fill(asked, MASK), asked, targets))
            parts.append(reconstruct(model, model.dictionary(layer), *tokens, everywhere=everywhere))
            weights.append(int(asked.sum()))
    if not parts:
        raise InputError("no residue is masked: the proteins are too short to judge a dictionary on")

    def mean(of: Callable[[Reconstruction], float]) -> float:
        return float(np.average([of(part) for part in parts], weights=weights))

    return Reconstruction(
        mean(lambda part: part.variance_unexplained),
        mean(lambda part: part.clean),
        mean(lambda part: part.reconstructed),
        mean(lambda part: part.no_features),
    )


def _logits(
    model: Model, layer: int, resid: Float[Tensor, "rows pos d_model"], tokens: Int[Tensor, "rows pos"]
) -> Float[Tensor, "rows pos vocab"]:
    """The rest of the forward pass, from before a layer on."""
    conditions = ((),) * len(tokens)

    def nothing(*_: object) -> Tensor:
        raise AssertionError("no condition here takes an activation")

    edits = compile_edits(model, tokens, conditions, nothing)
    for computed in layers(model, Start(layer, resid), edits):
        resid = computed.resid_post
    return unembed(model, resid)
