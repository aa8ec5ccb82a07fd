"""The gradient's first guess at every component's effect, against the sweep."""

from dataclasses import replace

import esm
import numpy as np
import pytest
import torch

from core.alphabet import tokenize
from core.analyses.component_attribution import agreement, component_attribution
from core.analyses.head_ablation import component_sweep
from core.errors import InputError
from core.interventions import AblateHead, AblateMlp, Head
from core.metrics import Target
from core.model import Model

TOKENS = tokenize("MKTAYIAKQRQISFVK", masked=[0])


@pytest.fixture(scope="module")
def faint() -> Model:
    """A float64 model whose parts write so little that their effects are their first order.

    Without token dropout: that leaves nothing at a mask, where what little is written would then be everything.
    """
    torch.manual_seed(3)
    module = esm.ESM2(num_layers=3, embed_dim=32, attention_heads=4).double().eval()
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if "out_proj" in name or "fc2" in name:
                parameter.mul_(3e-3)  # not less: softmax is float32 here, and its rounding would show
    return replace(Model.from_fair_esm(module, name="faint"), token_dropout=False)


@pytest.mark.parametrize("mode", ["zero", "mean"])
@pytest.mark.parametrize("scope", ["mask", "bos", "all", (3, 5)])
@pytest.mark.parametrize("given", [(), (AblateHead(Head(1, 1)), AblateMlp(0))], ids=["clean", "given"])
def test_effects_of_faint_parts_are_their_first_order(faint, scope, mode, given):
    settings = {"scope": scope, "mode": mode, "given": given}
    guess, exact = (of(faint, TOKENS, Target("K", 0), **settings) for of in (component_attribution, component_sweep))
    for part in ("heads", "attention", "mlp"):
        measured = getattr(exact, part)
        np.testing.assert_allclose(getattr(guess, part), measured, atol=2e-2 * np.abs(measured).max())
    assert guess.gap == pytest.approx(exact.gap)


def test_a_guess_orders_the_parts_much_as_the_sweep_does(lively):
    guess, exact = (of(lively, TOKENS, Target("K", 0), scope="mask") for of in (component_attribution, component_sweep))
    assert agreement(exact, exact) == pytest.approx(1)
    assert 0.3 < agreement(guess, exact) < 1


def test_without_a_mask_a_residue_must_be_named(faint):
    with pytest.raises(InputError, match="no residue is masked"):
        component_attribution(faint, tokenize("MKTAY"))
