"""Muon in batches is Muon matrix by matrix, and survives a checkpoint."""

import copy

import pytest
import torch
from torch import nn

from core.training.network import Network
from core.training.optimiser import Muon, make_optimisers, orthogonalised


def test_equals_pytorchs_own_matrix_by_matrix() -> None:
    torch.manual_seed(0)
    shapes = [(8, 8), (32, 8), (8, 32), (8, 8), (32, 8)]
    ours = [nn.Parameter(torch.randn(shape)) for shape in shapes]
    theirs = copy.deepcopy(ours)
    batched = Muon(ours, lr=0.01, weight_decay=0.1)
    single = torch.optim.Muon(theirs, lr=0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for _ in range(5):
        for one, other in zip(ours, theirs, strict=True):
            one.grad = torch.randn_like(one)
            other.grad = one.grad.clone()
        batched.step()
        single.step()
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=2e-3)  # theirs iterates in bfloat16


def test_singular_values_are_driven_towards_one() -> None:
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalised(torch.randn(3, 16, 40)))
    assert 0.5 < values.min().item() <= values.max().item() < 1.3


def test_momentum_survives_a_checkpoint() -> None:
    torch.manual_seed(0)
    network, again = Network(2, 32, 2), Network(2, 32, 2)
    again.load_state_dict(network.state_dict())
    muon, resumed = make_optimisers(network)[0], make_optimisers(again)[0]
    gradients = [[torch.randn_like(p) for p in network.parameters()] for _ in range(2)]

    def step(which: Network, optimiser: Muon, number: int) -> None:
        for parameter, gradient in zip(which.parameters(), gradients[number], strict=True):
            parameter.grad = gradient
        optimiser.step()

    step(network, muon, 0)
    again.load_state_dict(network.state_dict())
    resumed.load_state_dict(copy.deepcopy(muon.state_dict()))
    step(network, muon, 1)
    step(again, resumed, 1)
    for one, other in zip(network.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


def test_every_parameter_has_one_optimiser() -> None:
    network = Network(2, 32, 2)
    owned = [
        id(p) for optimiser in make_optimisers(network) for group in optimiser.param_groups for p in group["params"]
    ]
    assert sorted(owned) == sorted(id(parameter) for parameter in network.parameters())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_the_same_on_a_gpu() -> None:
    torch.manual_seed(0)
    matrices = torch.randn(3, 16, 40)
    torch.testing.assert_close(orthogonalised(matrices.cuda()).cpu(), orthogonalised(matrices), rtol=0, atol=0.05)
