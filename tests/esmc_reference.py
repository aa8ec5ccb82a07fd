"""A tiny ESMC with random weights, made by `transformers`, the reference; and its weights in the layouts of others.

`python -m tests.esmc_reference FOLDER` makes one of 300M's size, to look at pages and to measure: it predicts nothing.
"""

import json
import re
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import EsmcConfig, EsmcForMaskedLM


def random_esmc(
    n_layers: int = 4,
    n_heads: int = 3,
    d_model: int = 96,
    d_mlp: int = 256,
    spread: float = 0.3,
    dtype: torch.dtype = torch.float64,
    seed: int = 0,
):
    """EsmcForMaskedLM with explicit attention, every weight and bias random, norms' gains near 1."""
    config = EsmcConfig(
        num_hidden_layers=n_layers, num_attention_heads=n_heads, hidden_size=d_model, intermediate_size=d_mlp
    )
    module = EsmcForMaskedLM._from_config(config, attn_implementation="eager").to(dtype).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
            is_gain = "norm" in name and name.endswith("weight")
            parameter.copy_(1 + spread * noise if is_gain else spread * noise)
    return module.requires_grad_(False)


def esmc_reference(module, tokens):
    """Logits, the residual stream before every layer and after the final LayerNorm, and every layer's patterns."""
    return module(tokens[None], output_hidden_states=True, output_attentions=True)


def fused(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Biohub's layout: q, k and v in one matrix, gate and up in one, and Transformer Engine's empty extra states."""
    named = {}
    for key, value in state.items():
        name = key.replace("esmc.embed_tokens", "esmc.embed").replace("esmc.norm", "esmc.transformer.norm")
        name = re.sub(r"^esmc\.layers\.", "esmc.transformer.blocks.", name)
        for old, new in (
            ("input_layernorm.", "attn.layernorm_qkv.layer_norm_"),
            ("self_attn.q_norm", "attn.q_ln"),
            ("self_attn.k_norm", "attn.k_ln"),
            ("self_attn.o_proj", "attn.out_proj"),
            ("post_attention_layernorm.", "ffn.layer_norm_"),
            ("mlp.down_proj.", "ffn.fc2_"),
            ("lm_head.dense", "lm_head.0"),
            ("lm_head.layer_norm", "lm_head.2"),
            ("lm_head.decoder", "lm_head.3"),
        ):
            name = name.replace(old, new)
        named[name] = value
    for layer in range(sum(key.endswith("attn.q_ln.weight") for key in named)):
        block = f"esmc.transformer.blocks.{layer}"
        q, k, v = (named.pop(f"{block}.self_attn.{part}_proj.weight") for part in "qkv")
        gate, up = (named.pop(f"{block}.mlp.{part}_proj.weight") for part in ("gate", "up"))
        named[f"{block}.attn.layernorm_qkv.weight"] = torch.cat((q, k, v))
        named[f"{block}.ffn.fc1_weight"] = torch.cat((gate, up))
        named[f"{block}.ffn._extra_state"] = torch.empty(0, dtype=torch.uint8)
    return named


def older(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The layout of the `.pth` files of December 2024."""
    named = {}
    for key, value in fused(state).items():
        name = key.removeprefix("esmc.").replace("lm_head.", "sequence_head.")
        for old, new in (
            ("attn.layernorm_qkv.layer_norm_", "attn.layernorm_qkv.0."),
            ("attn.layernorm_qkv.weight", "attn.layernorm_qkv.1.weight"),
            ("ffn.layer_norm_", "ffn.0."),
            ("ffn.fc1_", "ffn.1."),
            ("ffn.fc2_", "ffn.3."),
        ):
            name = name.replace(old, new)
        if not name.endswith("_extra_state"):
            named[name] = value
    return named | {"transformer.blocks.0.attn.rotary.inv_freq": torch.zeros(4)}


LAYOUTS = {"transformers": dict, "biohub": fused, "older": older}


def write_esmc(module, folder: Path, layout: str = "transformers", **config) -> Path:
    """A folder with the weights in a layout, and the configuration that goes with it."""
    folder.mkdir(parents=True)
    state = LAYOUTS[layout]({key: value.clone() for key, value in module.state_dict().items()})
    save_file(state, folder / "model.safetensors")
    sizes = module.config
    stated = (
        json.loads(sizes.to_json_string())
        if layout == "transformers"
        else {
            "architectures": ["ESMCForMaskedLM"],
            "model_type": "esmc",
            "vocab_size": 64,
            "d_model": sizes.hidden_size,
            "n_layers": sizes.num_hidden_layers,
            "n_heads": sizes.num_attention_heads,
            "mask_token_id": 32,
            "pad_token_id": 1,
            "dtype": "float32",
            "tie_word_embeddings": False,
        }
    )
    (folder / "config.json").write_text(json.dumps(stated | config))
    return folder


if __name__ == "__main__":
    write_esmc(random_esmc(30, 15, 960, 2560, spread=0.05, dtype=torch.float32), Path(sys.argv[1]))
