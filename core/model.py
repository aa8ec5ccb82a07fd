"""A model's weights as plain frozen data, under the names of the field: what `core.forward` computes with."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from core.architecture import ESM_2, Architecture
from core.checkpoints import Checkpoint, read_checkpoint
from core.errors import InputError
from core.features.dictionary import Dictionary
from core.memory import require_memory
from core.model_files import EMBEDDED
from core.progress import SILENT, Progress

if TYPE_CHECKING:
    from esm.model.esm2 import ESM2


@dataclass(frozen=True, slots=True)
class ModelShape:
    """A model's sizes: ESM-2 8M is 6 layers x 20 heads x 320, ESMC 300M is 30 x 15 x 960."""

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
"""What the LayerNorms of both architectures add to the variance."""


class Affine(NamedTuple):
    """Weight (out x in) and bias, if there is one, of a linear map."""

    weight: Tensor
    bias: Tensor | None


class Norm(NamedTuple):
    """Weight and bias, if there is one, of a LayerNorm (each d_model), and what is added to the variance."""

    weight: Tensor
    bias: Tensor | None
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
    query_norm: Norm | None = None
    """Over the whole of d_model: a head's q depends on the size of its whole layer's, and likewise for k."""
    key_norm: Norm | None = None
    mlp_gate: Affine | None = None
    """Where there is one, the MLP is down(silu(gate) * in), else out(gelu(in))."""


