"""Weights under the names that files give them, brought under fair-esm's, and what a file holds beside them."""

import re
from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor

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
_SHARED_FREQUENCIES: Final = "rotary_embeddings.inv_freq"
_LAYER_MODULES: Final = (
    "self_attn_layer_norm",
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.out_proj",
    "final_layer_norm",
    "fc1",
    "fc2",
)
_LAYER_TENSORS: Final = (
    *(f"{module}.{kind}" for module in _LAYER_MODULES for kind in ("weight", "bias")),
    "self_attn.rot_emb.inv_freq",
)
_MODEL_TENSORS: Final = (
    "embed_tokens.weight",
    "emb_layer_norm_after.weight",
    "emb_layer_norm_after.bias",
    "lm_head.dense.weight",
    "lm_head.dense.bias",
    "lm_head.layer_norm.weight",
    "lm_head.layer_norm.bias",
    "lm_head.bias",
)
CONTACT_TENSORS: Final = ("contact_head.regression.weight", "contact_head.regression.bias")
_DECODERS: Final = ("lm_head.weight", "lm_head.decoder.weight")
_WITHOUT_EFFECT: Final = re.compile(
    r"^(embeddings\.position_ids|embeddings\.position_embeddings\.|pooler\.|classifier\.)"
)
"""What other heads and absolute positions need; with rotary positions the language model doesn't read them."""

READABLE: Final = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


def fair_esm_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under fair-esm's names, from fair-esm's or Hugging Face's own, wrapped in whatever.

    Raises `InputError` where two tensors come to the same name.
    """
    renamed: dict[str, Tensor] = {}
    for key, value in tensors.items():
        name = _FAIR_ESM_PREFIX.sub("", _WRAPPERS.sub("", key))
        for pattern, replacement in _HUGGING_FACE_NAMES:
            name = re.sub(pattern, replacement, name)
        if name in renamed:
            raise InputError(f"two of the file's tensors are '{name}', one of them '{key}'")
        renamed[name] = value
    return renamed


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
    due = rope_theta**-bands
    shared = tensors.get(_SHARED_FREQUENCIES, due)
    found = {f"layers.{layer}.self_attn.rot_emb.inv_freq": shared for layer in range(n_layers)} | dict(tensors)
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


def tied(tensors: Mapping[str, Tensor], is_tied: bool, name: str) -> dict[str, Tensor]:
    """The tensors without the copy of the embedding that the head reads; `InputError` when it is no copy."""
    embedding = tensors.get("embed_tokens.weight")
    decoders = [key for key in _DECODERS if key in tensors]
    for key in decoders:
        if embedding is not None and not torch.equal(tensors[key], embedding):
            raise InputError(f"'{name}' is not computed: its '{key}' is not its token embedding (an untied decoder)")
    if not is_tied and not decoders:
        raise InputError(f"'{name}' is not computed: tie_word_embeddings is False, and it holds no decoder")
    left = {key: value for key, value in tensors.items() if key not in decoders}
    bias = left.pop("lm_head.decoder.bias", None)
    if bias is not None and not torch.equal(bias, left.setdefault("lm_head.bias", bias)):
        raise InputError(f"'{name}' is not computed: its 'lm_head.decoder.bias' and 'lm_head.bias' differ")
    return left


def checked(tensors: Mapping[str, Tensor], name: str) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The tensors that an ESM-2 reads, and a note on those left out that it doesn't need.

    Raises `InputError` for any other tensor, numbers that are not floating-point, and values that are not finite.
    """
    layers = {f"layers.{layer}.{part}" for layer in range(n_layers_of(tensors)) for part in _LAYER_TENSORS}
    read = {*_MODEL_TENSORS, *CONTACT_TENSORS, *layers}
    left_out = [key for key in tensors if key not in read and _WITHOUT_EFFECT.match(key)]
    unknown = [key for key in tensors if key not in read and key not in left_out]
    if unknown:
        raise InputError(f"'{name}' holds {unknown[0]!r}, which an ESM-2 hasn't, and {len(unknown) - 1} more such")
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
