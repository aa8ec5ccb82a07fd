import math

import numpy as np
import pandas as pd
import pytest
import torch

from core import run as engine
from core.alphabet import TOKENS, tokenize
from core.analyses.competition import _read, crossing, crossings, destruction, elongation
from core.errors import Cancelled, InputError
from core.metrics import Target, target_gap
from core.model import Model
from core.run import run
from tests.heard import Heard


def test_elongation_reads_the_mask_before_each_repeat(lively: Model):
    table = elongation(lively, "G", [1, 5, 30])
    for _, row in table.iterrows():
        logits = run(lively, tokenize("M" + "G" * int(row.length), masked=[0])).logits[0, 1]
        centre = float(logits[4:24].mean())
        assert row.target == pytest.approx(float(logits[TOKENS.index("M")]) - centre, abs=1e-10)
        assert row.repeated == pytest.approx(float(logits[TOKENS.index("G")]) - centre, abs=1e-10)
        assert row.probability == pytest.approx(float(logits.softmax(0)[TOKENS.index("M")]), abs=1e-10)
        assert row.gap == pytest.approx(float(target_gap(logits, "M")), abs=1e-10)
        assert row["rank"] == 1 + int((logits[4:24] > logits[TOKENS.index("M")]).sum())


def test_a_constant_in_all_logits_moves_nothing_that_is_read():
    """Raw logits have a free constant: predictions, and what is said of them, don't."""
    logits = torch.randn((4, 33), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    moved = logits + torch.tensor([[0.0], [3.0], [-7.0], [100.0]], dtype=torch.float64)
    pd.testing.assert_frame_equal(_read(logits, "A", Target("M")), _read(moved, "A", Target("M")), atol=1e-9)


def test_token_dropouts_scale_falls_with_length_and_can_be_held(lively: Model):
    free, held = elongation(lively, "A", [1, 10]), elongation(lively, "A", [1, 10], fixed_scale=0.88)
    assert free.scale.tolist() == pytest.approx([0.88 / (1 - 1 / 4), 0.88 / (1 - 1 / 13)])
    assert held.scale.tolist() == [0.88, 0.88]
    native = elongation(lively, "A", [10], fixed_scale=free.scale[1])
    assert native.gap[0] == pytest.approx(free.gap[1], abs=1e-10)
    assert abs(held.gap[1] - free.gap[1]) > 1e-4


def test_destruction_masks_as_many_residues_as_it_says(lively: Model):
    table = destruction(lively, "A", [1, 3, 20], orders=4)
    assert len(table) == 12
    undisturbed = run(lively, tokenize("A" * 20, masked=[0])).logits[0, 1]
    assert table[table.masks == 1].gap.tolist() == pytest.approx([float(target_gap(undisturbed, "M"))] * 4, abs=1e-10)
    empty = run(lively, tokenize("A" * 20, masked=range(20))).logits[0, 1]
    assert table[table.masks == 20].gap.tolist() == pytest.approx([float(target_gap(empty, "M"))] * 4, abs=1e-10)
    three = [
        float(target_gap(run(lively, tokenize("A" * 20, masked=[0, i, j])).logits[0, 1], "M"))
        for i in range(1, 20)
        for j in range(i)
        if j
    ]
    for gap in table[table.masks == 3].gap:
        assert min(abs(gap - possible) for possible in three) < 1e-10


def test_destruction_depends_on_the_seed_alone(lively: Model):
    again = [destruction(lively, "A", [3, 9], orders=3, seed=seed) for seed in (1, 1, 2)]
    torch.testing.assert_close(again[0].gap.tolist(), again[1].gap.tolist(), rtol=0, atol=0)
    assert again[0].gap.tolist() != again[2].gap.tolist()


def test_crossing_is_interpolated():
    assert crossing(np.array([8, 9, 10]), np.array([2.0, 1.0, -1.0])) == pytest.approx(9.5)
    assert crossing(np.array([1, 2]), np.array([-1.0, 3.0])) == pytest.approx(1.25)
    assert math.isnan(crossing(np.array([1, 2]), np.array([1.0, 3.0])))
    assert crossings(np.array([1, 2, 3, 4]), np.array([1.0, -1.0, 1.0, 3.0])) == pytest.approx([1.5, 2.5])


@pytest.mark.parametrize(
    ("experiment", "steps"),
    [
        (lambda model, **told: elongation(model, "A", [1, 5, 9], **told), [(1, 3), (2, 3), (3, 3)]),
        (lambda model, **told: destruction(model, "A", [1, 9], orders=2, **told), [(1, 4), (2, 4), (3, 4), (4, 4)]),
    ],
)
def test_progress_is_told_after_each_run_and_cancelling_stops_before_the_next(
    lively: Model, monkeypatch, experiment, steps
):
    monkeypatch.setattr(engine, "MEMORY_BUDGET", 1)  # one repeat at a time
    heard, stopped = Heard(), Heard(stop_at=1)
    experiment(lively, progress=heard)
    assert heard.events == steps
    with pytest.raises(Cancelled, match=f"stopped after 1 of {steps[0][1]}"):
        experiment(lively, progress=stopped)
    assert stopped.events == steps[:1]


def test_bad_input_is_one_clear_line(lively: Model):
    with pytest.raises(InputError, match="'B' is not one of the amino acids"):
        elongation(lively, "B")
    with pytest.raises(InputError, match="20 residues can have 1 to 20 masks, not 2 to 21"):
        destruction(lively, "A", [2, 21])