@dataclass(frozen=True, slots=True, eq=False)
class ContactHead:
    """fair-esm's contact regression: one weight per head (layer-major) and a bias, then a sigmoid."""

    weight: Float[Tensor, " n_layers_x_n_heads"]
    bias: Float[Tensor, ""]


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A model that any number of browser sessions may share: nothing in it changes after loading."""

    name: str
    architecture: Architecture
    shape: ModelShape
    embedding: Float[Tensor, "vocab d_model"]
    layers: tuple[LayerWeights, ...]
    final_norm: Norm
    unembed_dense: Affine
    unembed_norm: Norm
    unembed_weight: Float[Tensor, "vocab d_model"] | None
    """None where the unembed is tied: its rows are the embedding's."""
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
    features_fingerprint: str = ""
    """Of the dictionaries: with `fingerprint`, which is the weights' alone, the key of what depends on features."""

    @property
    def residual_scale(self) -> float:
        """What attention's and the MLP's outputs are divided by before they join the residual stream."""
        return self.architecture.residual_scale(self.shape.n_layers)

    @property
    def softmax_dtype(self) -> torch.dtype:
        """The precision of attention's softmax: float32, or float64 where the reference has it in float64."""
        wide = torch.promote_types(self.dtype, torch.float32)
        return torch.float32 if self.architecture.float32_softmax else wide

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
        """The same model in another precision or place; RoPE frequencies stay at float32 or better.

        In a lower precision it computes something else, and so has other fingerprints.
        """
        angles = torch.float64 if dtype == torch.float64 and not self.architecture.float32_angles else torch.float32

        def moved(value: object, name: str) -> object:
            if isinstance(value, Tensor):
                return value.to(device=device, dtype=angles if name == "inv_freq" and dtype is not None else dtype)
            if isinstance(value, Affine | Norm):
                return value._replace(weight=moved(value.weight, name), bias=moved(value.bias, name))
            if isinstance(value, LayerWeights | ContactHead | Dictionary):
                return replace(value, **{f.name: moved(getattr(value, f.name), f.name) for f in fields(value)})
            if isinstance(value, tuple):
                return tuple(moved(part, name) for part in value)
            return value

        there = replace(self, **{f.name: moved(getattr(self, f.name), f.name) for f in fields(self)})
        if there.embedding.element_size() >= min(self.embedding.element_size(), 4):
            return there
        marks = (hashlib.sha256(f"{mark} {dtype}".encode()) for mark in (self.fingerprint, self.trunk_fingerprint))
        whole, trunk = (mark.hexdigest()[:16] for mark in marks)
        return replace(there, fingerprint=whole, trunk_fingerprint=trunk)

    def with_contact_head(self, contact_head: ContactHead) -> "Model":
        """The same model with another contact regression, and so with another fingerprint."""
        moved = ContactHead(*(part.to(self.device, self.dtype) for part in (contact_head.weight, contact_head.bias)))
        digest = hashlib.sha256(self.fingerprint.encode())
        for part in (contact_head.weight, contact_head.bias):
            digest.update(part.float().cpu().numpy().tobytes())
        return replace(self, contact_head=moved, fingerprint=digest.hexdigest()[:16])

    def with_dictionary(self, dictionary: Dictionary) -> "Model":
        """The same model with a layer's features to change.

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
        digest = hashlib.sha256(f"{self.features_fingerprint} {dictionary.layer} {dictionary.k}".encode())
        for part in (dictionary.encoder, dictionary.encoder_bias, dictionary.decoder, dictionary.bias):
            digest.update(part.detach().float().contiguous().cpu().numpy().tobytes())
        held = sorted([*others, dictionary.to(self.dtype, self.device)], key=lambda each: each.layer)
        return replace(self, dictionaries=tuple(held), features_fingerprint=digest.hexdigest()[:16])

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
    def from_checkpoint(cls, checkpoint: Checkpoint) -> "Model":
        """The model that a file's tensors and settings describe; raises `InputError` as `from_state_dict` does."""
        return cls.from_state_dict(
            checkpoint.tensors,
            ModelShape(checkpoint.n_layers, checkpoint.n_heads, checkpoint.d_model),
            name=checkpoint.name,
            architecture=checkpoint.architecture,
            token_dropout=checkpoint.token_dropout,
            is_tied=checkpoint.is_tied,
            d_mlp=checkpoint.d_mlp,
            layer_norm_eps=checkpoint.layer_norm_eps,
            notes=checkpoint.notes,
            teaching=checkpoint.name == EMBEDDED,
        )

    @classmethod
    def from_state_dict(
        cls,
        state: Mapping[str, Tensor],
        shape: ModelShape,
        *,
        name: str,
        architecture: Architecture = ESM_2,
        token_dropout: bool = True,
        layer_norm_eps: float = LAYER_NORM_EPS,
        is_tied: bool = True,
        d_mlp: int | None = None,
        notes: tuple[str, ...] = (),
        teaching: bool = False,
    ) -> "Model":
        """A model of tensors under `core.weight_names`' names, shared and not copied: nobody may change them later.

        `d_mlp` is the architecture's own when None. Raises `InputError` when a tensor is missing or misshapen (wrong
        architecture or a damaged file).
        """
        d_model, vocab, kind, biases = (
            shape.d_model,
            architecture.alphabet.n_ids,
            architecture.name,
            architecture.biases,
        )
        d_mlp = d_mlp or architecture.d_mlp(d_model)
        if shape.d_model % shape.n_heads or shape.d_head % 2:
            raise InputError(f"'{name}': width {d_model} does not split into {shape.n_heads} heads of even size")

        def take(key: str, *size: int) -> Tensor:
            if key not in state:
                raise InputError(f"'{name}' is not an {kind} checkpoint: it has no tensor '{key}'")
            if tuple(state[key].shape) != size:
                raise InputError(f"'{name}' is not this {kind}: '{key}' is {tuple(state[key].shape)}, expected {size}")
            return state[key].detach()

        def affine(prefix: str, *size: int, bias: bool = True) -> Affine:
            return Affine(take(f"{prefix}.weight", *size), take(f"{prefix}.bias", size[0]) if bias else None)

        def norm(prefix: str, bias: bool = True) -> Norm:
            return Norm(*affine(prefix, d_model, bias=bias), layer_norm_eps)

        def layer(index: int) -> LayerWeights:
            prefix = f"layers.{index}"
            query, key, value, output = (
                affine(f"{prefix}.self_attn.{part}_proj", d_model, d_model, bias=biases)
                for part in ("q", "k", "v", "out")
            )
            return LayerWeights(
                attention_norm=norm(f"{prefix}.self_attn_layer_norm"),
                query=query,
                key=key,
                value=value,
                output=output,
                mlp_norm=norm(f"{prefix}.final_layer_norm"),
                mlp_in=affine(f"{prefix}.fc1", d_mlp, d_model, bias=biases),
                mlp_out=affine(f"{prefix}.fc2", d_model, d_mlp, bias=biases),
                inv_freq=take(f"{prefix}.self_attn.rot_emb.inv_freq", shape.n_bands),
                query_norm=norm(f"{prefix}.self_attn.q_norm", bias=False) if architecture.qk_norms else None,
                key_norm=norm(f"{prefix}.self_attn.k_norm", bias=False) if architecture.qk_norms else None,
                mlp_gate=affine(f"{prefix}.gate", d_mlp, d_model, bias=False) if architecture.gated_mlp else None,
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
            architecture=architecture,
            shape=shape,
            embedding=take("embed_tokens.weight", vocab, d_model),
            layers=tuple(layer(index) for index in range(shape.n_layers)),
            final_norm=norm("emb_layer_norm_after", bias=biases),
            unembed_dense=affine("lm_head.dense", d_model, d_model),
            unembed_norm=norm("lm_head.layer_norm"),
            unembed_weight=None if is_tied else take("lm_head.weight", vocab, d_model),
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
    """The model called `name_or_path`: "embedded", a published ESM-2 or ESMC by name, a file of weights, or a folder in
    Hugging Face's format; `core.checkpoints.read_checkpoint` says where it is looked for and what it refuses, and
    memory that won't do is refused too."""
    checkpoint = read_checkpoint(name_or_path, allow_large=allow_large, progress=progress)
    weights = sum(tensor.numel() for tensor in checkpoint.tensors.values()) * dtype.itemsize
    require_memory(weights, checkpoint.name, torch.device(device))
    return Model.from_checkpoint(checkpoint).to(dtype=dtype, device=device)


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
    if model.architecture != ESM_2:
        settings += (model.architecture.name,)
    digest = hashlib.sha256(repr(settings).encode())
    trunk = None
    for name, tensor in _tensors(model):
        if trunk is None and name.startswith("contact"):
            trunk = digest.hexdigest()
        digest.update(tensor.to(torch.float32).contiguous().cpu().numpy().tobytes())
    whole = digest.hexdigest()
    return whole[:16], (trunk or whole)[:16]
