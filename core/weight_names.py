"""Weights under the names that files give them, brought under one set of names, and what a file holds beside them.

The names are fair-esm's; what only ESMC has is `self_attn.q_norm`, `self_attn.k_norm`, `gate` and `lm_head.weight`.
"""

import re
from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor

from core.architecture import Architecture
from core.errors import InputError

_WRAPPERS: Final = re.compile(r"^((module|model|_orig_mod|_forward_module|network|backbone)\.)+")
"""Prefixes of what wraps a model: DataParallel, Lightning, torch.compile, a class that holds it."""

_FAIR_ESM_PREFIX: Final = re.compile(r"^encoder\.(sentence_encoder\.)?(?!layer\.)")
_HUGGING_FACE_NAMES: Final = (
    (r"^esm\.", ""),
    (r"^embeddings\.word_embeddings", "embed_tokens"),
    (r"^encoder\.emb_layer_norm_after", "emb_layer_norm_after"),
    (r"^encoder\.layer\.(\d+)\.attention\.self\.(query|key|value)\b", r"layers.\1.self_attn.\2"),
    (r"^encoder\.layer\.(\d+)\.attention\.self\.rotary_embeddings", r"layers.\1.self_attn.rot_emb"),
    (r"^encoder\.layer\.\*\.attention\.self\.rotary_embeddings", "rotary_embeddings"),
    (r"^encoder\.layer\.(\d+)\.attention\.output\.dense", r"layers.\1.self_attn.out_proj"),
    (r"^encoder\.layer\.(\d+)\.attention\.LayerNorm", r"layers.\1.self_attn_layer_norm"),
    (r"^encoder\.layer\.(\d+)\.intermediate\.dense", r"layers.\1.fc1"),
    (r"^encoder\.layer\.(\d+)\.output\.dense", r"layers.\1.fc2"),
    (r"^encoder\.layer\.(\d+)\.LayerNorm", r"layers.\1.final_layer_norm"),
    (r"self_attn\.query", "self_attn.q_proj"),
    (r"self_attn\.key", "self_attn.k_proj"),
    (r"self_attn\.value", "self_attn.v_proj"),
    (r"\.gamma$", ".weight"),
    (r"\.beta$", ".bias"),
)
_ESMC_NAMES: Final = (
    (r"^esmc\.", ""),
    (r"^(transformer\.)?norm\.", "emb_layer_norm_after."),
    (r"^transformer\.blocks\.", "layers."),
    (r"^embed\.", "embed_tokens."),
    (r"^(lm_head|sequence_head)\.0\.", "lm_head.dense."),
    (r"^(lm_head|sequence_head)\.2\.", "lm_head.layer_norm."),
    (r"^(lm_head|sequence_head)\.(3|decoder)\.", "lm_head."),
    (r"\.(input_layernorm\.|attn\.layernorm_qkv\.(layer_norm_|0\.))", ".self_attn_layer_norm."),
    (r"\.(post_attention_layernorm\.|ffn\.(layer_norm_|0\.))", ".final_layer_norm."),
    (r"\.attn\.layernorm_qkv\.(1\.)?weight$", ".self_attn.qkv_proj.weight"),
    (r"\.attn\.([qk])_ln\.", r".self_attn.\1_norm."),
    (r"\.(self_attn\.o|attn\.out)_proj\.", ".self_attn.out_proj."),
    (r"\.mlp\.gate_proj\.", ".gate."),
    (r"\.mlp\.up_proj\.", ".fc1."),
    (r"\.(mlp\.down_proj\.|ffn\.(fc2_|3\.))", ".fc2."),
    (r"\.ffn\.(fc1_|1\.)", ".gate_and_fc1."),
)
"""Of the three layouts in circulation: transformers', Biohub's (fused), and the older `.pth` files'."""
_FUSED: Final = {
    "self_attn.qkv_proj": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "gate_and_fc1": ("gate", "fc1"),
}
_ESMC_IGNORED: Final = re.compile(r"(_extra_state|inv_freq)$")
_SHARED_FREQUENCIES: Final = "rotary_embeddings.inv_freq"
_LAYER_NORMS: Final = ("self_attn_layer_norm", "final_layer_norm")
_PROJECTIONS: Final = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj", "fc1", "fc2")
_FREQUENCIES: Final = "self_attn.rot_emb.inv_freq"
_HEAD: Final = ("lm_head.dense", "lm_head.layer_norm", "lm_head")
CONTACT_TENSORS: Final = ("contact_head.regression.weight", "contact_head.regression.bias")
_DECODERS: Final = ("lm_head.weight", "lm_head.decoder.weight")
_WITHOUT_EFFECT: Final = re.compile(
    r"^(embeddings\.position_ids|embeddings\.position_embeddings\.|pooler\.|classifier\.)"
)
"""What other heads and absolute positions need; with rotary positions the language model doesn't read them."""

