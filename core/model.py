"""ESM-2's weights as plain frozen data, under the names of the field: what `core.forward` computes with."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from core.alphabet import TOKENS
from core.checkpoints import EMBEDDED, read_checkpoint
from core.errors import InputError
from core.features.dictionary import Dictionary
from core.progress import SILENT, Progress

if TYPE_CHECKING:
    from esm.model.esm2 import ESM2


@dataclass(frozen=True, slots=True)
class ModelShape:
    """The sizes of an ESM-2: 8M is 6 layers x 20 heads x 320, 650M is 33 x 20 x 1280."""

    n_layers: int
    n_heads: int
    d_model: int

    @property
    def d_head(self) -> int:
        return self.d_model // self.n_heads

    @property
    def n_bands(self) -> int:
        """RoPE frequency bands per head: band f is the dimension pair (f, f + d_head / 2)."""
        return self.d_head // 2


LAYER_NORM_EPS: Final = 1e-5
"""What fair-esm's LayerNorms add to the variance."""


class Affine(NamedTuple):
    """Weight (out x in) and bias of a linear map."""

    weight: Tensor
    bias: Tensor


class Norm(NamedTuple):
    """Weight and bias (d_model) of a LayerNorm, and what is added to the variance."""

    weight: Tensor
    bias: Tensor
    eps: float = LAYER_NORM_EPS


@dataclass(frozen=True, slots=True, eq=False)
class LayerWeights:
    """One transformer layer: pre-LayerNorm attention, then a pre-LayerNorm MLP."""

    attention_norm: Norm
    query: Affine
    key: Affine
    value: Affine
    output: Affine
    mlp_norm: Norm
    mlp_in: Affine
    mlp_out: Affine
    inv_freq: Float[Tensor, " n_bands"]
    """Radians per position of every RoPE band: read from the checkpoint, where it may have been rounded to half."""


