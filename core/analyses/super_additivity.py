"""Do two heads need each other? Alone, together, and their effects merely added."""

from collections.abc import Collection
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from core.analyses.resampling import source_for
from core.analyses.sufficiency import keep_only
from core.forward import unembed
from core.interventions import Component, Mode, Scope
from core.metrics import Target, rescue
from core.model import Model
from core.run import Keep, run


@dataclass(frozen=True, slots=True)
class SuperAdditivity:
    """Target gaps, in logits, with everything ablated but two components: neither, either, both, and added."""

    neither: float
    first: float
    second: float
    both: float
    added: float
    """The gap when both components' separate effects on the final residual stream are added to the run with neither:
    what they would do together if neither read the other."""
    whole_model: float

    def rescue(self, gap: float) -> float:
        """A gap on the scale from neither (0%) to the whole model (100%)."""
        return rescue(gap, self.neither, self.whole_model)


def super_additivity(
    model: Model,
    tokens: Int[Tensor, " pos"],
    first: Component,
    second: Component,
    *,
    beside: Collection[Component] = (),
    scope: Scope = "mask",
    mode: Mode = "zero",
    target: Target = Target(),
) -> SuperAdditivity:
    """How the target gap at the first mask depends on two components; `beside` are kept in every run, the rest is
    replaced as `mode` says.

    They compose where `both` exceeds `added`. Source: Jedryszek & Crook 2026, Figure 3D.
    """
    sets = [(), (first,), (second,), (first, second)]
    replaced = {"scope": scope, "mode": mode, "source": source_for(mode, tokens)}
    conditions = [*(keep_only(model.shape, {*beside, *kept}, **replaced) for kept in sets), ()]
    position = target.position(tokens)
    trace = run(
        model, tokens, conditions, keep=Keep.of("resid_post", layers=[model.shape.n_layers - 1]), positions=[position]
    )
    neither, alone, other, _, _ = trace["resid_post", -1][:, 0]
    with torch.inference_mode():
        logits = torch.cat((trace.logits[:, 0], unembed(model, alone + other - neither)[None]))
    gaps = target.gap(logits).tolist()
    return SuperAdditivity(*gaps[:4], added=gaps[5], whole_model=gaps[4])
