"""How much faster is the 132-component ablation sweep than the same sweep with hooks on fair-esm?

Both are timed in this process, in turns, on an 8M-shaped model with random weights, and must agree before a ratio is
printed: `python -m benchmarks.sweep [--length 120] [--repeats 5] [--threads 2]`.
"""

import statistics
import time
from contextlib import contextmanager
from typing import Any

import esm
import torch
import typer

from core.alphabet import tokenize
from core.analyses.head_ablation import component_sweep
from core.metrics import target_gap
from core.model import Model


def hooked_sweep(module: esm.ESM2, tokens: torch.Tensor, position: int) -> list[float]:
    """The peer: one fair-esm forward per component, with a hook that zeroes it at every position."""
    gaps = []
    d_head = module.embed_dim // module.attention_heads

    def gap() -> float:
        return target_gap(module(tokens[None])["logits"][0, position], "M").item()

    @contextmanager
    def hooked(handle):
        try:
            yield
        finally:
            handle.remove()

    def zero_head(head):
        def hook(_, args):
            z = args[0].clone()
            z[..., head * d_head : (head + 1) * d_head] = 0
            return (z,)

        return hook

    layers: list[Any] = list(module.layers)
    for layer in layers:
        for head in range(module.attention_heads):
            with hooked(layer.self_attn.out_proj.register_forward_pre_hook(zero_head(head))):
                gaps.append(gap())
    for layer in layers:
        with hooked(layer.self_attn.register_forward_hook(lambda *a: (torch.zeros_like(a[2][0]), a[2][1]))):
            gaps.append(gap())
    for layer in layers:
        with hooked(layer.fc2.register_forward_hook(lambda *a: torch.zeros_like(a[2]))):
            gaps.append(gap())
    return gaps


@torch.inference_mode()
def main(length: int = 120, repeats: int = 5, threads: int = 2) -> None:
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    module = esm.ESM2(num_layers=6, embed_dim=320, attention_heads=20).eval()
    model = Model.from_fair_esm(module)
    letters = torch.randint(4, 24, (length,), generator=torch.Generator().manual_seed(1))
    tokens = tokenize("".join(esm.data.Alphabet.from_architecture("ESM-1b").get_tok(i) for i in letters), masked=[0])

    expected = torch.empty(0)
    times: dict[str, list[float]] = {"hooks on fair-esm": [], "plmscope": []}
    for _ in range(repeats):
        begin = time.perf_counter()
        expected = torch.tensor(hooked_sweep(module, tokens, 1))
        times["hooks on fair-esm"].append(time.perf_counter() - begin)
        begin = time.perf_counter()
        effects = component_sweep(model, tokens)
        times["plmscope"].append(time.perf_counter() - begin)
        found = torch.cat(
            [torch.from_numpy(part).flatten() for part in (effects.heads, effects.attention, effects.mlp)]
        )
        torch.testing.assert_close(found + effects.gap, expected, atol=1e-4, rtol=0)

    for name, seconds in times.items():
        print(f"{name:18} {statistics.median(seconds):7.3f} s  (median of {repeats}, {len(expected)} components)")
    ratios = [slow / fast for slow, fast in zip(*times.values(), strict=True)]
    spread = f"from {min(ratios):.2f} to {max(ratios):.2f}"
    print(f"ratio              {statistics.median(ratios):7.2f} x ({spread}), L = {length}")


if __name__ == "__main__":
    typer.run(main)
