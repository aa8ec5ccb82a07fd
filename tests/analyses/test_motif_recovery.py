"""A contact's signal against the whole Jacobian's block, and which residues each curve shows."""

import numpy as np
import pytest
import torch

from core import run as engine
from core.alphabet import tokenize
from core.analyses.motif_recovery import control_pair, motif_recovery
from core.errors import Cancelled, InputError
from core.interventions import FixTokenDropout
from core.run import run
from tests.heard import Heard

SEQUENCE = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQVKVKALPDAQFEVV"
FIRST, SECOND = 20, 32


def coupling(model, masked: set[int], condition=(FixTokenDropout(0.88),)) -> float:
    """The norm of the pair's block of J, from single mutants, centred over both amino acids and made symmetric; token
    dropout's scale is 0.88 where nothing is masked."""

    def block(mutated: int, read: int) -> torch.Tensor:
        rows = tokenize(SEQUENCE, masked).repeat(20, 1)
        rows[:, mutated + 1] = torch.arange(4, 24)
        found = torch.stack([run(model, row, [condition]).logits[0, read + 1, 4:24] for row in rows])
        return found - found.mean(0, keepdim=True) - found.mean(1, keepdim=True) + found.mean()

    return torch.linalg.norm((block(FIRST, SECOND) + block(SECOND, FIRST).T) / 2).item()


@pytest.fixture(scope="module")
def found(model):
    return motif_recovery(model, SEQUENCE, FIRST, SECOND, n_shown=[1, 4, 30, 68], repeats=3, seed=1)


def test_the_signal_is_the_jacobians_block(model, found):
    others = set(range(len(SEQUENCE))) - {FIRST, SECOND}
    assert found.whole == pytest.approx(coupling(model, set()), rel=1e-5)
    assert found.nothing == pytest.approx(coupling(model, others), rel=1e-5)
    nearest = {FIRST - 1, FIRST + 1, SECOND - 1, SECOND + 1}
    assert found.flanks[1] == pytest.approx(coupling(model, others - nearest), rel=1e-5)


def test_the_scale_of_token_dropout_is_held_unless_it_is_asked_for(model, found):
    others = set(range(len(SEQUENCE))) - {FIRST, SECOND}
    free = motif_recovery(model, SEQUENCE, FIRST, SECOND, n_shown=[1], repeats=1, hold_scale=False)
    assert free.nothing == pytest.approx(coupling(model, others, ()), rel=1e-5)
    assert free.whole == pytest.approx(found.whole, rel=1e-5), "nothing is masked: the same scale"
    assert abs(free.nothing / found.nothing - 1) > 0.1
    chosen = motif_recovery(model, SEQUENCE, FIRST, SECOND, n_shown=[1], repeats=1, condition=(FixTokenDropout(2.0),))
    assert chosen.nothing == pytest.approx(coupling(model, others, (FixTokenDropout(2.0),)), rel=1e-5)


def test_every_order_ends_with_the_whole_sequence(found):
    assert found.flanks[-1] == pytest.approx(found.whole)
    np.testing.assert_allclose(found.random[:, -1], found.whole)
    assert found.random.shape == found.far.shape == (3, 4)


def test_far_residues_are_shown_as_long_as_there_are_any(model, found):
    n_far = len(range(SECOND + 30, len(SEQUENCE)))
    assert found.n_far == n_far == 8
    assert np.isfinite(found.far[:, :2]).all()
    assert np.isnan(found.far[:, 2:]).all()
    single = motif_recovery(model, SEQUENCE, FIRST, SECOND, n_shown=[n_far], repeats=1)
    others = set(range(len(SEQUENCE))) - {FIRST, SECOND}
    assert single.far[0, 0] == pytest.approx(coupling(model, others - set(range(SECOND + 30, len(SEQUENCE)))), rel=1e-5)


def test_a_seed_repeats_and_another_differs(model, found, monkeypatch):
    monkeypatch.setattr(engine, "MEMORY_BUDGET", 1)
    again = motif_recovery(model, SEQUENCE, FIRST, SECOND, n_shown=[1, 4, 30, 68], repeats=3, seed=1)
    np.testing.assert_allclose(again.random, found.random, rtol=1e-6)
    np.testing.assert_allclose(again.far, found.far, rtol=1e-6)
    other = motif_recovery(model, SEQUENCE, FIRST, SECOND, n_shown=[4], repeats=3, seed=2)
    assert not np.allclose(other.random[:, 0], found.random[:, 1])
    assert len(np.unique(found.random[:, 1].round(9))) == 3, "repeats are different orders"


def test_default_steps_reach_the_whole_sequence(model):
    found = motif_recovery(model, "MKTAYIAKQR", 2, 7, repeats=1)
    assert found.n_shown.tolist() == [1, 2, 3, 4, 6, 8]
    assert np.isnan(found.far).all(), "no residue is 30 away in a short protein"


def test_a_control_is_as_far_apart_elsewhere_and_not_near():
    near = np.random.default_rng(0).random((60, 60)) < 0.8
    for seed in range(20):
        first, second = control_pair(10, 30, near, seed)
        assert second - first == 20
        assert not near[first, second]
        assert min(abs(one - other) for one in (first, second) for other in (10, 30)) >= 3
    assert control_pair(30, 10, near) == control_pair(10, 30, near)
    assert control_pair(10, 30, np.ones((60, 60), dtype=bool)) is None
    assert control_pair(0, 59, np.zeros((60, 60), dtype=bool)) is None


def test_progress_and_cancel(model, monkeypatch):
    monkeypatch.setattr(engine, "MEMORY_BUDGET", 1)
    heard = Heard(stop_at=1)
    with pytest.raises(Cancelled, match=r"stopped after 1 of 6"):
        motif_recovery(model, "MKTAYIAKQR", 2, 7, n_shown=[1, 4], repeats=1, progress=heard)
    assert heard.events == [(1, 6)]


def test_contacts_and_steps_that_do_not_exist_are_one_clear_line(model):
    with pytest.raises(InputError, match="residue 11 is outside the sequence"):
        motif_recovery(model, "MKTAYIAKQR", 2, 10)
    with pytest.raises(InputError, match="residues besides the contact's two: this sequence has none"):
        motif_recovery(model, "MK", 0, 1)
    with pytest.raises(InputError, match="not residue 3 and itself"):
        motif_recovery(model, "MKTAYIAKQR", 2, 2)
    with pytest.raises(InputError, match=r"between 1 and 8 residues can be shown besides the two, not \[3, 9\]"):
        motif_recovery(model, "MKTAYIAKQR", 2, 7, n_shown=[9, 3])
    with pytest.raises(InputError, match="at least one random order is needed, not 0"):
        motif_recovery(model, "MKTAYIAKQR", 2, 7, repeats=0)
