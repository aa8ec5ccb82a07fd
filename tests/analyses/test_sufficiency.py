import itertools

import pytest
import torch
from torch import Tensor

from core import run as engine
from core.alphabet import TOKENS, tokenize
from core.analyses.resampling import MODES, source_for
from core.analyses.sufficiency import gaps_along, keep_only, token_scopes, without_rope
from core.analyses.super_additivity import super_additivity
from core.components import components, modules
from core.errors import InputError
from core.forward import head_out, unembed
from core.interventions import AblateAttention, AblateHead, AblateMlp, Condition, Head, Mode, RemoveRope
from core.metrics import target_gap
from core.model import Model
from core.run import Keep, run
from tests.lively import SEQUENCE


def test_keeping_everything_is_the_baseline(lively: Model):
    assert keep_only(lively.shape, modules(lively.shape)) == ()
    assert keep_only(lively.shape, components(lively.shape)) == ()


def test_keeping_nothing_leaves_the_embedding_alone(lively: Model, clean: Tensor):
    logits = run(lively, clean, [keep_only(lively.shape, ())]).logits[0]
    embedded = run(lively, clean, keep=Keep.of("resid_pre"))["resid_pre", 0][0]
    torch.testing.assert_close(logits, unembed(lively, embedded))


def test_keeping_one_head_ablates_the_others_and_every_module_without_it(lively: Model):
    condition = keep_only(lively.shape, [Head(1, 2), ("mlp", 0)], scope="mask")
    heads = {AblateHead(Head(1, index), "mask") for index in (0, 1, 3)}
    layers = {AblateAttention(0, "mask"), AblateAttention(2, "mask"), AblateMlp(1, "mask"), AblateMlp(2, "mask")}
    assert set(condition) == heads | layers


def test_a_part_kept_at_some_positions_is_ablated_at_the_others(lively: Model):
    condition = keep_only(lively.shape, modules(lively.shape), attention_at="mask", mlps_at="bos+mask")
    assert set(condition) == {AblateAttention(layer, "not-mask") for layer in range(3)} | {
        AblateMlp(layer, "not-bos+mask") for layer in range(3)
    }


def test_token_scopes_with_everything_kept_everywhere_is_the_whole_model(lively: Model, clean: Tensor):
    table = token_scopes(lively, clean, modules(lively.shape))
    scopes = ["mask", "bos", "bos+mask", "all"]
    assert list(zip(table.attention_at, table.mlps_at, strict=True))[1:] == list(itertools.product(scopes, scopes))
    everywhere = table[(table.attention_at == "all") & (table.mlps_at == "all")]
    assert everywhere.gap.item() == pytest.approx(table.gap[0], abs=1e-12)
    not_mask, not_bos = ([AblateAttention(layer, scope) for layer in range(3)] for scope in ("not-mask", "not-bos"))
    narrowed = {
        ("mask", "bos"): (*not_mask, *(AblateMlp(layer, "not-bos") for layer in range(3))),
        ("bos", "all"): tuple(not_bos),
    }
    for (attention_at, mlps_at), condition in narrowed.items():
        narrow = table[(table.attention_at == attention_at) & (table.mlps_at == mlps_at)]
        logits = run(lively, clean, [condition]).logits[0, 1]
        assert narrow.logit.item() == pytest.approx(float(logits[TOKENS.index("M")]), abs=1e-10)


def test_gaps_along_a_protein_equal_one_run_for_each_residue(lively: Model, monkeypatch):
    monkeypatch.setattr(engine, "MEMORY_BUDGET", 1)
    kept = [("attention", 0), Head(2, 1), ("mlp", 2)]
    circuit = keep_only(lively.shape, kept)
    conditions = {"whole": (), "circuit": circuit, "no RoPE": circuit + without_rope(lively.shape, kept)}
    table = gaps_along(lively, SEQUENCE, [3, 12], conditions)
    assert len(table) == 6
    for _, row in table.iterrows():
        tokens = tokenize(SEQUENCE, [row.residue])
        logits = run(lively, tokens, [conditions[row.condition]]).logits[0, row.residue + 1]
        assert row.gap == pytest.approx(float(target_gap(logits, "M")), abs=1e-10)


