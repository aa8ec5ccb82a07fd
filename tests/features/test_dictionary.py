"""Dictionaries: the same as Biohub's code written out, sums that give the stream back, ties."""

import pytest
import torch

from core.features.dictionary import Dictionary

D_MODEL, N_FEATURES, K = 6, 24, 4


def made(k: int | None = K, standardises: bool = True) -> Dictionary:
    random = torch.Generator().manual_seed(3)

    def draw(*size: int) -> torch.Tensor:
        return torch.randn(*size, generator=random, dtype=torch.float64)

    return Dictionary(
        2, draw(D_MODEL, N_FEATURES), 0 * draw(N_FEATURES), draw(N_FEATURES, D_MODEL), draw(D_MODEL), k, standardises
    )


@pytest.fixture
def resid() -> torch.Tensor:
    return 5 * torch.randn(2, 7, D_MODEL, generator=torch.Generator().manual_seed(1), dtype=torch.float64) + 2


def test_codes_are_those_of_biohubs_formula_position_by_position(resid: torch.Tensor) -> None:
    dictionary = made()
    code = dictionary.encode(resid)
    for at in [(0, 0), (1, 6)]:
        stream = resid[at].numpy()
        x = (stream - stream.mean()) / (stream.std(ddof=1) + 1e-5)
        expected = (x - dictionary.bias.numpy()) @ dictionary.encoder.numpy()
        expected[expected < 0] = 0
        expected[expected.argsort()[:-K]] = 0
        torch.testing.assert_close(code.features[at].numpy(), expected, atol=1e-6, rtol=0)
        said = (expected @ dictionary.decoder.numpy() + dictionary.bias.numpy()) * (stream.std(ddof=1) + 1e-5)
        torch.testing.assert_close(dictionary.decode(code)[at].numpy(), said + stream.mean(), atol=1e-6, rtol=0)


@pytest.mark.parametrize("standardises", [True, False])
def test_contributions_and_the_error_sum_to_the_stream(resid: torch.Tensor, standardises: bool) -> None:
    dictionary = made(standardises=standardises)
    code = dictionary.encode(resid)
    error = resid - dictionary.decode(code)
    each = code.features[..., None] * dictionary.decoder * code.std[..., None]
    without = dictionary.bias * code.std + code.mean
    torch.testing.assert_close(each.sum(-2) + without + error, resid, atol=1e-5, rtol=0)
    off = dictionary.decode(code._replace(features=torch.zeros_like(code.features)))
    torch.testing.assert_close(off, without)


def test_ties_leave_no_more_than_k_features() -> None:
    dictionary = made()
    tied = torch.ones(3, N_FEATURES, dtype=torch.float64)
    assert (dictionary.top(tied) > 0).sum(-1).tolist() == [K] * 3
    assert dictionary.top(torch.zeros_like(tied)).count_nonzero() == 0
    assert made(k=None).top(tied).count_nonzero() == tied.numel()
