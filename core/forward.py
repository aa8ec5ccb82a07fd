"""The whole forward pass of ESM-2 and ESMC, written out (fair-esm and transformers are the referees in the tests).

Where the two differ, `core.model.Model` holds a part or lacks it: LayerNorms of q and k, a gate in the MLP, biases, an
unembed of its own. `embed`, then `layers` one after another, then `unembed`. Axes: rows (conditions), pos (BOS,
residues, EOS), n_heads, d_head, d_model. Every activation that can be edited passes through `edits` at its own line.
"""

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor
from torch.backends import mkldnn

from core.alphabet import MASK
from core.edits import Edits, LayerEdits
from core.model import Affine, Model, Norm
from core.rope import rotate

TRAINED_MASK_FRACTION = 0.15 * 0.8
"""The share of residues that were `<mask>` in training: 15% chosen, 80% of them masked."""


@dataclass(frozen=True, slots=True, eq=False)
class LayerActivations:
    """What one layer computed. `query` counts the positions that are read: all, but in the last layer perhaps fewer.

    q and k stand before RoPE (after their LayerNorms, where there are any), q_rot and k_rot after it; q is not scaled
    by 1 / sqrt(d_head), scores are; attn_out and mlp_out are what is added, over the model's residual scale.
    q to pattern are None where a run resumed after them, scores and pattern also where nobody asked for them.
    """

    layer: int
    resid_pre: Float[Tensor, "rows pos d_model"]
    q: Float[Tensor, "rows n_heads query d_head"] | None
    k: Float[Tensor, "rows n_heads pos d_head"] | None
    v: Float[Tensor, "rows n_heads pos d_head"] | None
    q_rot: Float[Tensor, "rows n_heads query d_head"] | None
    k_rot: Float[Tensor, "rows n_heads pos d_head"] | None
    scores: Float[Tensor, "rows n_heads query pos"] | None
    pattern: Float[Tensor, "rows n_heads query pos"] | None
    z: Float[Tensor, "rows n_heads query d_head"] | None
    attn_out: Float[Tensor, "rows query d_model"] | None
    resid_mid: Float[Tensor, "rows query d_model"]
    mlp_out: Float[Tensor, "rows query d_model"]
    resid_post: Float[Tensor, "rows query d_model"]


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """Where a run begins: before a layer, or inside it, with what an earlier run of the same tokens left there."""

    layer: int
    resid_pre: Float[Tensor, "rows pos d_model"]
    z: Float[Tensor, "rows n_heads pos d_head"] | None = None
    resid_mid: Float[Tensor, "rows pos d_model"] | None = None


def embed(model: Model, tokens: Int[Tensor, "rows pos"], edits: Edits) -> Float[Tensor, "rows pos d_model"]:
    """Token embeddings; with token dropout, masks are zeroed and everything is rescaled for their share of the row."""
    resid = F.embedding(tokens, model.embedding)
    if not model.token_dropout:
        return resid
    masked = tokens == MASK
    resid = resid.masked_fill(masked.unsqueeze(-1), 0.0)
    scale = token_dropout_scale(model, tokens)
    if edits.embedding_scale is not None:
        scale = torch.where(edits.embedding_scale.isnan(), scale, edits.embedding_scale)
    return resid * scale[:, None, None]


def token_dropout_scale(model: Model, tokens: Int[Tensor, "rows pos"]) -> Float[Tensor, " rows"]:
    """(1 - 0.12) / (1 - masked share), with BOS and EOS counted in the length, as in fair-esm; 1 for models without."""
    observed = (tokens == MASK).sum(-1).to(model.dtype) / tokens.shape[1]
    if not model.token_dropout:
        return torch.ones_like(observed)
    return (1 - TRAINED_MASK_FRACTION) / (1 - observed)


