import numpy as np
import pytest
import torch
from torch import Tensor

from core.analyses.bos_knockouts import bos_attention
from core.analyses.rope_experiments import bos_attention_by_cause, greedy_swap, patch_sets, rope_removal, swap
from core.components import heads_of_layers
from core.interventions import Head, PatchActivation, RemoveRope, Source, SwapRope
from core.metrics import target_gap
from core.model import Model
from core.run import run

READOUT, KEY_HEADS = Head(2, 1), [Head(0, 2), Head(1, 3)]


def gap(model: Model, tokens: Tensor, condition, residue: int) -> float:
    return float(target_gap(run(model, tokens, [condition]).logits[0, residue + 1], "M"))


def test_rope_removal_by_layer(lively: Model, clean: Tensor):
    table = rope_removal(lively, clean).set_index("layers")
    assert list(table.index) == ["none", "L1", "L2", "L3", "all"]
    assert table.gap["none"] == pytest.approx(gap(lively, clean, (), 0), abs=1e-10)
    second = tuple(RemoveRope(Head(1, index), "mask") for index in range(4))
    assert table.gap["L2"] == pytest.approx(gap(lively, clean, second, 0), abs=1e-10)
    everywhere = tuple(RemoveRope(head, "mask") for head in heads_of_layers(lively.shape, range(3)))
    assert table.gap["all"] == pytest.approx(gap(lively, clean, everywhere, 0), abs=1e-10)
    assert len({round(value, 6) for value in table.gap}) == 5


def test_a_runs_own_rotation_swapped_in_changes_nothing(lively: Model, internal: Tensor):
    everywhere = heads_of_layers(lively.shape, range(3))
    assert gap(lively, internal, swap(everywhere, residue=10), 10) == pytest.approx(
        gap(lively, internal, (), 10), abs=1e-10
    )


def test_patch_sets_equal_their_conditions(lively: Model, clean: Tensor, internal: Tensor):
    table = patch_sets(lively, clean, internal, READOUT, KEY_HEADS).set_index("condition")
    source = Source(tuple(clean.tolist()))
    layers = tuple(SwapRope(head) for head in [*heads_of_layers(lively.shape, [0, 1]), READOUT])
    expected = {
        "clean": gap(lively, clean, (), 0),
        "corrupted": gap(lively, internal, (), 10),
        "readout's full q": gap(lively, internal, (PatchActivation("q_rot", 2, source, 1),), 10),
        "readout's q content": gap(lively, internal, (PatchActivation("q", 2, source, 1),), 10),
        "readout's rotation": gap(lively, internal, (SwapRope(READOUT),), 10),
        "key heads' and readout's rotations": gap(lively, internal, swap([*KEY_HEADS, READOUT]), 10),
        "key heads' whole layers' and readout's rotations": gap(lively, internal, layers, 10),
        "every head's rotation": gap(lively, internal, swap(heads_of_layers(lively.shape, range(3))), 10),
    }
    assert table.gap.to_dict() == pytest.approx(expected, abs=1e-9)
    assert table.rescue["clean"] == pytest.approx(100)
    assert table.rescue["corrupted"] == 0


def test_full_query_of_the_clean_run_is_its_content_with_its_rotation(lively: Model, clean: Tensor, internal: Tensor):
    source = Source(tuple(clean.tolist()))
    both = (PatchActivation("q", 2, source, 1), SwapRope(READOUT, residue=0))
    table = patch_sets(lively, clean, internal, READOUT, KEY_HEADS).set_index("condition")
    assert table.gap["readout's full q"] == pytest.approx(gap(lively, internal, both, 10), abs=1e-10)


def test_greedy_swap_finds_the_best_heads_in_order(lively: Model, internal: Tensor):
    candidates = heads_of_layers(lively.shape, [0, 1])

    def gaps_of(chosen, left):
        return np.array([[gap(lively, internal, swap([*chosen, head]), 10) for head in left]])

    found = greedy_swap(gaps_of, [READOUT], candidates, steps=3)
    first = max(candidates, key=lambda head: gap(lively, internal, swap([READOUT, head]), 10))
    assert found[0] == first
    if len(found) > 1:
        second = max(
            (head for head in candidates if head != first),
            key=lambda head: gap(lively, internal, swap([READOUT, first, head]), 10),
        )
        assert found[1] == second


def test_greedy_swap_averages_proteins_and_stops_when_nothing_helps():
    worth = {Head(0, 0): 1.0, Head(0, 1): 3.0, Head(0, 2): -1.0}

    def gaps_of(chosen, left):
        base = sum(worth[head] for head in chosen)
        return np.array([[base + worth[head] + 1 for head in left], [base + worth[head] - 1 for head in left]])

    assert greedy_swap(gaps_of, [], list(worth), steps=9) == (Head(0, 1), Head(0, 0))
    assert greedy_swap(gaps_of, [Head(0, 1)], list(worth), steps=9) == (Head(0, 0),)
    assert greedy_swap(gaps_of, [], list(worth), steps=1) == (Head(0, 1),)
    assert greedy_swap(gaps_of, [], list(worth), steps=9, enough=3.0) == (Head(0, 1),)
    assert greedy_swap(gaps_of, [], list(worth), steps=9, enough=3.1) == (Head(0, 1), Head(0, 0))


def test_attention_to_bos_by_cause(lively: Model, clean: Tensor, internal: Tensor):
    found = bos_attention_by_cause(lively, clean, internal)
    np.testing.assert_allclose(found.clean, bos_attention(lively, clean), atol=1e-6)
    np.testing.assert_allclose(found.internal, bos_attention(lively, internal), atol=1e-6)
    for head in heads_of_layers(lively.shape, range(3)):
        rotated = bos_attention(lively, internal, condition=(SwapRope(head),))
        assert found.rotation[head.layer, head.index] == pytest.approx(rotated[head.layer, head.index], abs=1e-6)
        source = Source(tuple(clean.tolist()))
        patched = bos_attention(lively, internal, condition=(PatchActivation("q", head.layer, source, head.index),))
        assert found.content[head.layer, head.index] == pytest.approx(patched[head.layer, head.index], abs=1e-6)
    assert np.abs(found.rotation - found.internal).max() > 1e-3


def test_without_a_difference_no_cause_changes_anything(lively: Model, internal: Tensor):
    found = bos_attention_by_cause(lively, internal, internal)
    torch.testing.assert_close(torch.tensor(found.rotation), torch.tensor(found.clean), atol=1e-6, rtol=0)
    torch.testing.assert_close(torch.tensor(found.content), torch.tensor(found.clean), atol=1e-6, rtol=0)
