import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from core.analyses.norm_direction import NormDirection, aggregate, compare_bands, norm_direction
from core.interventions import Head
from core.model import Model
from core.rope import bands
from core.run import Keep, run

vectors = st.lists(st.floats(-10, 10), min_size=8, max_size=8).map(lambda x: torch.tensor(x, dtype=torch.float64))


@given(vectors, vectors, vectors, vectors)
def test_norm_and_direction_sum_to_the_difference_exactly(q0: Tensor, qi: Tensor, k0: Tensor, ki: Tensor):
    found = norm_direction(q0, qi, k0, ki)
    assert found.residual < 1e-10
    total = (q0 - qi) @ ((k0 + ki) / 2) / 8**0.5
    assert found.difference.sum() == pytest.approx(float(total), abs=1e-9)


@given(vectors, vectors, vectors, vectors)
def test_swapping_the_runs_swaps_a_and_b_and_the_sign(q0: Tensor, qi: Tensor, k0: Tensor, ki: Tensor):
    one, other = norm_direction(q0, qi, k0, ki), norm_direction(qi, q0, ki, k0)
    np.testing.assert_allclose(one.norm_a, -other.norm_b, atol=1e-12)
    np.testing.assert_allclose(one.norm, -other.norm, atol=1e-12)
    np.testing.assert_allclose(one.direction, -other.direction, atol=1e-12)


def test_parts_equal_lengths_and_cosines():
    """The polar form: A keeps the internal angle while the length changes, then turns at the clean length."""
    q0, qi, k = torch.randn(3, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found = norm_direction(q0, qi, k, k)
    long0, longi, key = (bands(x).norm(dim=-1).numpy() for x in (q0, qi, k))
    angle = [np.arctan2(*bands(x).numpy().T[::-1]) for x in (q0, qi, k)]
    cos0, cosi = np.cos(angle[0] - angle[2]), np.cos(angle[1] - angle[2])
    scale = key / 8**0.5
    np.testing.assert_allclose(found.norm_a, (long0 - longi) * cosi * scale, atol=1e-12)
    np.testing.assert_allclose(found.direction_a, long0 * (cos0 - cosi) * scale, atol=1e-12)
    np.testing.assert_allclose(found.norm_b, (long0 - longi) * cos0 * scale, atol=1e-12)
    np.testing.assert_allclose(found.direction_b, longi * (cos0 - cosi) * scale, atol=1e-12)


def test_pure_stretch_is_all_norm_and_pure_turn_is_all_direction():
    q, k = torch.randn(2, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    stretched = norm_direction(3 * q, q, k, k)
    np.testing.assert_allclose(stretched.norm, stretched.difference, atol=1e-12)
    x, y = q.chunk(2)
    turned = norm_direction(torch.cat((-y, x)), q, k, k)
    np.testing.assert_allclose(turned.norm, 0, atol=1e-12)
    np.testing.assert_allclose(turned.direction, turned.difference, atol=1e-12)


def test_a_query_without_a_band_has_no_direction_there_and_still_adds_up():
    q0, k = torch.ones(8, dtype=torch.float64), torch.ones(8, dtype=torch.float64)
    found = norm_direction(q0, torch.zeros(8, dtype=torch.float64), k, k)
    assert np.all(found.norm_a == 0)
    assert found.residual < 1e-12


def test_bands_of_a_run_sum_to_its_score(lively: Model, clean: Tensor, internal: Tensor):
    found = compare_bands(lively, clean, internal, Head(2, 1))
    score0 = float(run(lively, clean, keep=Keep.of("scores"))["scores", 2][0, 1, 1, 0])
    scorei = float(run(lively, internal, keep=Keep.of("scores"))["scores", 2][0, 1, 11, 0])
    assert float(found.clean.contribution.sum()) == pytest.approx(score0, abs=1e-10)
    assert float(found.internal.contribution.sum()) == pytest.approx(scorei, abs=1e-10)
    assert found.attribution.residual < 1e-12


def test_aggregate_weighs_bands_by_their_mean_difference_and_flags_what_cannot_be_divided():
    generator = torch.Generator().manual_seed(3)
    q0, k = torch.rand(2, 8, dtype=torch.float64, generator=generator) + 0.5
    proteins = [norm_direction(q0 * (2 + 0.1 * i), q0, k, k) for i in range(5)]
    stretched = aggregate(proteins)
    assert stretched.norm_share == pytest.approx(1)
    assert stretched.bands.weight.sum() == pytest.approx(1)
    assert not stretched.bands.flagged.any()

    flip = torch.full((8,), 3.0, dtype=torch.float64)
    flip[[1, 5]] = -3  # band 1 changes sign from protein to protein
    unsteady = aggregate([norm_direction(q0 * (2 if i % 2 else flip), q0, k, k) for i in range(6)])
    assert unsteady.bands.flagged.tolist() == [False, True, False, False]
    assert np.isfinite(unsteady.norm_share)


def test_global_share_of_two_proteins_by_hand():
    def protein(differences: list[float], norms: list[float]) -> NormDirection:
        d, n = np.array(differences), np.array(norms)
        return NormDirection(d, n, n + 0.2, d - n, d - n - 0.2)

    found = aggregate([protein([3.0, -1.0], [1.5, -0.5]), protein([5.0, -1.0], [1.0, -0.3])])
    shares = [np.mean([1.6 / 3, 1.1 / 5]), np.mean([-0.4 / -1, -0.2 / -1])]
    assert found.bands.norm_share.tolist() == pytest.approx(shares)
    assert found.norm_share == pytest.approx(0.8 * shares[0] + 0.2 * shares[1])
    assert found.norm_share_unflagged == found.norm_share_printed == pytest.approx(found.norm_share)


def test_flagged_bands_count_pooled_not_at_all_or_as_printed():
    def protein(differences: list[float], norms: list[float]) -> NormDirection:
        d, n = np.array(differences), np.array(norms)
        return NormDirection(d, n, n, d - n, d - n)

    found = aggregate([protein([10.0, 0.1], [4.0, 0.3]), protein([10.0, 0.3], [4.0, 0.1])])
    assert found.bands.flagged.tolist() == [False, True]
    weight = 0.2 / 10.2
    assert found.norm_share_unflagged == pytest.approx(0.4)
    assert found.norm_share == pytest.approx((1 - weight) * 0.4 + weight * 0.2 / 0.2)
    assert found.norm_share_printed == pytest.approx((1 - weight) * 0.4 + weight * (3 + 1 / 3) / 2)
