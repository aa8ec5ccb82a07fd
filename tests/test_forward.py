"""The written-out forward pass against fair-esm's own, in float64, over every token."""

import math

import pytest
import torch

from core.alphabet import AMINO_ACIDS, TOKENS, tokenize
from core.errors import InputError
from core.interventions import (
    AblateAttention,
    AblateHead,
    AblateMlp,
    AblateValues,
    BlockAttention,
    Condition,
    FixTokenDropout,
    Head,
    PatchActivation,
    ScaleBand,
    ShiftRope,
    Source,
    SwapRope,
    describe,
)
from core.metrics import target_gap
from core.model import Model
from core.rope import band_scores, wavelengths
from core.run import KEPT_SITES, RESUMABLE, Keep, extend, run, stream, sweep
from tests.conftest import random_fair_esm
from tests.heard import Heard
from tests.referees import make_referee

SEQUENCE = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ"
SHAPES = [(3, 4, 32), (2, 3, 60)]
MASKED = [(), (0,), (3, 7, 12), tuple(range(20))]


@pytest.fixture(scope="module", params=["ESM-2", "ESMC"])
def model(request, tmp_path_factory) -> Model:
    return make_referee(request.param, tmp_path_factory.mktemp("referee")).model


def fair_esm_reference(module, tokens):
    """fair-esm on one row, alone: its float32 softmax makes a padded batch differ by 1e-7 from itself."""
    return module(tokens[None], repr_layers=range(module.num_layers + 1), need_head_weights=True)


def test_alphabet_is_fair_esms(fair_esm):
    assert tuple(fair_esm.alphabet.all_toks) == TOKENS
    converter = fair_esm.alphabet.get_batch_converter()
    everything = AMINO_ACIDS + "XBUZO"
    assert torch.equal(converter([("", everything)])[2][0], tokenize(everything))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("masked", MASKED)
def test_logits_patterns_and_residual_stream_agree(shape, masked):
    module = random_fair_esm(*shape, seed=sum(shape))
    model = Model.from_fair_esm(module)
    tokens = tokenize(SEQUENCE, masked)
    expected = fair_esm_reference(module, tokens)
    trace = run(model, tokens, keep=Keep.of("pattern", "resid_post", "resid_pre"))
    torch.testing.assert_close(trace.logits, expected["logits"], atol=1e-10, rtol=0)
    for layer in range(model.shape.n_layers):
        torch.testing.assert_close(trace["pattern", layer], expected["attentions"][:, layer], atol=1e-10, rtol=0)
        torch.testing.assert_close(trace["resid_pre", layer], expected["representations"][layer], atol=1e-10, rtol=0)


def test_every_letter_of_the_alphabet_agrees():
    module = random_fair_esm(2, 3, 60, seed=9)
    tokens = tokenize(AMINO_ACIDS + "XBUZO" + AMINO_ACIDS[::-1], masked=[4])
    logits = run(Model.from_fair_esm(module), tokens).logits
    torch.testing.assert_close(logits, module(tokens[None])["logits"], atol=1e-10, rtol=0)


@pytest.mark.parametrize("shape", SHAPES)
def test_attention_output_agrees_with_a_hook(shape):
    module = random_fair_esm(*shape, seed=2)
    model = Model.from_fair_esm(module)
    tokens = tokenize(SEQUENCE, masked=[0])
    seen = {}
    handles = [
        layer.self_attn.register_forward_hook(lambda _, __, out, i=i: seen.update({i: out[0].transpose(0, 1)}))
        for i, layer in enumerate(module.layers)
    ]
    module(tokens[None])
    for handle in handles:
        handle.remove()
    trace = run(model, tokens, keep=Keep.of("attn_out", "z"))
    for layer, expected in seen.items():
        torch.testing.assert_close(trace["attn_out", layer], expected, atol=1e-10, rtol=0)
        heads_and_bias = trace.head_out(layer).sum(1) + model.layers[layer].output.bias
        torch.testing.assert_close(heads_and_bias, expected, atol=1e-10, rtol=0)


def test_token_dropout_off_leaves_masks_in():
    module = random_fair_esm(2, 2, 16)
    module.token_dropout = False
    tokens = tokenize("MKTAY", masked=[1])
    logits = run(Model.from_fair_esm(module), tokens).logits
    torch.testing.assert_close(logits, module(tokens[None])["logits"], atol=1e-10, rtol=0)


def test_half_saved_frequencies_are_read_not_recomputed():
    module = random_fair_esm(2, 2, 16)
    for layer in module.layers:
        layer.self_attn.rot_emb.inv_freq = layer.self_attn.rot_emb.inv_freq.half().double()
    tokens = tokenize(SEQUENCE)
    logits = run(Model.from_fair_esm(module), tokens).logits
    torch.testing.assert_close(logits, module(tokens[None])["logits"], atol=1e-10, rtol=0)


