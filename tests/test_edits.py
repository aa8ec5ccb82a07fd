"""Every intervention against an independent hook on fair-esm and on transformers' ESMC; identities; refusals."""

from functools import partial

import pytest
import torch

from core.alphabet import tokenize
from core.errors import InputError
from core.interventions import (
    HEAD_SITES,
    STREAM_SITES,
    AblateAttention,
    AblateHead,
    AblateMlp,
    AblateValues,
    BlockAttention,
    Condition,
    FixTokenDropout,
    Head,
    PatchActivation,
    RemoveRope,
    ScaleBand,
    ShiftRope,
    Source,
    SwapRope,
)
from core.model import Model
from core.rope import rotate
from core.run import Keep, run
from tests.referees import Transformers, make_referee

SEQUENCE = "MKTAYIAKQRQISFVKSH"
TOKENS = tokenize(SEQUENCE, masked=[0])
OTHER = tokenize(SEQUENCE[::-1], masked=[0])
D_HEAD, N_HEADS = 8, 4
SCOPES = {
    "mask": [1],
    "bos": [0],
    "bos+mask": [0, 1],
    "bos+eos": [0, 19],
    "not-bos": list(range(1, 20)),
    "not-mask": [0, *range(2, 20)],
    "not-bos+mask": list(range(2, 20)),
    "not-bos+eos": list(range(1, 19)),
    "all": list(range(20)),
    (2, 5): [3, 6],
}


def head_slice(head):
    return slice(head.index * D_HEAD, (head.index + 1) * D_HEAD)


@pytest.fixture(scope="module", params=["ESM-2", "ESMC"])
def referee(request, tmp_path_factory):
    return make_referee(request.param, tmp_path_factory.mktemp("referee"))


@pytest.fixture(scope="module")
def model(referee) -> Model:
    return referee.model


def set_rows(x, positions, value, columns=slice(None)):
    x = x.clone()
    x[positions, columns] = value
    return x


def assert_agrees(referee, condition, *contexts, tokens=TOKENS):
    """The condition's logits are the reference's to 1e-10, and the edit did something."""
    expected, clean = referee.logits(tokens, *contexts), referee.logits(tokens)
    assert (expected - clean).abs().max() > 1e-6, "the reference edit changes nothing"
    # among other rows, so that an edit which leaks into its neighbours is seen as well
    found = run(referee.model, tokens, ((), condition, (AblateMlp(0),))).logits
    torch.testing.assert_close(found[1], expected, atol=1e-10, rtol=0)
    torch.testing.assert_close(found[0], clean, atol=1e-10, rtol=0)


@pytest.mark.parametrize("scope", SCOPES, ids=str)
@pytest.mark.parametrize("layer", [0, 2])
def test_zero_ablation_of_heads_and_modules_in_every_scope(referee, scope, layer):
    at, head = SCOPES[scope], Head(layer, 1)
    zero_z = referee.z(layer, lambda z: set_rows(z, at, 0.0, head_slice(head)))
    assert_agrees(referee, (AblateHead(head, scope),), zero_z)
    zero = partial(set_rows, positions=at, value=0.0)
    assert_agrees(referee, (AblateAttention(layer, scope),), referee.attn_out(layer, zero))
    assert_agrees(referee, (AblateMlp(layer, scope),), referee.mlp_out(layer, zero))


@pytest.mark.parametrize("mode", ["mean", "resample"])
def test_mean_and_resample_ablation(referee, mode):
    head, source = Head(1, 2), Source(tuple(OTHER.tolist()))
    columns, at = head_slice(head), SCOPES["bos+mask"]

    def taken(activation):
        return activation.mean(0) if mode == "mean" else activation[at]

    z = taken(referee.recorded(OTHER, partial(referee.z, 1))[:, columns])
    change = referee.z(1, lambda x: set_rows(x, at, z, columns))
    assert_agrees(referee, (AblateHead(head, "bos+mask", mode, source),), change)

    mlp_out = taken(referee.recorded(OTHER, partial(referee.mlp_out, 0)))
    change = referee.mlp_out(0, lambda x: set_rows(x, at, mlp_out))
    assert_agrees(referee, (AblateMlp(0, "bos+mask", mode, source),), change)

    attn_out = taken(referee.recorded(OTHER, partial(referee.attn_out, 1)))
    change = referee.attn_out(1, lambda x: set_rows(x, at, attn_out))
    assert_agrees(referee, (AblateAttention(1, "bos+mask", mode, source),), change)


