"""How much faster are the sweep over 132 components and the greedy circuit than the same with hooks on fair-esm?

Both are timed in this process, in turns, on an 8M-shaped model with random weights, ablating at the mask and at every
position, and must agree before a ratio is printed: `python -m benchmarks.sweep [--length 120] [--repeats 5]
[--threads 1]`. README.md beside it has a run's numbers.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import esm
import torch
import typer

from core.alphabet import AMINO_ACID_IDS, AMINO_ACIDS, tokenize
from core.analyses.head_ablation import component_sweep
from core.analyses.minimal_circuits import minimal_circuit
from core.components import components, modules
from core.interventions import Component, Head, NamedScope
from core.metrics import Target
from core.model import Model, ModelShape

PLACES: dict[NamedScope, Any] = {"mask": [1], "all": slice(None)}
MASK = 1


@contextmanager
def without(module: esm.ESM2, ablated: Sequence[Component], at: Any) -> Iterator[None]:
    """fair-esm with components zeroed at the positions `at`, by hooks (inside its layers positions come first)."""
    layers: list[Any] = list(module.layers)
    d_head = module.embed_dim // module.attention_heads

    def zeroed(x: torch.Tensor, columns: slice = slice(None)) -> torch.Tensor:
        x = x.clone()
        x[at, :, columns] = 0
        return x

    with ExitStack() as stack:
        for component in ablated:
            if isinstance(component, Head):
                own = slice(component.index * d_head, (component.index + 1) * d_head)
                projection = layers[component.layer].self_attn.out_proj
                handle = projection.register_forward_pre_hook(lambda _, args, own=own: (zeroed(args[0], own),))
            elif component[0] == "attention":
                attention = layers[component[1]].self_attn
                handle = attention.register_forward_hook(lambda *a: (zeroed(a[2][0]), a[2][1]))
            else:
                handle = layers[component[1]].fc2.register_forward_hook(lambda *a: zeroed(a[2]))
            stack.callback(handle.remove)
        yield


def hooked(module: esm.ESM2, tokens: torch.Tensor, target: Target, ablated: Sequence[Component], at: Any) -> Any:
    """The target's gap and logit at the mask, one fair-esm forward."""
    with without(module, ablated, at):
        logits = module(tokens[None])["logits"][0, MASK]
    return target.gap(logits).item(), target.logit(logits).item()


def hooked_sweep(module: esm.ESM2, tokens: torch.Tensor, target: Target, shape: ModelShape, at: Any) -> list[float]:
    clean = hooked(module, tokens, target, [], at)[0]
    return [hooked(module, tokens, target, [component], at)[0] - clean for component in components(shape)]


def hooked_search(module: esm.ESM2, tokens: torch.Tensor, target: Target, shape: ModelShape, at: Any) -> list[float]:
    left, removed, gaps = modules(shape), [], []
    while left and (not gaps or gaps[-1] > 0):
        found = [hooked(module, tokens, target, [*removed, component], at) for component in left]
        least = max(range(len(left)), key=lambda index: found[index][1])
        removed.append(left.pop(least))
        gaps.append(found[least][0])
    return gaps


def swept(model: Model, tokens: torch.Tensor, target: Target, scope: NamedScope) -> list[float]:
    effects = component_sweep(model, tokens, target, scope=scope)
    return [*effects.heads.ravel().tolist(), *effects.attention.tolist(), *effects.mlp.tolist()]


def searched(model: Model, tokens: torch.Tensor, target: Target, scope: NamedScope) -> list[float]:
    return minimal_circuit(model, tokens, modules(model.shape), target=target, scope=scope).gaps.tolist()


def timed(work: Callable[..., list[float]], *settings: object) -> tuple[float, list[float]]:
    """CPU seconds, which other processes on the machine disturb less than the clock's."""
    begin = time.process_time()
    found = work(*settings)
    return time.process_time() - begin, found


@torch.inference_mode()
def main(length: int = 120, repeats: int = 5, threads: int = 1) -> None:
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    module = esm.ESM2(num_layers=6, embed_dim=320, attention_heads=20).eval()
    model = Model.from_fair_esm(module)
    letters = torch.randint(20, (length,), generator=torch.Generator().manual_seed(1)).tolist()
    tokens = tokenize("".join(AMINO_ACIDS[letter] for letter in letters), masked=[0])
    first = module(tokens[None])["logits"][0, MASK, AMINO_ACID_IDS].argmax()
    target = Target(AMINO_ACIDS[int(first)])
    for name, hooks, ours in (("sweep", hooked_sweep, swept), ("greedy", hooked_search, searched)):
        for scope, at in PLACES.items():
            times = []
            for _ in range(repeats):
                slow, expected = timed(hooks, module, tokens, target, model.shape, at)
                fast, found = timed(ours, model, tokens, target, scope)
                torch.testing.assert_close(torch.tensor(found), torch.tensor(expected), atol=1e-4, rtol=0)
                times.append((slow, fast, slow / fast))
            slow, fast, ratio = (statistics.median(column) for column in zip(*times, strict=True))
            spread = f"from {min(t[2] for t in times):.1f} to {max(t[2] for t in times):.1f}"
            print(
                f"L = {length}, {name:6} at {scope:4}: hooks {slow:6.2f} s, plmscope {fast:5.2f} s, "
                f"ratio {ratio:.1f} ({spread}; median of {repeats})",
                flush=True,
            )


if __name__ == "__main__":
    typer.run(main)