READABLE: Final = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


def is_esmc(tensors: Mapping[str, Tensor]) -> bool:
    """Whether tensors under a file's own names are an ESMC's: only it has LayerNorms on q and k."""
    return any(re.search(r"\.(self_attn\.[qk]_norm|attn\.[qk]_ln)\.", key) for key in tensors)


def common_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under the names that are read here, fused ones taken apart, wrapped in whatever.

    Raises `InputError` where two tensors come to the same name, and where a fused one can't be taken apart.
    """
    esmc = is_esmc(tensors)
    renamed: dict[str, Tensor] = {}
    for key, value in tensors.items():
        if esmc and _ESMC_IGNORED.search(key):
            continue
        name = _FAIR_ESM_PREFIX.sub("", _WRAPPERS.sub("", key))
        for pattern, replacement in _ESMC_NAMES if esmc else _HUGGING_FACE_NAMES:
            name = re.sub(pattern, replacement, name)
        for part, part_value in _taken_apart(name, key, value):
            if part in renamed:
                raise InputError(f"two of the file's tensors are '{part}', one of them '{key}'")
            renamed[part] = part_value
    return renamed


def _taken_apart(name: str, key: str, value: Tensor) -> list[tuple[str, Tensor]]:
    """A fused tensor's parts, which share its memory; any other as it is."""
    for fused, parts in _FUSED.items():
        prefix, found, kind = name.partition(fused)
        if found:
            if value.ndim != 2 or len(value) % len(parts):
                raise InputError(f"'{key}' is {tuple(value.shape)}, which doesn't split into {len(parts)} matrices")
            return [(prefix + part + kind, each) for part, each in zip(parts, value.chunk(len(parts)), strict=True)]
    return [(name, value)]


def n_layers_of(tensors: Mapping[str, Tensor]) -> int:
    """How many layers tensors under fair-esm's names make."""
    return max((int(found[1]) + 1 for key in tensors if (found := re.match(r"layers\.(\d+)\.", key))), default=0)


def with_frequencies(
    tensors: Mapping[str, Tensor], n_layers: int, d_head: int, rope_theta: float, name: str
) -> dict[str, Tensor]:
    """The tensors with RoPE's frequencies in every layer: the file's own, or those of the base where it has none.

    Raises `InputError` when the file's own are not those of the base that it states.
    """
    bands = torch.arange(0, d_head, 2).float() / d_head
    due = 1 / rope_theta**bands  # to the last bit as fair-esm and transformers have it
    shared = tensors.get(_SHARED_FREQUENCIES, due)
    found = {f"layers.{layer}.{_FREQUENCIES}": shared for layer in range(n_layers)} | dict(tensors)
    found.pop(_SHARED_FREQUENCIES, None)
    for key, value in found.items():
        # Files may hold them rounded to half precision.
        if key.endswith("inv_freq") and value.shape == due.shape and not torch.allclose(value.float(), due, rtol=0.02):
            raise InputError(f"'{name}' states a RoPE base of {rope_theta:g}, and its '{key}' has another")
    return found


def require_language_model(tensors: Mapping[str, Tensor], name: str) -> None:
    """Raise `InputError` for an encoder alone or with a classifier: predictions need the head that was trained."""
    if tensors and not any(key.startswith("lm_head.") for key in tensors):
        raise InputError(f"'{name}' has no language-model head: it is an encoder alone or a classifier")


