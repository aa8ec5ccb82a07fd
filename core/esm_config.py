"""What each setting of `transformers`' EsmConfig and EsmcConfig means here: honoured, of one value, or without effect.

A folder that loads isn't yet a folder that is right: a setting that changes numbers is computed with, or refused by
its name, and so is one that nobody has decided about.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from core.alphabet import BOS, EOS, MASK, PAD, TOKENS
from core.architecture import ESM_2, ESM_C, Architecture
from core.errors import InputError

HONOURED: Final = frozenset(
    {
        "num_hidden_layers",
        "num_attention_heads",
        "hidden_size",
        "token_dropout",
        "layer_norm_eps",
        "rope_theta",
        "rope_parameters",
        "tie_word_embeddings",
    }
)
"""What `Settings` holds and the forward pass computes with; whether the head is tied is held against the weights."""

_ONLY_IN_BOTH: Final[Mapping[str, tuple[Any, ...]]] = {
    "mask_token_id": (MASK, None),
    "pad_token_id": (PAD, None),
    "bos_token_id": (BOS, None),
    "eos_token_id": (EOS, [EOS], None),
    "is_decoder": (False, None),
    "is_encoder_decoder": (False, None),
    "add_cross_attention": (False, None),
    "rope_scaling": (None,),
    "pruned_heads": (None, {}, []),
    "per_layer_config": (None, {}),
    "quantization_config": (None,),
    "auto_map": (None,),
}
ONLY: Final[Mapping[str, tuple[Any, ...]]] = _ONLY_IN_BOTH | {
    "model_type": ("esm", None),
    "position_embedding_type": ("rotary",),
    "emb_layer_norm_before": (False, None),
    "vocab_size": (len(TOKENS), None),
    "vocab_list": (None, list(TOKENS)),
    "is_folding_model": (False, None),
    "hidden_act": ("gelu", None),
}
"""Settings with only these values: any other is an architecture that is not computed here."""

_IN_TRAINING: Final = """
hidden_dropout_prob attention_probs_dropout_prob classifier_dropout initializer_range gradient_checkpointing
"""
_OF_OTHER_HEADS: Final = """
max_position_embeddings esmfold_config id2label label2id num_labels problem_type finetuning_task task_specific_params
cross_attention_hidden_size decoder_start_token_id sep_token_id tie_encoder_decoder
"""
_OF_BOOKKEEPING: Final = """
architectures transformers_version adapters_version dtype torch_dtype name_or_path _name_or_path _commit_hash
use_cache output_hidden_states output_attentions _output_attentions return_dict chunk_size_feed_forward
_attn_implementation attn_implementation _attn_implementation_autoset _attn_implementation_internal
_experts_implementation_internal tokenizer_class tf_legacy_loss torchscript use_bfloat16 prefix tie_last_hidden_states
"""
_OF_GENERATING_TEXT: Final = """
max_length min_length do_sample early_stopping num_beams num_beam_groups diversity_penalty temperature top_k top_p
typical_p repetition_penalty length_penalty no_repeat_ngram_size encoder_no_repeat_ngram_size bad_words_ids
num_return_sequences output_scores return_dict_in_generate forced_bos_token_id forced_eos_token_id
remove_invalid_values exponential_decay_length_penalty suppress_tokens begin_suppress_tokens
"""
WITHOUT_EFFECT: Final = frozenset((_IN_TRAINING + _OF_OTHER_HEADS + _OF_BOOKKEEPING + _OF_GENERATING_TEXT).split())
RELATED: Final = frozenset({"intermediate_size", "head_dim"})
"""Sizes that follow from the others: four times the width, and the width by the heads."""

DECIDED: Final = HONOURED | set(ONLY) | WITHOUT_EFFECT | RELATED

_HUGGING_FACE_SIZES: Final = ("num_hidden_layers", "num_attention_heads", "hidden_size")
_BIOHUB_SIZES: Final = ("n_layers", "n_heads", "d_model")
ESMC_HONOURED: Final = frozenset(
    {*_HUGGING_FACE_SIZES, *_BIOHUB_SIZES, "intermediate_size", "rope_theta", "rope_parameters"}
)
ESMC_ONLY: Final[Mapping[str, tuple[Any, ...]]] = _ONLY_IN_BOTH | {
    "model_type": ("esmc",),
    "vocab_size": (ESM_C.alphabet.n_ids, None),
    "hidden_act": ("silu", None),
    "attention_bias": (False, None),
    "mlp_bias": (False, None),
    "tie_word_embeddings": (False, None),
}
ESMC_RELATED: Final = frozenset({"num_key_value_heads", "head_dim"})
"""Each head has keys and values of its own, and is as wide as d_model by the heads."""
ESMC_DECIDED: Final = ESMC_HONOURED | set(ESMC_ONLY) | WITHOUT_EFFECT | ESMC_RELATED | {"attention_dropout"}


@dataclass(frozen=True, slots=True)
class Settings:
    """What the forward pass needs to know beside the weights; `tied` says whether the head is the embedding."""

    n_layers: int
    n_heads: int
    d_model: int
    token_dropout: bool
    architecture: Architecture = ESM_2
    d_mlp: int | None = None
    """None: as wide as the architecture has it."""
    layer_norm_eps: float = 1e-5
    rope_theta: float = 10_000.0
    tied: bool = True
    notes: tuple[str, ...] = ()


def read_config(path: Path) -> Settings:
    """The settings in a config.json, as `transformers` writes it or as plmscope does.

    Raises `InputError` for broken JSON, missing sizes, a value that is not computed, and an undecided setting.
    """
    try:
        config = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not JSON: its text breaks at character {getattr(error, 'pos', 0)}") from error
    if not isinstance(config, dict):
        raise InputError(f"{path} holds no settings, but a {type(config).__name__}")
    if config.get("model_type") == "esmc":
        return esmc_settings(config, path)
    return _own_settings(config, path) if "n_layers" in config else esm_settings(config, path)


def esm_settings(config: Mapping[str, Any], path: Path) -> Settings:
    """The settings of an EsmConfig; what it doesn't state has the default of `transformers`, and that is noted."""
    _refuse_other_settings({"position_embedding_type": "absolute", **config}, DECIDED, ONLY, "an ESM-2", path)
    sizes = _sizes(config, _HUGGING_FACE_SIZES, "an ESM-2", path)
    _, n_heads, d_model = sizes
    due = {"intermediate_size": 4 * d_model, "head_dim": d_model // n_heads}
    _refuse_other_sizes(config, due, f"an ESM-2 of width {d_model}", path)
    defaults = {"token_dropout": False, "layer_norm_eps": 1e-12}
    missing = [f"{name} ({value})" for name, value in defaults.items() if config.get(name) is None]
    notes = (f"config.json doesn't state {' and '.join(missing)}: transformers' default is taken",) if missing else ()
    stated = {**defaults, **{name: config[name] for name in defaults if config.get(name) is not None}}
    return Settings(
        *sizes,
        token_dropout=_flag(stated["token_dropout"], "token_dropout", path),
        layer_norm_eps=_positive(stated["layer_norm_eps"], "layer_norm_eps", path),
        rope_theta=_rope_theta(config, path),
        tied=_flag(config.get("tie_word_embeddings", True), "tie_word_embeddings", path),
        notes=notes,
    )


def esmc_settings(config: Mapping[str, Any], path: Path) -> Settings:
    """The settings of an EsmcConfig, or of the configuration that Biohub's own files have."""
    _refuse_other_settings(config, ESMC_DECIDED, ESMC_ONLY, "an ESMC", path)
    sizes = _sizes(config, _BIOHUB_SIZES if "n_layers" in config else _HUGGING_FACE_SIZES, "an ESMC", path)
    _, n_heads, d_model = sizes
    due = {"num_key_value_heads": n_heads, "head_dim": d_model // n_heads}
    _refuse_other_sizes(config, due, f"an ESMC of width {d_model}", path)
    d_mlp = config.get("intermediate_size")
    if d_mlp is not None and (type(d_mlp) is not int or d_mlp < 1):
        raise InputError(f"{path}: intermediate_size must be a whole number, not {d_mlp!r}")
    theta = _rope_theta(config, path)
    return Settings(*sizes, token_dropout=False, architecture=ESM_C, d_mlp=d_mlp, rope_theta=theta, tied=False)


def _refuse_other_settings(
    config: Mapping[str, Any], decided: Collection[str], only: Mapping[str, tuple[Any, ...]], what: str, path: Path
) -> None:
    undecided = sorted(set(config) - set(decided))
    if undecided:
        raise InputError(f"{path} sets {undecided[0]!r}, and what that changes is not known: such a model is not read")
    for name, values in only.items():
        value = config.get(name)
        if not any(type(value) is type(allowed) and value == allowed for allowed in values):
            wanted = " or ".join(repr(each) for each in values if each is not None) or "None"
            raise InputError(f"{path} is not {what} that is computed here: {name} is {value!r}, and must be {wanted}")


def _refuse_other_sizes(config: Mapping[str, Any], due: Mapping[str, int], what: str, path: Path) -> None:
    for name, size in due.items():
        if config.get(name, size) not in (size, None):
            raise InputError(f"{path}: {name} is {config[name]!r}, and {what} has {size}")


def _own_settings(config: Mapping[str, Any], path: Path) -> Settings:
    if config.get("alphabet", "ESM-1b") != "ESM-1b":
        raise InputError(f"{path}: alphabet is {config['alphabet']!r}, and only ESM-1b is read")
    sizes = _sizes(config, ("n_layers", "n_heads", "d_model"), "an ESM-2", path)
    return Settings(*sizes, token_dropout=_flag(config.get("token_dropout", True), "token_dropout", path))


def _sizes(config: Mapping[str, Any], names: tuple[str, str, str], what: str, path: Path) -> tuple[int, int, int]:
    missing = [name for name in names if name not in config]
    if missing:
        raise InputError(f"{path} does not give the sizes of {what}: '{missing[0]}' is missing")
    sizes = tuple(config[name] for name in names)
    if not all(type(size) is int and size > 0 for size in sizes):
        raise InputError(f"{path}: layers, heads and width must be whole numbers, not {sizes}")
    return sizes[0], sizes[1], sizes[2]


def _flag(value: object, name: str, path: Path) -> bool:
    if not isinstance(value, bool):
        raise InputError(f"{path}: {name} is {value!r}, and must be true or false")
    return value


def _positive(value: object, name: str, path: Path) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise InputError(f"{path}: {name} is {value!r}, and must be a number above zero")
    return float(value)


def _rope_theta(config: Mapping[str, Any], path: Path) -> float:
    """RoPE's base, from `rope_theta` or `rope_parameters`; `InputError` for scaled kinds, and where the two differ."""
    stated = config.get("rope_theta")
    theta = 10_000.0 if stated is None else _positive(stated, "rope_theta", path)
    parameters = config.get("rope_parameters") or {}
    if not isinstance(parameters, dict) or parameters.get("rope_type", "default") != "default":
        raise InputError(f"{path}: rope_parameters are {parameters!r}, and only RoPE of the default type is computed")
    extra = sorted(set(parameters) - {"rope_type", "rope_theta"})
    if extra:
        raise InputError(f"{path}: rope_parameters set {extra[0]!r}, which is not computed")
    inner = parameters.get("rope_theta")
    if inner is None:
        return theta
    if stated is not None and inner != stated:
        raise InputError(f"{path}: rope_theta is {stated!r}, and {inner!r} in rope_parameters")
    return _positive(inner, "rope_theta", path)
