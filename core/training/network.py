"""ESM-2 as a network to train: fair-esm's `ESM2`, parameter for parameter, in the shortest form that is fast."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from core.alphabet import MASK, TOKENS

ROPE_BASE = 10_000


class RotaryEmbedding(nn.Module):
    """Turns q and k by their positions; band f is the dimension pair (f, f + d_head / 2)."""

    inv_freq: Float[Tensor, " n_bands"]

    def __init__(self, d_head: int):
        super().__init__()
        self.register_buffer("inv_freq", ROPE_BASE ** -(torch.arange(0, d_head, 2) / d_head))

    def forward(self, heads: Float[Tensor, "rows heads pos d_head"]) -> Float[Tensor, "rows heads pos d_head"]:
        positions = torch.arange(heads.shape[-2], device=heads.device, dtype=self.inv_freq.dtype)
        angle = torch.outer(positions, self.inv_freq)
        cos, sin = angle.cos(), angle.sin()
        first, second = heads.chunk(2, dim=-1)  # in the precision of the angles, whatever the heads' own
        return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1).to(heads.dtype)


class SelfAttention(nn.Module):
    """Rotary self-attention over rows of one length."""

    def __init__(self, d_model: int, n_heads: int):
        super().__init__()
        self.n_heads = n_heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(d_model, d_model) for _ in range(4))
        self.rot_emb = RotaryEmbedding(d_model // n_heads)

    def forward(self, x: Float[Tensor, "rows pos d_model"]) -> Float[Tensor, "rows pos d_model"]:
        q, k, v = (
            project(x).unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        # In bfloat16 the CPU's backward pass of this call is three to six times slower than in float32.
        with torch.autocast("cpu", enabled=False):
            if x.device.type == "cpu":
                q, k, v = (heads.to(self.rot_emb.inv_freq.dtype) for heads in (q, k, v))
            z = F.scaled_dot_product_attention(self.rot_emb(q), self.rot_emb(k), v)
        return self.out_proj(z.transpose(1, 2).flatten(2))


class Layer(nn.Module):
    """One pre-LayerNorm transformer layer; in training, a share of what it adds to the residual stream is dropped."""

    def __init__(self, d_model: int, n_heads: int, dropout: float = 0.0):
        super().__init__()
        self.self_attn = SelfAttention(d_model, n_heads)
        self.self_attn_layer_norm = nn.LayerNorm(d_model)
        self.fc1, self.fc2 = nn.Linear(d_model, 4 * d_model), nn.Linear(4 * d_model, d_model)
        self.final_layer_norm = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Float[Tensor, "rows pos d_model"]) -> Float[Tensor, "rows pos d_model"]:
        x = x + self.dropout(self.self_attn(self.self_attn_layer_norm(x)))
        return x + self.dropout(self.fc2(F.gelu(self.fc1(self.final_layer_norm(x)))))


class MaskedLanguageModelHead(nn.Module):
    """The unembed: dense, GELU, LayerNorm, and the embedding again."""

    def __init__(self, embedding: nn.Embedding):
        super().__init__()
        n_tokens, d_model = embedding.weight.shape
        self.dense = nn.Linear(d_model, d_model)
        self.layer_norm = nn.LayerNorm(d_model)
        self.weight = embedding.weight  # shared
        self.bias = nn.Parameter(torch.zeros(n_tokens))

    def forward(self, x: Float[Tensor, "*at d_model"]) -> Float[Tensor, "*at tokens"]:
        return F.linear(self.layer_norm(F.gelu(self.dense(x))), self.weight, self.bias)


class Network(nn.Module):
    """ESM-2 for rows of one length; its state dict loads into fair-esm's `ESM2` and back."""

    def __init__(self, n_layers: int, d_model: int, n_heads: int, dropout: float = 0.0):
        super().__init__()
        self.embed_tokens = nn.Embedding(len(TOKENS), d_model)
        self.n_heads = n_heads
        layers = [Layer(d_model, n_heads, dropout) for _ in range(n_layers)]
        self.layers = nn.ModuleList(layers)
        self.emb_layer_norm_after = nn.LayerNorm(d_model)
        self.lm_head = MaskedLanguageModelHead(self.embed_tokens)

        nn.init.normal_(self.embed_tokens.weight, std=d_model**-0.5)
        for layer in layers:
            for module in layer.modules():
                if isinstance(module, nn.Linear):
                    nn.init.xavier_uniform_(module.weight)
                    nn.init.zeros_(module.bias)
            # Layers that add nothing at first: a deep stack then learns stably at a high rate.
            nn.init.zeros_(layer.self_attn.out_proj.weight)
            nn.init.zeros_(layer.fc2.weight)

    def compile_layers(self) -> None:
        """Compile what a layer does, once for all of them and for rows and lengths of any number."""
        for layer in self.layers:
            layer.compile(dynamic=True)

    def forward(
        self, tokens: Int[Tensor, "rows pos"], asked: Bool[Tensor, "rows pos"] | None = None
    ) -> Float[Tensor, "*at tokens"]:
        """The logits at every position, or only at those asked about."""
        masked = tokens == MASK
        # Token dropout: masks embed as zero, and the rest is scaled as if 12% (15% x 80%) were always masked.
        scale = (1 - 0.15 * 0.8) / (1 - masked.to(self.embed_tokens.weight.dtype).mean(dim=1))
        x = self.embed_tokens(tokens).masked_fill(masked[..., None], 0) * scale[:, None, None]
        for layer in self.layers:
            x = layer(x)
        if asked is not None:
            x = x[asked]
        return self.lm_head(self.emb_layer_norm_after(x))