@dataclass(frozen=True, slots=True, eq=False)
class ContactHead:
    """fair-esm's contact regression: one weight per head (layer-major) and a bias, then a sigmoid."""

    weight: Float[Tensor, " n_layers_x_n_heads"]
    bias: Float[Tensor, ""]


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """An ESM-2 that any number of browser sessions may share: nothing in it changes after loading."""

    name: str
    shape: ModelShape
    embedding: Float[Tensor, "vocab d_model"]
    layers: tuple[LayerWeights, ...]
    final_norm: Norm
    unembed_dense: Affine
    unembed_norm: Norm
    unembed_bias: Float[Tensor, " vocab"]
    contact_head: ContactHead | None
    token_dropout: bool
    fingerprint: str
    """The first 16 hex digits of a SHA-256 over all weights: the model's part of every cache key."""
    trunk_fingerprint: str
    """The same without the contact regression, for what doesn't depend on it."""
    teaching: bool = False
    """True for the small embedded model, which is not ESM-2 and is marked wherever its numbers stand."""
    notes: tuple[str, ...] = ()
    """What loading left out, or took because the file doesn't state it: lines for people."""
    dictionaries: tuple[Dictionary, ...] = ()
    """Of features, by layer, at most one a layer; none after loading (see `with_dictionary`)."""

    @property
    def dtype(self) -> torch.dtype:
        return self.embedding.dtype

    @property
    def device(self) -> torch.device:
        return self.embedding.device

    @property
    def n_parameters(self) -> int:
        """How many numbers were learnt, the contact regression and the RoPE frequencies left out."""
        return sum(tensor.numel() for name, tensor in _tensors(self) if not name.startswith(("contact", "inv_freq")))

    def to(self, dtype: torch.dtype | None = None, device: torch.device | str | None = None) -> "Model":
        """The same model in another precision or place; RoPE frequencies stay at float32 or better."""

        def moved(value: object, name: str) -> object:
            if isinstance(value, Tensor):
                keeps_precision = name == "inv_freq" and dtype not in (None, torch.float64)
                return value.to(device=device, dtype=torch.float32 if keeps_precision else dtype)
            if isinstance(value, Affine | Norm):
                weight, bias = (part.to(device=device, dtype=dtype) for part in (value.weight, value.bias))
                return value._replace(weight=weight, bias=bias)
            if isinstance(value, LayerWeights | ContactHead | Dictionary):
                return replace(value, **{f.name: moved(getattr(value, f.name), f.name) for f in fields(value)})
            if isinstance(value, tuple):
                return tuple(moved(part, name) for part in value)
            return value

        return replace(self, **{f.name: moved(getattr(self, f.name), f.name) for f in fields(self)})

    def with_contact_head(self, contact_head: ContactHead) -> "Model":
        """The same model with another contact regression, and so with another fingerprint."""
        moved = ContactHead(*(part.to(self.device, self.dtype) for part in (contact_head.weight, contact_head.bias)))
        digest = hashlib.sha256(self.fingerprint.encode())
        for part in (contact_head.weight, contact_head.bias):
            digest.update(part.float().cpu().numpy().tobytes())
        return replace(self, contact_head=moved, fingerprint=digest.hexdigest()[:16])

    def with_dictionary(self, dictionary: Dictionary) -> "Model":
        """The same model with a layer's features to change, and so with another fingerprint.

        Raises `InputError` when the dictionary is of another width, of a layer that is not there, or of other weights.
        """
        if dictionary.d_model != self.shape.d_model:
            raise InputError(f"the dictionary is {dictionary.d_model} wide, {self.name} is {self.shape.d_model}")
        if not 0 <= dictionary.layer < self.shape.n_layers:
            layer = dictionary.layer + 1
            raise InputError(f"the dictionary is of layer {layer}: {self.name} has layers 1 to {self.shape.n_layers}")
        if dictionary.parent not in (None, self.trunk_fingerprint):
            theirs, ours = dictionary.parent, self.trunk_fingerprint
            raise InputError(f"the dictionary was trained on weights {theirs}, those of {self.name} are {ours}")
        others = [held for held in self.dictionaries if held.layer != dictionary.layer]
        digest = hashlib.sha256(f"{self.fingerprint} {dictionary.layer} {dictionary.k}".encode())
        for part in (dictionary.encoder, dictionary.encoder_bias, dictionary.decoder, dictionary.bias):
            digest.update(part.detach().float().contiguous().cpu().numpy().tobytes())
        held = sorted([*others, dictionary.to(self.dtype, self.device)], key=lambda each: each.layer)
        return replace(self, dictionaries=tuple(held), fingerprint=digest.hexdigest()[:16])

    def dictionary(self, layer: int) -> Dictionary:
        """The dictionary of a layer (0-based); `InputError` when the model carries none there."""
        for held in self.dictionaries:
            if held.layer == layer:
                return held
        there = ", ".join(f"L{held.layer + 1}" for held in self.dictionaries) or "no layer"
        raise InputError(f"{self.name} has no dictionary of features at L{layer + 1}: it has them at {there}")

    @classmethod
    def from_fair_esm(cls, module: "ESM2", name: str = "fair-esm") -> "Model":
        """The weights of a fair-esm `ESM2` module, copied; its contact regression is taken as it stands."""
        shape = ModelShape(module.num_layers, module.attention_heads, module.embed_dim)
        copied = {key: tensor.clone() for key, tensor in module.state_dict().items()}
        return cls.from_state_dict(copied, shape, name=name, token_dropout=module.token_dropout)

    @classmethod
    def from_state_dict(
        cls,
        state: Mapping[str, Tensor],
        shape: ModelShape,
        *,
        name: str,
        token_dropout: bool = True,
        layer_norm_eps: float = LAYER_NORM_EPS,
        notes: tuple[str, ...] = (),
        teaching: bool = False,
    ) -> "Model":
        """A model of tensors under fair-esm's names, shared and not copied: nobody may change them afterwards.

        Raises `InputError` when a tensor is missing or misshapen (wrong architecture or a damaged file).
        """
        d_model, vocab = shape.d_model, len(TOKENS)
        if shape.d_model % shape.n_heads or shape.d_head % 2:
            raise InputError(f"'{name}': width {d_model} does not split into {shape.n_heads} heads of even size")

        def take(key: str, *size: int) -> Tensor:
            if key not in state:
                raise InputError(f"'{name}' is not an ESM-2 checkpoint: it has no tensor '{key}'")
            if tuple(state[key].shape) != size:
                raise InputError(f"'{name}' is not this ESM-2: '{key}' is {tuple(state[key].shape)}, expected {size}")
            return state[key].detach()

        def affine(prefix: str, *size: int) -> Affine:
            return Affine(take(f"{prefix}.weight", *size), take(f"{prefix}.bias", size[0]))

        def norm(prefix: str) -> Norm:
            return Norm(*affine(prefix, d_model), layer_norm_eps)

        def layer(index: int) -> LayerWeights:
            prefix = f"layers.{index}"
            return LayerWeights(
                attention_norm=norm(f"{prefix}.self_attn_layer_norm"),
                query=affine(f"{prefix}.self_attn.q_proj", d_model, d_model),
                key=affine(f"{prefix}.self_attn.k_proj", d_model, d_model),
                value=affine(f"{prefix}.self_attn.v_proj", d_model, d_model),
                output=affine(f"{prefix}.self_attn.out_proj", d_model, d_model),
                mlp_norm=norm(f"{prefix}.final_layer_norm"),
                mlp_in=affine(f"{prefix}.fc1", 4 * d_model, d_model),
                mlp_out=affine(f"{prefix}.fc2", d_model, 4 * d_model),
                inv_freq=take(f"{prefix}.self_attn.rot_emb.inv_freq", shape.n_bands),
            )

        deepest = max((int(found[1]) for key in state if (found := re.match(r"layers\.(\d+)\.", key))), default=-1)
        if deepest >= shape.n_layers:
            raise InputError(f"'{name}' holds {deepest + 1} layers where its configuration says {shape.n_layers}")
        contact_head = None
        if "contact_head.regression.weight" in state:
            weight = take("contact_head.regression.weight", 1, shape.n_layers * shape.n_heads)
            contact_head = ContactHead(weight[0], take("contact_head.regression.bias", 1)[0])
        model = cls(
            name=name,
            shape=shape,
            embedding=take("embed_tokens.weight", vocab, d_model),
            layers=tuple(layer(index) for index in range(shape.n_layers)),
            final_norm=norm("emb_layer_norm_after"),
            unembed_dense=affine("lm_head.dense", d_model, d_model),
            unembed_norm=norm("lm_head.layer_norm"),
            unembed_bias=take("lm_head.bias", vocab),
            contact_head=contact_head,
            token_dropout=token_dropout,
            fingerprint="",
            trunk_fingerprint="",
            teaching=teaching,
            notes=notes,
        )
        whole, trunk = _fingerprints(model)
        return replace(model, fingerprint=whole, trunk_fingerprint=trunk)