def test_mean_ablation_without_a_source_uses_the_clean_run(referee):
    mean = referee.recorded(TOKENS, partial(referee.mlp_out, 1)).mean(0)
    change = referee.mlp_out(1, lambda x: set_rows(x, SCOPES["all"], mean))
    assert_agrees(referee, (AblateMlp(1, "all", "mean"),), change)


@pytest.mark.parametrize("renormalise", [False, True])
@pytest.mark.parametrize("scale", [0.0, 0.5])
@pytest.mark.parametrize(
    ("queries", "keys"), [("mask", "bos"), ("all", "bos"), ((2, 5), (1, 9)), ("bos", "not-bos")], ids=str
)
def test_blocked_and_scaled_attention(referee, renormalise, scale, queries, keys):
    head = Head(1, 3)

    def change(pattern):
        for query in SCOPES.get(queries, [3, 6]):
            row = pattern[head.index, query].clone()
            for key in SCOPES.get(keys, [2, 10]):
                row[key] = row[key] * scale
            pattern[head.index, query] = row / row.sum() if renormalise else row
        return pattern

    condition = (BlockAttention(head, queries, keys, scale, renormalise),)
    assert_agrees(referee, condition, referee.pattern(1, change))


def test_blocking_everything_with_renormalising_leaves_zero_not_nan(model):
    condition = (BlockAttention(Head(1, 3), "all", "all", 0.0, True),)
    blocked = run(model, TOKENS, (condition, (AblateHead(Head(1, 3)),))).logits
    torch.testing.assert_close(blocked[0], blocked[1], atol=1e-10, rtol=0)


@pytest.mark.parametrize("scope", ["bos", "not-bos", "bos+eos"])
def test_zeroed_values(referee, scope):
    head = Head(1, 0)
    change = referee.projected("v", 1, lambda v: set_rows(v, SCOPES[scope], 0.0, head_slice(head)))
    assert_agrees(referee, (AblateValues(head, scope),), change)


def rope_change(referee, head, side, change_positions):
    def change(q, k, original):
        rotated_q, rotated_k = original(q, k)
        positions = change_positions(torch.arange(q.shape[1], dtype=q.dtype))
        if "q" in side:
            rotated_q[head.index] = referee.turn(q[head.index], positions)
        if "k" in side:
            rotated_k[head.index] = referee.turn(k[head.index], positions)
        return rotated_q, rotated_k

    return change


@pytest.mark.parametrize("side", ["q", "k"])
def test_shifted_swapped_and_removed_rope(referee, side):
    head = Head(1, 2)

    def expect(condition, change_positions):
        change = rope_change(referee, head, side, change_positions)
        assert_agrees(referee, condition, referee.rope(head.layer, change))

    expect((ShiftRope(head, -7, side),), lambda positions: positions - 7)
    expect((ShiftRope(head, 2.5, side),), lambda positions: positions + 2.5)
    expect((RemoveRope(head, "all", side),), torch.zeros_like)
    expect((SwapRope(head, "mask", 9, side),), lambda p: torch.where(p == 1, 10.0, p))
    expect((SwapRope(head, (4, 5), 0, side),), lambda p: torch.where((p == 5) | (p == 6), 1.0, p))


@pytest.mark.parametrize("shift", [-20, -3, 1, 20])
def test_shifting_q_and_k_together_changes_nothing(referee, model, shift):
    condition = tuple(ShiftRope(Head(layer, head), shift, "qk") for layer in range(3) for head in range(N_HEADS))
    clean, moved = run(model, TOKENS, ((), condition)).logits
    # a float32 softmax may flip one last bit in ESM-2, and ESMC's angles are float32
    torch.testing.assert_close(moved, clean, atol=1e-6 if referee.model.token_dropout else 1e-4, rtol=0)
    one_side = run(model, TOKENS, (tuple(ShiftRope(part.head, shift, "q") for part in condition),)).logits[0]
    assert (one_side - clean).abs().max() > 1e-3