def layers(
    model: Model,
    start: Start,
    edits: Edits,
    read: Int[Tensor, " read"] | None = None,
    patterns: bool = False,
    idle: Collection[int] = (),
) -> Iterator[LayerActivations]:
    """The layers from `start` on, one at a time, so that nothing is kept that the caller lets go.

    `read` names the positions that the last layer computes (None: all); `patterns` asks for scores and patterns; `idle`
    names layers whose attention adds nothing and is not computed.
    """
    resid, last = start.resid_pre, model.shape.n_layers - 1
    for layer in range(start.layer, model.shape.n_layers):
        resumed = start if layer == start.layer else Start(layer, resid)
        if layer in idle:
            resumed = Start(layer, resumed.resid_pre, resid_mid=resumed.resid_pre)
        computed = one_layer(model, resumed, edits.layers[layer], read if layer == last else None, patterns)
        resid = computed.resid_post
        yield computed
        del computed  # only the caller may still hold this layer while the next one is computed


def one_layer(
    model: Model, start: Start, edits: LayerEdits, read: Int[Tensor, " read"] | None, patterns: bool
) -> LayerActivations:
    """The layer that `start` is in, at the positions in `read` (None: all)."""
    weights = model.layers[start.layer]
    resid_pre = edits.replaced("resid_pre", start.resid_pre)
    at = slice(None) if read is None else read
    q = k = v = q_rot = k_rot = scores = pattern = z = attn_out = None

    if start.resid_mid is not None:
        resid_mid = start.resid_mid[:, at]
    else:
        if start.z is not None:
            z = start.z[:, :, at]
        else:
            normed = layer_norm(resid_pre, weights.attention_norm)
            q = edits.replaced("q", project_heads(normed[:, at], weights.query, weights.query_norm, model), read)
            k = edits.replaced("k", project_heads(normed, weights.key, weights.key_norm, model))
            v = edits.replaced("v", project_heads(normed, weights.value, None, model))
            if edits.v_gain is not None:
                v = v * edits.v_gain.unsqueeze(-1)
            native = torch.arange(resid_pre.shape[1], device=resid_pre.device, dtype=weights.inv_freq.dtype)
            q_positions = native if edits.q_positions is None else edits.q_positions
            k_positions = native if edits.k_positions is None else edits.k_positions
            q_rot = edits.replaced("q_rot", rotate(q, q_positions[..., at], weights.inv_freq), read)
            k_rot = edits.replaced("k_rot", rotate(k, k_positions, weights.inv_freq))
            if edits.band_gain is not None:
                q_rot = q_rot * torch.cat((edits.band_gain, edits.band_gain), dim=-1).unsqueeze(2)
            # float64 follows the reference step by step (fair-esm's softmax is float32): the explicit way too
            if patterns or edits.attention or model.dtype == torch.float64:
                scores = (q_rot / math.sqrt(model.shape.d_head)) @ k_rot.transpose(-1, -2)
                pattern = F.softmax(scores, dim=-1, dtype=model.softmax_dtype).to(scores.dtype)
                pattern = edits.scaled_pattern(pattern, read)
                z = pattern @ v
            else:
                z = F.scaled_dot_product_attention(q_rot, k_rot, v)
        z = edits.replaced("z", z, read)
        if edits.z_gain is not None:
            z = z * edits.z_gain[:, :, at].unsqueeze(-1)
        attn_out = edits.replaced("attn_out", _written(_merge(z), weights.output, model), read)
        if edits.attention_gain is not None:
            attn_out = attn_out * edits.attention_gain[:, at].unsqueeze(-1)
        resid_mid = resid_pre[:, at] + attn_out

    resid_mid = edits.replaced("resid_mid", resid_mid, read)
    if edits.mlp_off:
        mlp_out = torch.zeros_like(resid_mid)
    else:
        normed = layer_norm(resid_mid, weights.mlp_norm)
        hidden = linear(normed, weights.mlp_in, gelu=weights.mlp_gate is None)
        hidden = hidden if weights.mlp_gate is None else F.silu(linear(normed, weights.mlp_gate)) * hidden
        mlp_out = edits.replaced("mlp_out", _written(hidden, weights.mlp_out, model), read)
        if edits.mlp_gain is not None:
            mlp_out = mlp_out * edits.mlp_gain[:, at].unsqueeze(-1)
    resid_post = edits.with_features(edits.replaced("resid_post", resid_mid + mlp_out, read), read)
    return LayerActivations(
        layer=start.layer,
        resid_pre=resid_pre,
        q=q,
        k=k,
        v=v,
        q_rot=q_rot,
        k_rot=k_rot,
        scores=scores,
        pattern=pattern,
        z=z,
        attn_out=attn_out,
        resid_mid=resid_mid,
        mlp_out=mlp_out,
        resid_post=resid_post,
    )


