import numpy as np
import pytest
import torch
from torch import Tensor

from core.analyses.rope_shift import shift_control, shift_curve, shifted_score
from core.interventions import Head, ShiftRope
from core.metrics import target_gap
from core.model import Model
from core.run import Keep, run

HEADS = [Head(1, 2), Head(2, 0)]


def test_shifting_q_equals_the_intervention_and_no_shift_is_the_baseline(lively: Model, clean: Tensor):
    curve = shift_curve(lively, clean, HEADS, shifts=[-3, 0, 5])
    for index, shift in enumerate([-3, 0, 5]):
        logits = run(lively, clean, [tuple(ShiftRope(head, shift) for head in HEADS)]).logits[0, 1]
        assert curve.gap[index] == pytest.approx(float(target_gap(logits, "M")), abs=1e-10)
    assert curve.largest_change[1] < 1e-12
    assert curve.largest_change[0] > 1e-2


def test_shifting_q_and_k_together_changes_nothing(lively: Model, clean: Tensor):
    control = shift_curve(lively, clean, HEADS, side="qk")
    assert control.shifts == tuple(range(-20, 21))
    assert control.largest_change.max() < 1e-5
    assert np.ptp(control.gap) < 1e-5


def test_the_control_of_a_float32_model_has_no_rounding_of_float32(lively: Model, clean: Tensor):
    single = lively.to(dtype=torch.float32)
    rounded = shift_curve(single, clean, HEADS, side="qk").largest_change.max()
    exact = shift_control(single, clean, HEADS)
    assert exact.shifts == tuple(range(-20, 21))
    assert exact.largest_change.max() < 1e-10 < 1e-7 < rounded


def test_shifted_scores_sum_to_the_shifted_runs_score(lively: Model, clean: Tensor):
    head = Head(2, 1)
    found = shifted_score(lively, clean, head, shifts=[-4, 0, 7])
    keep = Keep.of("scores", "q_rot")
    unshifted = run(lively, clean, keep=keep)
    for index, shift in enumerate([-4, 0, 7]):
        shifted = run(lively, clean, [(ShiftRope(head, shift),)], keep=keep)
        score = shifted["scores", 2][0, 1, 1, 0]
        assert found.contribution[index].sum() == pytest.approx(float(score), abs=1e-9)
        q, q_shifted = unshifted["q_rot", 2][0, 1, 1], shifted["q_rot", 2][0, 1, 1]
        assert found.cosine[index] == pytest.approx(float(q @ q_shifted / q.norm() ** 2), abs=1e-9)
    assert found.band_share.sum() == pytest.approx(1)