def with_unembed(tensors: Mapping[str, Tensor], is_tied: bool, name: str) -> tuple[dict[str, Tensor], bool]:
    """The tensors with an untied model's unembed as `lm_head.weight`, and whether the model is tied after all.

    A tied model's copy of the embedding is left out. Raises `InputError` when it is no copy, and for untied models that
    hold no unembed or two of them.
    """
    embedding = tensors.get("embed_tokens.weight")
    left = {key: value for key, value in tensors.items() if key not in _DECODERS}
    bias = left.pop("lm_head.decoder.bias", None)
    if bias is not None and not torch.equal(bias, left.setdefault("lm_head.bias", bias)):
        raise InputError(f"'{name}' is not computed: its 'lm_head.decoder.bias' and 'lm_head.bias' differ")
    own = [
        key for key in _DECODERS if key in tensors and not (embedding is not None and _same(tensors[key], embedding))
    ]
    if is_tied and own:
        raise InputError(f"'{name}' is not computed: its '{own[0]}' is not its token embedding (an untied decoder)")
    if not is_tied and not any(key in tensors for key in _DECODERS):
        raise InputError(f"'{name}' is not computed: tie_word_embeddings is False, and it holds no decoder")
    if len(own) == 2 and not _same(tensors[own[0]], tensors[own[1]]):
        raise InputError(f"'{name}' is not computed: its '{own[0]}' and '{own[1]}' differ")
    if own:
        left["lm_head.weight"] = tensors[own[0]]
    return left, not own


def _same(one: Tensor, other: Tensor) -> bool:
    return one.dtype == other.dtype and torch.equal(one, other)


def _read_by(architecture: Architecture, n_layers: int) -> set[str]:
    """The names of all tensors that a model of this architecture reads."""
    both, projected = ("weight", "bias"), ("weight", "bias") if architecture.biases else ("weight",)
    layer = {f"{norm}.{kind}" for norm in _LAYER_NORMS for kind in both} | {_FREQUENCIES}
    layer |= {f"{projection}.{kind}" for projection in _PROJECTIONS for kind in projected}
    layer |= {"self_attn.q_norm.weight", "self_attn.k_norm.weight"} if architecture.qk_norms else set()
    layer |= {"gate.weight"} if architecture.gated_mlp else set()
    read = {f"layers.{index}.{tensor}" for index in range(n_layers) for tensor in layer}
    read |= {f"{part}.{kind}" for part in _HEAD for kind in both}
    return read | {"embed_tokens.weight", *(f"emb_layer_norm_after.{kind}" for kind in projected), *CONTACT_TENSORS}


def checked(
    tensors: Mapping[str, Tensor], architecture: Architecture, name: str
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The tensors that a model of the architecture reads, and a note on those left out that it doesn't need.

    Raises `InputError` for any other tensor, numbers that are not floating-point, and values that are not finite.
    """
    read = _read_by(architecture, n_layers_of(tensors))
    left_out = [key for key in tensors if key not in read and _WITHOUT_EFFECT.match(key)]
    unknown = [key for key in tensors if key not in read and key not in left_out]
    if unknown:
        kind, more = architecture.name, len(unknown) - 1
        raise InputError(f"'{name}' holds {unknown[0]!r}, which an {kind} hasn't, and {more} more such")
    kept = {key: value for key, value in tensors.items() if key in read}
    for key, value in kept.items():
        if value.dtype not in READABLE:
            raise InputError(f"'{name}' is not computed: '{key}' is {value.dtype}, and only floating-point is read")
        if not torch.isfinite(value).all():
            raise InputError(f"'{name}' is damaged: '{key}' holds values that are not numbers")
    notes = (f"not read, as predictions don't need them: {', '.join(left_out[:5])}",) if left_out else ()
    return kept, notes


def fitting_contact_head(
    tensors: Mapping[str, Tensor], n_heads_in_all: int, where: str
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The tensors, without a contact regression that is not for so many heads, and a note where one is left out."""
    weight, bias = (tensors.get(key) for key in CONTACT_TENSORS)
    if weight is None and bias is None:
        return dict(tensors), ()
    if weight is not None and bias is not None and weight.shape == (1, n_heads_in_all) and bias.shape == (1,):
        return dict(tensors), ()
    found = "nothing" if weight is None else tuple(weight.shape)
    note = f"{where} doesn't fit, so there is no contact head: weights for {n_heads_in_all} heads are due, not {found}"
    return {key: value for key, value in tensors.items() if key not in CONTACT_TENSORS}, (note,)
