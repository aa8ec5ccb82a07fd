"""The component sweep against one run per component, and what it refuses."""

import numpy as np
import pytest
import torch

from core.alphabet import tokenize
from core.analyses.head_ablation import component_logits, component_sweep
from core.components import ablate, components
from core.errors import Cancelled, InputError
from core.interventions import AblateHead, Head
from core.metrics import Target, target_gap
from core.run import run
from tests.heard import Heard

TOKENS = tokenize("MKTAYIAKQRQISFVKSHFSRQ", masked=[0])


@pytest.mark.parametrize("scope", ["mask", "bos", "bos+mask", "all"])
@pytest.mark.parametrize("given", [(), (AblateHead(Head(1, 1)),)], ids=["clean", "given"])
def test_every_effect_is_the_difference_of_two_runs(model, scope, given):
    found = component_sweep(model, TOKENS, scope=scope, given=given)
    effects = np.concatenate([found.heads.flatten(), found.attention, found.mlp])
    reference = target_gap(run(model, TOKENS, (given,)).logits[0, 1], "M")
    for component, effect in zip(components(model.shape), effects, strict=True):
        alone = target_gap(run(model, TOKENS, (given + ablate(component, scope),)).logits[0, 1], "M")
        assert effect == pytest.approx(float(alone - reference), abs=1e-9)
    assert found.gap == pytest.approx(float(reference), abs=1e-9)


def test_another_residue_can_be_followed(model):
    found = component_sweep(model, TOKENS, Target("A", 4))
    alone = target_gap(run(model, TOKENS, ((AblateHead(Head(2, 3)),),)).logits[0, 5], "A")
    assert found.heads[2, 3] + found.gap == pytest.approx(float(alone), abs=1e-9)


def test_without_a_mask_a_residue_must_be_named(model):
    unmasked = tokenize("MKTAY")
    with pytest.raises(InputError, match="no residue is masked"):
        component_sweep(model, unmasked)
    assert np.isfinite(component_sweep(model, unmasked, Target(residue=0)).heads).all()
    with pytest.raises(InputError, match="residue 6 is outside"):
        component_sweep(model, unmasked, Target(residue=5))


def test_a_sweep_can_be_cancelled_between_chunks(model):
    with pytest.raises(Cancelled, match=r"stopped after \d+ of 18"):
        component_sweep(model, TOKENS, progress=Heard(stop_at=1))


def test_components_are_every_head_and_module_once(model):
    listed = components(model.shape)
    assert len(listed) == len(set(listed)) == 3 * 4 + 3 + 3
    assert torch.equal(run(model, TOKENS, (ablate(Head(0, 0)),)).tokens[0], TOKENS)


def test_what_is_known_is_shown_layer_by_layer(model):
    heard = Heard()
    whole = component_logits(model, TOKENS, 1, progress=heard)
    assert [np.isnan(part.logits[:, 0]).sum() for part in heard.shown] == [12, 6, 0]
    for part in heard.shown:
        known = np.isfinite(part.logits)
        np.testing.assert_array_equal(part.logits[known], whole.logits[known])
    assert heard.so_far is heard.shown[-1]
