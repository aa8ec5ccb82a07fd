"""Which of the features active at a residue is the prediction made of? By ablation, and by gradient as a first look."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.analyses.map_agreement import rank_correlation
from core.analyses.reading import read
from core.edits import compile_edits, scope_positions
from core.errors import InputError
from core.features.dictionary import Parts
from core.forward import Start, layers, unembed
from core.interventions import Condition, ScaleFeature, Scope, feature_name
from core.metrics import Target
from core.model import Model
from core.progress import SILENT, Progress
from core.run import RESUMABLE, Keep, Trace, run, run_sources


@dataclass(frozen=True, slots=True, eq=False)
class FeatureEffects:
    """What switching each feature off at one place does to the target's gap, strongest activation first."""

    layer: int
    features: Int[np.ndarray, " active"]
    activation: Float[np.ndarray, " active"]
    by_gradient: Float[np.ndarray, " active"]
    """Effect to first order: minus the gap's gradient along what the feature adds. One backward pass for all."""
    by_ablation: Float[np.ndarray, " active"] | None
    """Effect measured: gap with the feature off minus gap; None where it wasn't asked for."""

    @property
    def rank_correlation(self) -> float | None:
        """Spearman's, of first-order with measured effects; None without them or with fewer than three features."""
        if self.by_ablation is None or len(self.features) < 3:
            return None
        return rank_correlation(self.by_gradient, self.by_ablation)

    @property
    def table(self) -> pd.DataFrame:
        """A row per feature; without `by_ablation` where it wasn't asked for."""
        measured = {} if self.by_ablation is None else {"by_ablation": self.by_ablation}
        names = [feature_name(self.layer, each) for each in self.features.tolist()]
        columns = {"feature": names, "activation": self.activation, "by_gradient": self.by_gradient}
        return pd.DataFrame(columns | measured)


def feature_effects(
    model: Model,
    tokens: Int[Tensor, " pos"],
    layer: int,
    scope: Scope,
    *,
    target: Target = Target(),
    condition: Condition = (),
    exact: bool = True,
    progress: Progress = SILENT,
) -> FeatureEffects:
    """The features active at the one place that `scope` means, each with its effect on the target's gap.

    Everything is measured on top of `condition`. `exact` sweeps an ablation for each feature, else only the gradient is
    taken (gradient times activation, as in Marks et al. 2024, "Sparse feature circuits"). Raises `InputError` when the
    model has no dictionary at the layer, or `scope` means several places.
    """
    dictionary = model.dictionary(layer)
    at = scope_positions(scope, tokens).nonzero()[:, 0].tolist()
    if len(at) != 1:
        raise InputError(f"the features of one place are asked for, but the scope means {len(at)}")
    keep = Keep.of(*RESUMABLE.sites, "resid_post") if exact else Keep.of("resid_post", layers=[layer])
    baseline = run(model, tokens, (condition,), keep=keep)
    resid = baseline["resid_post", layer]
    parts = dictionary.parts(resid[0, at[0]])
    order = parts.activations.argsort(descending=True)
    parts = Parts(parts.features[order], parts.activations[order], parts.contributions[order], *parts[3:])
    gradient = gap_gradient(model, baseline, layer, target)[at[0]]
    measured = None
    if exact:
        off: list[Condition] = [(*condition, ScaleFeature(layer, each, 0.0, scope)) for each in parts.features.tolist()]
        gap = float(target.gap(baseline.logits[0, target.position(tokens)]))
        measured = read(model, tokens, off, target=target, baseline=baseline, progress=progress).gap - gap
    return FeatureEffects(
        layer,
        parts.features.cpu().numpy(),
        parts.activations.double().cpu().numpy(),
        -(parts.contributions @ gradient).double().cpu().numpy(),
        None if measured is None else measured.astype(float),
    )


def gap_gradient(model: Model, baseline: Trace, layer: int, target: Target) -> Float[Tensor, "pos d_model"]:
    """The gradient of the target's gap with respect to the stream after a layer (0-based), at every position.

    `baseline` is a single-row run that kept `resid_post` of the layer; its condition acts in the later layers too.
    """
    conditions, tokens = baseline.conditions, baseline.tokens
    held = run_sources(model, tokens, conditions)
    with torch.inference_mode(False), torch.enable_grad():
        start = baseline["resid_post", layer].clone().requires_grad_()
        taken = {key: trace.kept for key, trace in held.items()}
        edits = compile_edits(
            model, tokens.clone(), conditions, lambda source, site, at: taken[source][site, at][0].clone()
        )
        resid = start
        for computed in layers(model, Start(layer + 1, start), edits):
            resid = computed.resid_post
        gap = target.gap(unembed(model, resid)[0, target.position(tokens[0])])
        (gradient,) = torch.autograd.grad(gap, start)
    return gradient[0]