def test_scaled_band(referee):
    head, band = Head(1, 1), 2

    def change(q, k, original):
        q, k = original(q, k)
        q[head.index][:, [band, band + D_HEAD // 2]] *= 0.25
        return q, k

    assert_agrees(referee, (ScaleBand(head, band, 0.25),), referee.rope(1, change))


@pytest.mark.parametrize("head", [None, 2])
@pytest.mark.parametrize("site", ["q", "k", "v", "z"])
def test_patched_head_activations(referee, site, head):
    """q and k stand after their LayerNorms where there are any: the hook is on these."""
    columns = slice(None) if head is None else head_slice(Head(1, head))
    place = partial(referee.z, 1) if site == "z" else partial(referee.projected, site, 1)
    taken = referee.recorded(OTHER, place)
    change = place(lambda x: set_rows(x, [1], taken[1, columns], columns))
    assert_agrees(referee, (PatchActivation(site, 1, Source(tuple(OTHER.tolist())), head),), change)


@pytest.mark.parametrize("side", ["q", "k"])
def test_patched_rotated_queries_and_keys(referee, side):
    seen = []

    def remember(q, k, original):
        seen.append(original(q, k))
        return original(q, k)

    referee.logits(OTHER, referee.rope(1, remember))

    def change(q, k, original):
        rotated = list(original(q, k))
        which = "qk".index(side)
        rotated[which][3, 1] = seen[0][which][3, 1]
        return tuple(rotated)

    condition = (PatchActivation(f"{side}_rot", 1, Source(tuple(OTHER.tolist())), 3),)
    assert_agrees(referee, condition, referee.rope(1, change))


@pytest.mark.parametrize("site", STREAM_SITES)
def test_patched_residual_stream(referee, site):
    layer, at = 1, [4]
    taken = run(referee.model, OTHER, keep=Keep.of(site))[site, layer][0]  # agreement of these: test_forward.py
    if site == "resid_mid":
        # resid_mid has no module of its own: with every later write at that place kept, patching it is patching what
        # the attention adds to resid_pre
        before = referee.recorded(TOKENS, partial(referee.resid_pre, layer))
        change = referee.attn_out(layer, lambda x: set_rows(x, at, taken[at] - before[at]))
    else:
        change = getattr(referee, site)(layer, lambda x: set_rows(x, at, taken[at]))
    assert_agrees(referee, (PatchActivation(site, layer, Source(tuple(OTHER.tolist())), scope=(3,)),), change)


def test_patch_carries_one_mask_onto_another(referee):
    internal, columns = tokenize(SEQUENCE, masked=[10]), head_slice(Head(2, 1))
    z = referee.recorded(TOKENS, partial(referee.z, 2))
    change = referee.z(2, lambda x: set_rows(x, [11], z[1, columns], columns))
    condition = (PatchActivation("z", 2, Source(tuple(TOKENS.tolist())), 1),)
    assert_agrees(referee, condition, change, tokens=internal)


def test_patch_takes_from_an_edited_run(referee):
    edited = Source(tuple(TOKENS.tolist()), (AblateMlp(0),))
    with referee.mlp_out(0, torch.zeros_like):
        z = referee.recorded(TOKENS, partial(referee.z, 1))
    change = referee.z(1, lambda x: z)
    assert_agrees(referee, (PatchActivation("z", 1, edited, scope="all"),), change)


@pytest.mark.parametrize("site", [*HEAD_SITES, *STREAM_SITES])
def test_a_run_patched_with_its_own_activations_does_not_change(model, site):
    own = Source(tuple(TOKENS.tolist()))
    condition = tuple(PatchActivation(site, layer, own, scope="all") for layer in range(3))
    clean, patched = run(model, TOKENS, ((), condition)).logits
    torch.testing.assert_close(patched, clean, atol=1e-10, rtol=0)


def test_neutral_edits_change_nothing(model):
    head = Head(1, 1)
    neutral: Condition = (
        BlockAttention(head, "all", "bos", 1.0, True),
        ShiftRope(head, 0, "q"),
        SwapRope(head, "mask", 0, "q"),
        ScaleBand(head, 0, 1.0),
    )
    clean, edited = run(model, TOKENS, ((), neutral)).logits
    torch.testing.assert_close(edited, clean, atol=1e-6, rtol=0)  # dividing a float32 softmax by its sum: 1e-7
    clean, edited = run(model, TOKENS, ((), neutral[1:])).logits
    torch.testing.assert_close(edited, clean, atol=1e-10, rtol=0)


def test_fixed_token_dropout(referee):
    scale = 0.7
    if isinstance(referee, Transformers):
        with pytest.raises(InputError, match="without token dropout"):
            run(referee.model, TOKENS, ((FixTokenDropout(scale),),))
        return
    own_scale = (1 - 0.12) / (1 - 1 / len(TOKENS))
    assert_agrees(referee, (FixTokenDropout(scale),), referee.resid_pre(0, lambda x: x * scale / own_scale))


def test_many_interventions_at_once(referee):
    condition = (AblateHead(Head(0, 1), "mask"), BlockAttention(Head(1, 0), "mask", "bos"), AblateMlp(2, "bos+mask"))

    def block(pattern):
        pattern[0, 1, 0] = 0
        return pattern

    assert_agrees(
        referee,
        condition,
        referee.z(0, lambda z: set_rows(z, [1], 0.0, head_slice(Head(0, 1)))),
        referee.pattern(1, block),
        referee.mlp_out(2, lambda out: set_rows(out, [0, 1], 0.0)),
    )


def test_what_heads_write_sums_to_what_is_added(referee, model):
    trace = run(model, TOKENS, keep=Keep.of("z", "attn_out"))
    for layer in range(3):
        expected = referee.recorded(TOKENS, partial(referee.attn_out, layer))
        bias = model.layers[layer].output.bias
        heads = trace.head_out(layer)[0].sum(0) + (0 if bias is None else bias)
        torch.testing.assert_close(heads, expected, atol=1e-10, rtol=0)
        torch.testing.assert_close(trace["attn_out", layer][0], expected, atol=1e-10, rtol=0)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ((AblateHead(Head(3, 0)),), "layer 4 does not exist"),
        ((AblateHead(Head(0, 4)),), "L1H5 does not exist"),
        ((AblateMlp(9),), "layer 10 does not exist"),
        ((ScaleBand(Head(0, 0), 4),), "band 4 does not exist"),
        ((AblateHead(Head(0, 0), (18,)),), "residue 19 is outside the sequence"),
        ((ShiftRope(Head(0, 0), float("nan")),), "shift must be a finite number"),
        ((ScaleBand(Head(0, 0), 0, float("inf")),), "factor must be a finite number"),
        ((AblateHead(Head(0, 0), "all", "resample"),), "resample ablation needs a source"),
        ((PatchActivation("resid_post", 0, Source((0, 2)), 1),), "belongs to no head"),
        ((PatchActivation("z", 0, Source((0, 5, 2)), 1, "all"),), "3 positions of its source but writes 20"),
        ((AblateMlp(0, "all", "resample", Source((0, 5, 2))),), "runs of one length"),
    ],
)
def test_what_the_model_lacks_is_refused_in_one_line(model, condition, message):
    with pytest.raises(InputError, match=message) as caught:
        run(model, TOKENS, (condition,))
    assert "\n" not in str(caught.value)


def test_mask_scope_without_a_mask_is_refused(model):
    with pytest.raises(InputError, match="no residue is masked"):
        run(model, tokenize(SEQUENCE), ((AblateHead(Head(0, 0), "mask"),),))


def test_rotation_is_the_complex_one(referee):
    x = torch.randn(1, 1, 20, D_HEAD, dtype=torch.float64)
    positions = torch.linspace(-30, 30, 20, dtype=torch.float64)
    torch.testing.assert_close(
        rotate(x, positions, referee.frequencies), referee.turn(x, positions), atol=1e-12, rtol=0
    )
