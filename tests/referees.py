"""The references, each with a model of its weights and the same places to change: what hooks are written against.

A change gets and gives activations of one protein: pos x width, heads x pos x d_head, or heads x query x key.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import esm.multihead_attention
import torch
from torch import Tensor
from transformers.models.esmc import modeling_esmc

from core.model import Model, load_model
from tests.conftest import random_fair_esm
from tests.esmc_reference import random_esmc, write_esmc

Change = Callable[[Tensor], Tensor]
Rotate = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Referee:
    """A reference module, and the model that must agree with it."""

    module: Any
    model: Model

    def logits(self, tokens: Tensor, *contexts) -> Tensor:
        """pos x vocab, with every one of `contexts` in force."""
        with ExitStack() as stack:
            for context in contexts:
                stack.enter_context(context)
            return self.module(tokens[None])["logits"][0]

    def recorded(self, tokens: Tensor, place: Callable[[Change], Any]) -> Tensor:
        """The activation at a place in a run of `tokens`: `referee.recorded(tokens, partial(referee.z, 1))`."""
        seen = []
        self.logits(tokens, place(lambda x: seen.append(x.clone()) or x))
        return seen[0]

    def turn(self, x: Tensor, positions: Tensor) -> Tensor:
        """Rotation by complex multiplication, a method of its own: band f of x turned by position x frequency."""
        half, frequencies = x.shape[-1] // 2, self.frequencies
        angle = positions[:, None].to(frequencies.dtype) * frequencies
        turned = torch.complex(x[..., :half], x[..., half:]) * torch.complex(angle.cos().double(), angle.sin().double())
        return torch.cat((turned.real, turned.imag), dim=-1)


class FairEsm(Referee):
    """fair-esm's ESM2, whose activations are pos x 1 x width."""

    @property
    def frequencies(self) -> Tensor:
        return self.module.layers[0].self_attn.rot_emb.inv_freq

    def z(self, layer: int, change: Change):
        return _before(self.module.layers[layer].self_attn.out_proj, change, 1)

    def projected(self, side: str, layer: int, change: Change):
        return _after(getattr(self.module.layers[layer].self_attn, f"{side}_proj"), change, 1)

    def attn_out(self, layer: int, change: Change):
        return _after(self.module.layers[layer].self_attn, change, 1)

    def mlp_out(self, layer: int, change: Change):
        return _after(self.module.layers[layer].fc2, change, 1)

    def resid_pre(self, layer: int, change: Change):
        return _before(self.module.layers[layer], change, 1)

    def resid_post(self, layer: int, change: Change):
        return _after(self.module.layers[layer], change, 1)

    @contextmanager
    def pattern(self, layer: int, change: Change) -> Iterator[None]:
        original, calls = esm.multihead_attention.utils_softmax, []

        def softmax(*args, **kwargs):
            pattern = original(*args, **kwargs).double()
            calls.append(None)
            return change(pattern) if len(calls) == layer + 1 else pattern

        with _replaced(esm.multihead_attention, "utils_softmax", softmax):
            yield

    @contextmanager
    def rope(self, layer: int, change: Callable[[Tensor, Tensor, Rotate], tuple[Tensor, Tensor]]) -> Iterator[None]:
        """`change(q, k, rotate)`; q is scaled already here."""
        rotary = self.module.layers[layer].self_attn.rot_emb
        original = rotary.forward
        rotary.forward = lambda q, k: change(q.clone(), k.clone(), original)
        try:
            yield
        finally:
            del rotary.forward


class Transformers(Referee):
    """transformers' ESMC, whose activations are 1 x pos x width, and writes are scaled after their modules."""

    @property
    def frequencies(self) -> Tensor:
        return self.module.esmc.rotary_emb.inv_freq.float()

    @property
    def layers(self):
        return self.module.esmc.layers

    def z(self, layer: int, change: Change):
        return _before(self.layers[layer].self_attn.o_proj, change, 0)

    def projected(self, side: str, layer: int, change: Change):
        """Where there is a LayerNorm after the projection, after it."""
        attention = self.layers[layer].self_attn
        return _after(attention.v_proj if side == "v" else getattr(attention, f"{side}_norm"), change, 0)

    def _write(self, module, change: Change):
        scale = (len(self.layers) / 36) ** 0.5
        return _after(module, lambda out: change(out / scale) * scale, 0)

    def attn_out(self, layer: int, change: Change):
        return self._write(self.layers[layer].self_attn, change)

    def mlp_out(self, layer: int, change: Change):
        return self._write(self.layers[layer].mlp, change)

    def resid_pre(self, layer: int, change: Change):
        return _before(self.layers[layer], change, 0)

    def resid_post(self, layer: int, change: Change):
        return _after(self.layers[layer], change, 0)

    @contextmanager
    def pattern(self, layer: int, change: Change) -> Iterator[None]:
        def attention(module, query, key, value, mask, scaling, **_):
            pattern = torch.softmax(query @ key.mT * scaling, dim=-1)
            if module is self.layers[layer].self_attn:
                pattern = change(pattern[0].clone())[None]
            return (pattern @ value).transpose(1, 2).contiguous(), pattern

        with _replaced(modeling_esmc, "eager_attention_forward", attention):
            yield

    @contextmanager
    def rope(self, layer: int, change: Callable[[Tensor, Tensor, Rotate], tuple[Tensor, Tensor]]) -> Iterator[None]:
        original, calls = modeling_esmc.apply_rotary_pos_emb, []

        def rotary(q, k, cos, sin):
            calls.append(None)
            if len(calls) != layer + 1:
                return original(q, k, cos, sin)

            def rotate(q, k):
                return tuple(x[0].clone() for x in original(q[None], k[None], cos, sin))

            return tuple(x[None] for x in change(q[0].clone(), k[0].clone(), rotate))

        with _replaced(modeling_esmc, "apply_rotary_pos_emb", rotary):
            yield


def make_referee(kind: str, folder: Path) -> FairEsm | Transformers:
    """3 layers x 4 heads x 32 of ESM-2 or ESMC."""
    if kind == "ESM-2":
        module = random_fair_esm(n_layers=3, n_heads=4, d_model=32)
        return FairEsm(module, Model.from_fair_esm(module, name="tiny"))
    module = random_esmc(n_layers=3, n_heads=4, d_model=32, d_mlp=64)
    model = load_model(write_esmc(module, folder / "tiny"), dtype=torch.float64)
    return Transformers(module, replace(model, name="tiny"))


@contextmanager
def _replaced(module, name: str, value) -> Iterator[None]:
    original = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, original)


@contextmanager
def _before(module, change: Change, batch_axis: int) -> Iterator[None]:
    def hook(_, args):
        return change(args[0].clone().squeeze(batch_axis)).unsqueeze(batch_axis), *args[1:]

    handle = module.register_forward_pre_hook(hook)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _after(module, change: Change, batch_axis: int) -> Iterator[None]:
    def hook(_, __, out):
        first = out[0] if isinstance(out, tuple) else out
        changed = change(first.clone().squeeze(batch_axis)).unsqueeze(batch_axis)
        return (changed, *out[1:]) if isinstance(out, tuple) else changed

    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()