def load_model(
    name_or_path: str | Path,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    allow_large: bool = False,
    progress: Progress = SILENT,
) -> Model:
    """The model called `name_or_path`: "embedded", an ESM-2 name that fair-esm knows, a `.pt` file, or a folder in
    Hugging Face's format; `core.checkpoints.read_checkpoint` says where it is looked for and what it refuses."""
    checkpoint = read_checkpoint(name_or_path, allow_large=allow_large, progress=progress)
    shape = ModelShape(checkpoint.n_layers, checkpoint.n_heads, checkpoint.d_model)
    model = Model.from_state_dict(
        checkpoint.tensors,
        shape,
        name=checkpoint.name,
        token_dropout=checkpoint.token_dropout,
        layer_norm_eps=checkpoint.layer_norm_eps,
        notes=checkpoint.notes,
        teaching=checkpoint.name == EMBEDDED,
    )
    return model.to(dtype=dtype, device=device)


def _tensors(value: object, name: str = "") -> list[tuple[str, Tensor]]:
    """Every tensor in a model with the name of the field that holds it, in a fixed order."""
    if isinstance(value, Tensor):
        return [(name, value)]
    if isinstance(value, tuple):
        return [found for part in value for found in _tensors(part, name)]
    if isinstance(value, Model | LayerWeights):
        return [found for f in fields(value) for found in _tensors(getattr(value, f.name), f.name)]
    if isinstance(value, ContactHead):
        return [("contact_weight", value.weight), ("contact_bias", value.bias)]
    return []


def _fingerprints(model: Model) -> tuple[str, str]:
    """Of all weights, and of all but the contact regression, which comes last."""
    eps = model.final_norm.eps
    settings = (model.shape, model.token_dropout) + ((eps,) if eps != LAYER_NORM_EPS else ())
    digest = hashlib.sha256(repr(settings).encode())
    trunk = None
    for name, tensor in _tensors(model):
        if trunk is None and name.startswith("contact"):
            trunk = digest.hexdigest()
        digest.update(tensor.to(torch.float32).contiguous().cpu().numpy().tobytes())
    whole = digest.hexdigest()
    return whole[:16], (trunk or whole)[:16]
