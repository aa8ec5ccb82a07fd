"""Where does a feature come from, and where does it go? Heads that write it and read it, and letters it raises."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.alphabet import AMINO_ACID_IDS, residue_position
from core.components import heads_of_layers
from core.forward import unembed
from core.interventions import AblateHead, Condition, ScaleFeature
from core.model import Model
from core.progress import SILENT, Progress
from core.run import RESUMABLE, Keep, Trace, run, sweep


@dataclass(frozen=True, slots=True, eq=False)
class FeatureHeads:
    """Every head of the model beside one feature; heads that can't touch it are NaN."""

    write_weight: Float[np.ndarray, "n_layers n_heads"]
    """Length of the feature's encoder column seen through the head's output projection: how strongly a z of length 1
    may excite it. Heads up to its layer; LayerNorm's scale and other layers are left out."""
    write_effect: Float[np.ndarray, "n_layers n_heads"]
    """Change of its activation at the position asked for when the head is off everywhere."""
    read_weight: Float[np.ndarray, "n_layers n_heads"]
    """Length of the decoder row, through the LayerNorm's gain, seen by the head's q, k and v together. Later heads."""
    read_effect: Float[np.ndarray, "n_layers n_heads"]
    """How much the head's z changes when the feature is off everywhere: length of the change over that of z, in all
    positions together."""


def feature_heads(
    model: Model,
    tokens: Int[Tensor, " pos"],
    layer: int,
    feature: int,
    position: int,
    condition: Condition = (),
    progress: Progress = SILENT,
) -> FeatureHeads:
    """The heads that write a feature, and those that read it, by weights and by ablation on top of `condition`."""
    shape, dictionary = model.shape, model.dictionary(layer)
    grids = {name: np.full((shape.n_layers, shape.n_heads), np.nan) for name in FeatureHeads.__dataclass_fields__}
    encoder, decoder = dictionary.encoder[:, feature], dictionary.decoder[feature]
    for index in range(layer + 1):
        seen = (encoder @ model.layers[index].output.weight).unflatten(0, (shape.n_heads, shape.d_head))
        grids["write_weight"][index] = seen.norm(dim=-1).double().cpu().numpy()
    for index in range(layer + 1, shape.n_layers):
        weights = model.layers[index]
        through = (decoder - decoder.mean()) * weights.attention_norm.weight
        seen = torch.stack([part.weight @ through for part in (weights.query, weights.key, weights.value)])
        split = seen.unflatten(1, (shape.n_heads, shape.d_head))
        grids["read_weight"][index] = split.square().sum((0, 2)).sqrt().double().cpu().numpy()
    baseline = run(model, tokens, (condition,), keep=Keep.of(*RESUMABLE.sites, "resid_post"))
    heads = heads_of_layers(shape, range(layer + 1))

    def activation(trace: Trace) -> Tensor:
        resid = trace["resid_post", layer]
        at = 0 if resid.shape[1] == 1 else position
        return dictionary.encode(resid[:, at]).features[:, feature]

    off: list[Condition] = [(*condition, AblateHead(head)) for head in heads]
    keep = Keep.of("resid_post", layers=[layer])
    found = sweep(model, baseline, off, activation, keep=keep, positions=[position], progress=progress)
    before = float(activation(baseline)[0])
    for head, value in zip(heads, found - before, strict=True):
        grids["write_effect"][head.layer, head.index] = value
    both = run(model, tokens, (condition, (*condition, ScaleFeature(layer, feature))), keep=Keep.of("z"))
    for index in range(layer + 1, shape.n_layers):
        z = both["z", index].transpose(0, 1).flatten(2)
        grids["read_effect"][index] = ((z[:, 1] - z[:, 0]).norm(dim=-1) / z[:, 0].norm(dim=-1)).double().cpu().numpy()
    return FeatureHeads(**grids)


def direct_letters(
    model: Model, tokens: Int[Tensor, " pos"], layer: int, feature: int, residue: int | None, condition: Condition = ()
) -> Float[np.ndarray, " amino_acids"]:
    """How fast each amino acid's logit at a residue rises along the feature's decoder row: the direct path alone.

    The derivative of the unembed at the final stream there, for one more unit of activation at the feature's layer,
    later layers left out; minus the mean over amino acids (in the order of `core.alphabet.AMINO_ACIDS`).
    """
    position, last = residue_position(tokens, residue), model.shape.n_layers - 1
    kept = run(model, tokens, (condition,), keep=Keep.of("resid_post", layers=[layer, last]))
    std = model.dictionary(layer).standardise(kept["resid_post", layer][0, position])[2]
    with torch.inference_mode(False):
        row = model.dictionary(layer).decoder[feature].clone() * std.clone()
        at = kept["resid_post", last][0, position].clone()
        columns = torch.tensor(AMINO_ACID_IDS, device=at.device)
        slope = torch.func.jvp(lambda stream: unembed(model, stream)[columns], (at,), (row,))[1]
    return (slope - slope.mean()).double().cpu().numpy()


def neighbours(model: Model, layer: int, feature: int, n: int = 8) -> list[tuple[int, float]]:
    """The features of the same dictionary whose decoder rows point most alike: (feature, cosine), nearest first."""
    rows = torch.nn.functional.normalize(model.dictionary(layer).decoder, dim=-1)
    cosine = rows @ rows[feature]
    cosine[feature] = -torch.inf
    nearest = cosine.topk(min(n, len(cosine) - 1))
    return list(zip(nearest.indices.tolist(), nearest.values.tolist(), strict=True))
