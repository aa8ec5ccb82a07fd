import numpy as np
import pytest
import torch
from torch import Tensor

from core.alphabet import TOKENS
from core.analyses.bos_knockouts import ablated_and_blocked, bos_attention, bos_knockouts
from core.interventions import AblateHead, BlockAttention, Head, SwapRope
from core.metrics import Target, target_gap
from core.model import Model
from core.run import Keep, run

K = TOKENS.index("K")
HEADS = [Head(0, 1), Head(2, 3)]


def test_attention_to_bos_is_the_patterns_first_column(lively: Model, clean: Tensor):
    trace = run(lively, clean, keep=Keep.of("pattern"))
    found = bos_attention(lively, clean)
    for layer in range(3):
        torch.testing.assert_close(torch.tensor(found[layer]), trace["pattern", layer][0, :, 1, 0])


def test_knocking_out_all_values_is_ablating_the_heads(lively: Model, clean: Tensor):
    table = bos_knockouts(lively, clean, HEADS).set_index("knockout")
    ablated = run(lively, clean, [tuple(AblateHead(head) for head in HEADS)]).logits[0, 1]
    assert table.gap["all values"] == pytest.approx(float(target_gap(ablated, "M")), abs=1e-10)


def test_no_attention_to_bos_and_no_values_of_bos_are_the_same_to_a_head(lively: Model, clean: Tensor):
    table = bos_knockouts(lively, clean, HEADS[:1]).set_index("knockout")
    assert table.gap["attention to BOS"] == pytest.approx(table.gap["values of BOS"], abs=1e-10)
    assert abs(table.gap["attention to BOS"] - table.gap["none"]) > 1e-4
    assert abs(table.gap["attention to BOS, renormalised"] - table.gap["attention to BOS"]) > 1e-6


def test_a_head_ablated_and_its_attention_to_bos_blocked(lively: Model, clean: Tensor):
    ablated, blocked = ablated_and_blocked(lively, clean, HEADS[0], target=Target("K"))
    by_hand = run(lively, clean, [(), (AblateHead(HEADS[0]),), (BlockAttention(HEADS[0]),)]).logits[:, 1, K]
    assert ablated == pytest.approx(float(by_hand[1] - by_hand[0]), abs=1e-10)
    assert blocked == pytest.approx(float(by_hand[2] - by_hand[0]), abs=1e-10)


def test_what_is_given_holds_in_every_row(lively: Model, internal: Tensor):
    swap = tuple(SwapRope(head) for head in HEADS)
    table = bos_knockouts(lively, internal, HEADS, given=swap)
    swapped = run(lively, internal, [swap]).logits[0, 11]
    assert table.gap[0] == pytest.approx(float(target_gap(swapped, "M")), abs=1e-10)
    assert np.all(table.logit_drop == table.logit[0] - table.logit)