@pytest.mark.parametrize("mode", MODES)
def test_the_rest_is_replaced_as_the_mode_says_with_the_same_masks(lively: Model, mode: Mode):
    kept = [("attention", 0), Head(2, 1), ("mlp", 2)]

    def alone(tokens: Tensor) -> Condition:
        return keep_only(lively.shape, kept, mode=mode, source=source_for(mode, tokens))

    table = gaps_along(lively, SEQUENCE, [3, 12], {"circuit": alone})
    for _, row in table.iterrows():
        tokens = tokenize(SEQUENCE, [row.residue])
        condition = alone(tokens)
        assert {each.mode for each in condition if isinstance(each, AblateMlp)} == {mode}
        logits = run(lively, tokens, [condition]).logits[0, row.residue + 1]
        assert row.gap == pytest.approx(float(target_gap(logits, "M")), abs=1e-10)
    first, second = Head(2, 1), Head(2, 3)
    tokens = tokenize(SEQUENCE, [0])
    found = super_additivity(lively, tokens, first, second, mode=mode)
    condition = keep_only(lively.shape, [first], scope="mask", mode=mode, source=source_for(mode, tokens))
    logits = run(lively, tokens, [condition]).logits[0, 1]
    assert found.first == pytest.approx(float(target_gap(logits, "M")), abs=1e-10)


def test_without_rope_touches_the_circuits_heads_only(lively: Model):
    condition = without_rope(lively.shape, [("attention", 0), Head(2, 1), ("mlp", 2)])
    assert condition == (*(RemoveRope(Head(0, index), "mask") for index in range(4)), RemoveRope(Head(2, 1), "mask"))


def test_a_component_that_does_not_exist_is_one_clear_line(lively: Model):
    with pytest.raises(InputError, match="no component L9 MLP in a model of 3 layers of 4 heads"):
        keep_only(lively.shape, {("mlp", 8)})
    with pytest.raises(InputError, match="no component L9H1 in a model of 3 layers of 4 heads"):
        keep_only(lively.shape, [Head(8, 0)])


def test_added_heads_are_the_sum_of_their_separate_writes(lively: Model, clean: Tensor):
    """With no MLP kept, a head's effect on the final stream is its write and its layer's output bias."""
    first, second = Head(0, 1), Head(2, 3)
    found = super_additivity(lively, clean, first, second)
    keep = Keep.of("resid_post", "z")
    runs = run(
        lively, clean, [keep_only(lively.shape, kept, scope="mask") for kept in ((), [first], [second])], keep=keep
    )
    stream = runs["resid_post", -1][0, 1]
    for row, head in ((1, first), (2, second)):
        written = head_out(lively, head.layer, runs["z", head.layer])[row, head.index, 1]
        stream = stream + written + lively.layers[head.layer].output.bias
    assert found.added == pytest.approx(float(target_gap(unembed(lively, stream), "M")), abs=1e-9)
    assert found.whole_model == pytest.approx(float(target_gap(run(lively, clean).logits[0, 1], "M")), abs=1e-10)
    assert found.rescue(found.whole_model) == pytest.approx(100)
    assert found.rescue(found.neither) == 0


def test_heads_of_one_layer_add_up_exactly(lively: Model, clean: Tensor):
    """Neither reads the other, so together they do what they do apart; the layer's bias is in `beside`'s head."""
    beside = [Head(2, 0), *(("attention", layer) for layer in range(2))]
    found = super_additivity(lively, clean, Head(2, 1), Head(2, 3), beside=beside)
    assert found.both == pytest.approx(found.added, abs=1e-10)
    assert abs(found.both - found.first) > 1e-3