def test_rows_of_a_batch_equal_single_rows(model):
    tokens = torch.stack([tokenize(SEQUENCE, masked=[residue]) for residue in range(4)])
    together = run(model, tokens).logits
    for row in range(4):
        torch.testing.assert_close(together[row], run(model, tokens[row]).logits[0], atol=1e-10, rtol=0)


def test_reading_some_positions_equals_reading_all_of_them(model):
    tokens = tokenize(SEQUENCE, masked=[0])
    condition = (AblateHead(Head(2, 1), "mask"),)
    everything = run(model, tokens, (condition,)).logits
    some = run(model, tokens, (condition,), positions=[5, 1]).logits
    torch.testing.assert_close(some, everything[:, [5, 1]], atol=1e-10, rtol=0)


def test_bands_sum_to_the_score(model):
    tokens = tokenize(SEQUENCE, masked=[0])
    trace = run(model, tokens, keep=Keep.of("q", "k", "q_rot", "k_rot", "scores"))
    for layer in range(model.shape.n_layers):
        q, k = trace["q_rot", layer][:, :, :, None], trace["k_rot", layer][:, :, None]
        parts = band_scores(q, k)
        torch.testing.assert_close(parts.contribution.sum(-1), trace["scores", layer], atol=1e-10, rtol=0)
        rebuilt = parts.q_norm * parts.k_norm * parts.cosine / math.sqrt(model.shape.d_head)
        torch.testing.assert_close(rebuilt, parts.contribution, atol=1e-10, rtol=0)
        before = band_scores(trace["q", layer][:, :, :, None], k)
        # RoPE turns, never stretches; ESMC's cosines are float32
        torch.testing.assert_close(before.q_norm, parts.q_norm, atol=1e-10 if model.token_dropout else 1e-6, rtol=0)


def test_wavelengths_of_esm2_are_the_papers():
    lengths = wavelengths(10_000.0 ** -(torch.arange(0, 16, 2, dtype=torch.float64) / 16))
    expected = torch.tensor([6.28, 20, 63, 199, 628, 1_988, 6_283, 19_869], dtype=torch.float64)
    torch.testing.assert_close(lengths, expected, atol=0, rtol=0.02)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_lower_precisions_stay_close(model, dtype):
    tokens = tokenize(SEQUENCE, masked=[0])
    exact = run(model, tokens).logits
    lower = run(model.to(dtype=dtype), tokens)
    assert lower.logits.dtype == dtype
    assert model.to(dtype=dtype).layers[0].inv_freq.dtype == torch.float32
    tolerance = {torch.float32: 1e-4, torch.bfloat16: 0.2}[dtype]
    assert (lower.logits.double() - exact).std() < tolerance * exact.std()


def test_fused_attention_equals_the_explicit_one(model):
    single = model.to(dtype=torch.float32)
    tokens = tokenize(SEQUENCE, masked=[0])
    fused, explicit = run(single, tokens), run(single, tokens, keep=Keep.of("pattern"))
    torch.testing.assert_close(fused.logits, explicit.logits, atol=1e-4, rtol=1e-4)


def test_trace_keeps_what_was_asked_and_says_what_was_not(model):
    tokens = tokenize("MKTAY", masked=[0])
    trace = run(model, tokens, keep=Keep.of(*KEPT_SITES, layers=[1]))
    assert {site for site, _ in trace.kept} == set(KEPT_SITES)
    assert {layer for _, layer in trace.kept} == {1}
    assert trace["pattern", -2].shape == (1, 4, 7, 7)
    with pytest.raises(KeyError, match="was not kept"):
        trace["z", 0]


def test_stream_gives_the_same_patterns_layer_by_layer(model):
    tokens = tokenize(SEQUENCE, masked=[0])
    trace = run(model, tokens, keep=Keep.of("pattern"))
    for computed in stream(model, tokens):
        assert computed.pattern is not None
        torch.testing.assert_close(computed.pattern, trace["pattern", computed.layer], atol=1e-10, rtol=0)


def test_a_sweep_equals_whole_runs_and_keeps_order(model):
    tokens = tokenize(SEQUENCE, masked=[0])
    conditions = [(AblateHead(Head(layer, head)),) for layer in (2, 0, 1) for head in range(4)] + [()]
    baseline = run(model, tokens, keep=RESUMABLE)
    heard = Heard()
    swept = sweep(
        model,
        baseline,
        conditions,
        lambda trace: target_gap(trace.logits[:, 0], "M"),
        positions=[1],
        memory_budget=1,
        progress=heard,
    )
    whole = target_gap(run(model, tokens, conditions).logits[:, 1], "M")
    torch.testing.assert_close(torch.from_numpy(swept), whole, atol=1e-10, rtol=0)
    assert heard.events[-1] == (13, 13)


