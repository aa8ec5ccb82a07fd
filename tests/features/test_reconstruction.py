"""What replacing the stream costs: nothing with a perfect dictionary, and otherwise what a patched run says."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from core.alphabet import MASK
from core.features.dictionary import Dictionary
from core.features.reconstruction import reconstruct, resid_post
from core.model import Model
from core.run import Keep, run


@pytest.fixture
def perfect(lively: Model) -> Dictionary:
    """Each direction and its opposite: together they say every stream exactly."""
    eye = torch.eye(lively.shape.d_model, dtype=torch.float64)
    both = torch.cat((eye, -eye))
    zero = torch.zeros(lively.shape.d_model, dtype=torch.float64)
    return Dictionary(1, both.T, torch.zeros(len(both), dtype=torch.float64), both, zero, None, True)


def test_a_perfect_dictionary_loses_nothing(lively: Model, clean: torch.Tensor, perfect: Dictionary) -> None:
    asked = (clean == MASK)[None]
    found = reconstruct(lively, perfect, clean[None], asked, torch.full_like(clean, 20)[None])
    assert found.variance_unexplained == pytest.approx(0, abs=1e-20)
    assert found.recovered == pytest.approx(1)


def test_costs_are_those_of_a_stream_replaced_by_hand(lively: Model, clean: torch.Tensor, perfect: Dictionary) -> None:
    coarse = replace(perfect, k=3)
    asked, targets = (clean == MASK)[None], torch.full_like(clean, 20)[None]
    found = reconstruct(lively, coarse, clean[None], asked, targets)
    kept = run(lively, clean, keep=Keep.of("resid_pre", "resid_post"))
    resid = kept["resid_post", 1]
    torch.testing.assert_close(resid_post(lively, clean[None], 1), resid)
    x = (resid - resid.mean(-1, keepdim=True)) / (resid.std(-1, keepdim=True) + 1e-5)
    largest = torch.where(x.abs() >= x.abs().topk(3, dim=-1).values[..., -1:], x, 0)
    variance = (x - x.mean((0, 1))).square().sum()
    assert found.variance_unexplained == pytest.approx(float((x - largest).square().sum() / variance))
    assert found.clean == pytest.approx(F.cross_entropy(kept.logits[asked], targets[asked]).item())
    assert found.no_features != pytest.approx(found.clean)
