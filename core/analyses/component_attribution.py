"""Which components does a prediction rest on, to first order? One backward pass: the sweep's quick first guess."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.analyses.head_ablation import ComponentEffects
from core.analyses.map_agreement import rank_correlation
from core.edits import compile_edits, scope_positions
from core.forward import Start, embed, layers, unembed
from core.interventions import Condition, Mode, Scope
from core.metrics import Target
from core.model import Model, ModelShape
from core.run import Keep, KeptSite, run, run_sources

SITES: Final[Mapping[KeptSite, str]] = {"z": "z_gain", "attn_out": "attention_gain", "mlp_out": "mlp_gain"}
"""Where ablation of a head, an attention module and an MLP acts, and the edit that switches it off there."""


def component_attribution(
    model: Model,
    tokens: Int[Tensor, " pos"],
    target: Target = Target(),
    *,
    scope: Scope = "all",
    mode: Mode = "zero",
    given: Condition = (),
) -> ComponentEffects:
    """What `component_sweep` measures, estimated: the gap's gradient times what ablation changes, at each component.

    One pass forward and one backward for all components; `graph_bytes` is what it takes. `mode` is "zero" or "mean".
    Source: attribution patching (Nanda 2023; Syed, Rager & Conmy 2023). Raises `InputError` as the sweep does.
    """
    position, at = target.position(tokens), scope_positions(scope, tokens)
    rows = tokens[None].to(model.device)
    usual = run(model, tokens, keep=Keep.of(*SITES)) if mode == "mean" else None
    sources = {key: trace.kept for key, trace in run_sources(model, rows, (given,)).items()}
    with torch.inference_mode(False), torch.enable_grad():
        edits = compile_edits(
            model, rows.clone(), (given,), lambda source, site, layer: sources[source][site, layer][0].clone()
        )
        start = embed(model, rows.clone(), edits).requires_grad_()
        computed = list(layers(model, Start(0, start), edits))
        gap = target.gap(unembed(model, computed[-1].resid_post)[0, position])
        written: dict[tuple[KeptSite, int], Tensor] = {
            (site, layer.layer): getattr(layer, site) for site in SITES for layer in computed
        }
        written = {key: value for key, value in written.items() if value.requires_grad}  # the rest is off already
        gradients = torch.autograd.grad(gap, list(written.values()), materialize_grads=True)
    n_layers, n_heads = model.shape.n_layers, model.shape.n_heads
    effects = {"z": np.zeros((n_layers, n_heads)), "attn_out": np.zeros(n_layers), "mlp_out": np.zeros(n_layers)}
    for ((site, layer), value), gradient in zip(written.items(), gradients, strict=True):
        replaced = torch.zeros_like(value) if usual is None else usual[site, layer].mean(-2, keepdim=True)
        gain = getattr(edits.layers[layer], SITES[site])
        if gain is not None:  # what `given` switches off stays off
            replaced = replaced * gain.unsqueeze(-1)
        changed = ((replaced - value.detach()) * gradient)[..., at.to(model.device), :]
        effects[site][layer] = changed.sum((-2, -1))[0].double().numpy(force=True)
    return ComponentEffects(target, scope, float(gap.detach()), effects["z"], effects["attn_out"], effects["mlp_out"])


def graph_bytes(shape: ModelShape, n_pos: int) -> int:
    """About how much memory an attribution takes: what every layer keeps for the way back, in float32."""
    return 4 * 24 * shape.d_model * n_pos * shape.n_layers


def agreement(guess: ComponentEffects, exact: ComponentEffects) -> float:
    """The rank correlation of estimated with measured effects over all components."""
    return rank_correlation(_all(guess), _all(exact))


def _all(effects: ComponentEffects) -> Float[np.ndarray, " component"]:
    return np.concatenate([effects.heads.ravel(), effects.attention, effects.mlp])