OTHER = Source(tuple(tokenize(SEQUENCE[::-1], masked=[0]).tolist()))
GIVEN = [
    (AblateHead(Head(1, 2), "mask"), AblateMlp(0)),
    (AblateAttention(1, "bos"), ScaleBand(Head(1, 0), 1, 0.5)),
    (ShiftRope(Head(1, 1), 3), SwapRope(Head(2, 2), "mask", 5), BlockAttention(Head(1, 3), scale=0.3)),
    (AblateValues(Head(1, 1)), PatchActivation("z", 1, OTHER, 3), PatchActivation("resid_mid", 1, OTHER)),
    (FixTokenDropout(0.7), AblateMlp(1, mode="mean")),
]
EXTRA = [
    (),
    (AblateHead(Head(0, 1)),),
    (AblateHead(Head(1, 0)),),
    (AblateMlp(1, "mask"),),
    (ShiftRope(Head(1, 2), -2),),
    (AblateAttention(2), AblateMlp(2)),
    (FixTokenDropout(0.9),),
]


def without_token_dropout(condition: Condition, model: Model) -> Condition:
    """What is left of a condition for a model that has none."""
    return tuple(part for part in condition if model.token_dropout or not isinstance(part, FixTokenDropout))


@pytest.mark.parametrize("given", GIVEN, ids=describe)
def test_a_sweep_resumes_from_an_edited_run(model, given):
    tokens = tokenize(SEQUENCE, masked=[0])
    given, *conditions = (without_token_dropout(part, model) for part in (given, *(given + extra for extra in EXTRA)))
    baseline = run(model, tokens, [given], keep=RESUMABLE)
    swept = sweep(model, baseline, conditions, lambda trace: trace.logits[:, 0], positions=[1])
    whole = run(model, tokens, conditions).logits[:, 1]
    torch.testing.assert_close(torch.from_numpy(swept), whole, atol=1e-10, rtol=0)


@pytest.mark.parametrize("scope", ["mask", "bos", "all"])
def test_runs_extend_each_its_own_baseline(model, scope):
    tokens = tokenize(SEQUENCE, masked=[0])
    given = [(AblateHead(Head(0, head), scope),) for head in range(2)]
    further = (AblateHead(Head(1, 3), scope), AblateMlp(1, scope), AblateMlp(2, scope))
    baselines = run(model, tokens, given, keep=Keep.of("resid_pre"))
    whole = run(model, tokens, [own + further for own in given])
    extended = extend(model, [baselines.row(0), baselines.row(1)], whole.conditions)
    logits = {index: own for chunk, trace in extended for index, own in zip(chunk, trace.logits, strict=True)}
    torch.testing.assert_close(torch.stack([logits[0], logits[1]]), whole.logits, atol=1e-10, rtol=0)


def test_attention_that_is_off_is_still_shown_to_whoever_asks(model):
    tokens, off = tokenize(SEQUENCE), (AblateAttention(1),)
    asked = run(model, tokens, [off], keep=Keep.of("z", "pattern"))
    resumable = run(model, tokens, [off], keep=RESUMABLE)
    assert asked["z", 1].abs().sum() > 0
    assert ("z", 1) not in resumable.kept
    extended = next(extend(model, [resumable], [(*off, AblateHead(Head(1, 0)), AblateMlp(1))]))[1]
    expected = run(model, tokens, [extended.conditions[0]])
    torch.testing.assert_close(extended.logits, expected.logits, atol=1e-10, rtol=0)


def test_a_sweep_refuses_conditions_that_undo_its_baseline(model):
    baseline = run(model, tokenize(SEQUENCE, masked=[0]), [GIVEN[0]], keep=RESUMABLE)
    with pytest.raises(InputError, match="must begin with the condition of the run"):
        sweep(model, baseline, [GIVEN[0], ()], lambda trace: trace.logits[:, 0])


def test_a_sweep_refuses_a_baseline_that_read_only_some_positions(model):
    baseline = run(model, tokenize(SEQUENCE, masked=[0]), keep=RESUMABLE, positions=[5, 0])
    with pytest.raises(InputError, match="read every position"):
        sweep(model, baseline, [(AblateHead(Head(2, 1)),)], lambda trace: trace.logits[:, 0], positions=[1])


@pytest.mark.parametrize("tokens", [torch.tensor([0, 33, 2]), torch.tensor([0, -1, 2])])
def test_tokens_outside_the_alphabet_are_refused(model, tokens):
    with pytest.raises(InputError, match="token ids are 0 to 32"):
        run(model, tokens)


def test_no_position_need_be_read(model):
    assert run(model, tokenize("MKTAY"), positions=[]).logits.shape == (1, 0, model.architecture.alphabet.n_ids)
