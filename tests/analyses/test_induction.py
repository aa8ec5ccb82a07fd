"""Attention to twins and what the model makes of them, against a pass at a time."""

import numpy as np
import pytest
import torch

from core.alphabet import AMINO_ACIDS, token_id, tokenize
from core.analyses import induction as module
from core.analyses.induction import NO_REPEAT, NOTHING, Repeat, copying, random_repeats, twin_attention
from core.errors import Cancelled, InputError
from core.interventions import BlockAttention, Head
from core.model import Model
from core.run import Keep, run
from tests.heard import Heard

REPEAT = Repeat("MKTAYIAK", "AYKMAKIT")
HEADS = (Head(0, 1), Head(2, 3))
MASKED = (0, 3, 6)


def pattern(model: Model, sequence: str, residue: int, head: Head) -> torch.Tensor:
    """The attention of one head from one masked residue to all positions."""
    trace = run(model, tokenize(sequence, [residue]), keep=Keep.of("pattern"))
    return trace["pattern", head.layer][0, head.index, residue + 1]


def test_segments_are_random_and_each_depends_on_its_own_number():
    four, six = random_repeats(4, 12, seed=3), random_repeats(6, 12, seed=3)
    assert list(six) == [f"segment {number}" for number in range(1, 7)]
    assert {name: six[name] for name in four} == four
    assert len({repeat.segment for repeat in six.values()} | {repeat.disordered for repeat in six.values()}) == 12
    assert all(sorted(repeat.segment) == sorted(repeat.disordered) for repeat in six.values())
    assert random_repeats(1, 12, seed=4)["segment 1"] != six["segment 1"]
    [long] = random_repeats(1, 2000).values()
    assert set(long.segment) == set(AMINO_ACIDS)
    assert long.twice == long.segment + long.segment
    assert long.once == long.disordered + long.segment
    with pytest.raises(InputError, match="two residues or more, not 1"):
        random_repeats(2, 1)


@pytest.mark.parametrize("per_chunk", [2, 100])
def test_attention_is_that_of_each_masks_own_pass(lively: Model, monkeypatch: pytest.MonkeyPatch, per_chunk: int):
    monkeypatch.setattr(module, "rows_within", lambda *_, **__: per_chunk)
    found = twin_attention(lively, REPEAT).set_index(["layer", "head"])
    assert len(found) == 12
    for head in HEADS:
        twice = [pattern(lively, REPEAT.twice, 8 + residue, head)[1:9].numpy() for residue in MASKED]
        once = [float(pattern(lively, REPEAT.once, 8 + residue, head)[residue + 1]) for residue in MASKED]
        twin = np.mean([row[residue] for row, residue in zip(twice, MASKED, strict=True)])
        others = [np.delete(row, residue) for row, residue in zip(twice, MASKED, strict=True)]
        row = found.loc[(head.layer, head.index)]
        assert row.twin == pytest.approx(twin, abs=1e-6)
        assert row.elsewhere == pytest.approx(np.mean(others), abs=1e-6)
        assert row.once == pytest.approx(np.mean(once), abs=1e-6)


@pytest.mark.parametrize("per_chunk", [2, 100])
def test_copying_is_read_at_each_mask_with_its_own_twin_blocked(
    lively: Model, monkeypatch: pytest.MonkeyPatch, per_chunk: int
):
    monkeypatch.setattr(module, "rows_within", lambda *_, **__: per_chunk)
    found = copying(lively, REPEAT, blocked=(("two", HEADS),)).set_index(["blocked", "residue"])
    assert len(found) == 9
    for residue in MASKED:
        letter = token_id(REPEAT.segment[residue])
        cut = tuple(BlockAttention(head, queries="mask", keys=(residue,)) for head in HEADS)
        for name, sequence, condition in (
            (NOTHING, REPEAT.twice, ()),
            ("two", REPEAT.twice, cut),
            (NO_REPEAT, REPEAT.once, ()),
        ):
            logits = run(lively, tokenize(sequence, [8 + residue]), [condition]).logits[0, 9 + residue]
            row = found.loc[(name, residue)]
            assert row.probability == pytest.approx(float(logits.softmax(-1)[letter]), abs=1e-9)
            assert row["rank"] == 1 + int((logits[4:24] > logits[letter]).sum())
    assert not np.allclose(found.probability["two"], found.probability[NOTHING], atol=1e-6)


def test_it_says_how_far_it_is_and_stops(lively: Model, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "rows_within", lambda *_, **__: 4)
    heard = Heard()
    copying(lively, REPEAT, progress=heard)
    assert heard.events == [(4, 6), (6, 6)]
    with pytest.raises(Cancelled):
        copying(lively, REPEAT, progress=Heard(stop_at=1))