def unembed(model: Model, resid: Float[Tensor, "*lead d_model"]) -> Float[Tensor, "*lead vocab"]:
    """Logits from the final residual stream: LayerNorm, then dense -> GELU -> LayerNorm -> one row a token, and bias.

    The rows are the embedding's again where the model is tied, as ESM-2 is.
    """
    hidden = linear(layer_norm(resid, model.final_norm), model.unembed_dense)
    hidden = layer_norm(F.gelu(hidden), model.unembed_norm)
    rows = model.embedding if model.unembed_weight is None else model.unembed_weight
    return F.linear(hidden, rows) + model.unembed_bias


def head_out(
    model: Model, layer: int, z: Float[Tensor, "rows n_heads query d_head"]
) -> Float[Tensor, "rows n_heads query d_model"]:
    """What each head writes into the residual stream; these and the output bias, if there is one, sum to attn_out."""
    per_head = model.layers[layer].output.weight.unflatten(1, (model.shape.n_heads, model.shape.d_head))
    return torch.einsum("rhqd,mhd->rhqm", z, per_head / model.residual_scale)


def project_heads(
    x: Float[Tensor, "rows pos d_model"], projection: Affine, norm: Norm | None, model: Model
) -> Float[Tensor, "rows n_heads pos d_head"]:
    """Queries, keys or values: projected, normalised over all heads together where there is a norm, then split."""
    projected = linear(x, projection)
    if norm is not None:
        projected = layer_norm(projected, norm)
    return projected.unflatten(-1, (model.shape.n_heads, model.shape.d_head)).transpose(1, 2)


def _written(x: Float[Tensor, "*lead d_in"], projection: Affine, model: Model) -> Float[Tensor, "*lead d_model"]:
    """What attention or the MLP adds to the residual stream."""
    out = linear(x, projection)
    return out if model.residual_scale == 1 else out / model.residual_scale


def linear(x: Float[Tensor, "*lead d_in"], weights: Affine, *, gelu: bool = False) -> Float[Tensor, "*lead d_out"]:
    """The linear map, and GELU after it where asked for."""
    if x.device.type == "cpu" and x.dtype == torch.float32 and not torch.is_grad_enabled() and mkldnn.is_available():
        # F.linear takes MKL, which leaves AVX-512 unused on processors that are not Intel's: half as fast
        then = ("gelu", [], "none") if gelu else ("none", [], "")
        return torch.ops.mkldnn._linear_pointwise(x, weights.weight, weights.bias, *then)
    out = F.linear(x, weights.weight, weights.bias)
    return F.gelu(out) if gelu else out


def layer_norm(x: Float[Tensor, "*lead d_model"], norm: Norm) -> Float[Tensor, "*lead d_model"]:
    """LayerNorm in float32 or better, returned in the precision of `x`."""
    wide = torch.promote_types(x.dtype, torch.float32)
    bias = None if norm.bias is None else norm.bias.to(wide)
    return F.layer_norm(x.to(wide), x.shape[-1:], norm.weight.to(wide), bias, norm.eps).to(x.dtype)


def _merge(z: Float[Tensor, "rows n_heads pos d_head"]) -> Float[Tensor, "rows pos d_model"]:
    return z.transpose(1, 2).flatten(2)
