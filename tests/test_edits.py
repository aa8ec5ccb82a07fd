"""Every intervention against an independent hook or patch on fair-esm, written here; identities; refusals."""

from contextlib import ExitStack, contextmanager
from dataclasses import replace

import esm.multihead_attention
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
from core.rope import rotate
from core.run import Keep, run

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


@contextmanager
def hook(module, change):
    """`change(output) -> output` on a module's output; tensors are pos x 1 x d_model, as fair-esm has them."""
    handle = module.register_forward_hook(lambda _, __, output: change(output))
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def pre_hook(module, change):
    handle = module.register_forward_pre_hook(lambda _, args: (change(args[0].clone()), *args[1:]))
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def patched_softmax(layer, change):
    """fair-esm's attention pattern of one layer (heads x query x key) changed on its way to the values."""
    original, calls = esm.multihead_attention.utils_softmax, []

    def softmax(*args, **kwargs):
        pattern = original(*args, **kwargs).double()
        calls.append(None)
        return change(pattern) if len(calls) == layer + 1 else pattern

    esm.multihead_attention.utils_softmax = softmax
    try:
        yield
    finally:
        esm.multihead_attention.utils_softmax = original


@contextmanager
def patched_rope(module, layer, change):
    """fair-esm's rotary module of one layer: `change(q, k, rotary) -> (q, k)` on heads x pos x d_head, q scaled."""
    rotary = module.layers[layer].self_attn.rot_emb
    original = rotary.forward
    rotary.forward = lambda q, k: change(q.clone(), k.clone(), original)
    try:
        yield
    finally:
        del rotary.forward


def set_rows(x, positions, value, columns=slice(None)):
    x = x.clone()
    x[positions, :, columns] = value
    return x


def reference(module, tokens, *contexts):
    with ExitStack() as stack:
        for context in contexts:
            stack.enter_context(context)
        return module(tokens[None])["logits"][0]


def assert_agrees(model, module, condition, *contexts, tokens=TOKENS):
    """The condition's logits are the reference's to 1e-10, and the edit did something."""
    expected = reference(module, tokens, *contexts)
    assert (expected - module(tokens[None])["logits"][0]).abs().max() > 1e-6, "the reference edit changes nothing"
    # among other rows, so that an edit which leaks into its neighbours is seen as well
    found = run(model, tokens, ((), condition, (AblateMlp(0),))).logits
    torch.testing.assert_close(found[1], expected, atol=1e-10, rtol=0)
    torch.testing.assert_close(found[0], module(tokens[None])["logits"][0], atol=1e-10, rtol=0)


@pytest.mark.parametrize("scope", SCOPES, ids=str)
@pytest.mark.parametrize("layer", [0, 2])
def test_zero_ablation_of_heads_and_modules_in_every_scope(model, fair_esm, scope, layer):
    at, head = SCOPES[scope], Head(layer, 1)
    block = fair_esm.layers[layer]
    zero_z = pre_hook(block.self_attn.out_proj, lambda z: set_rows(z, at, 0.0, head_slice(head)))
    assert_agrees(model, fair_esm, (AblateHead(head, scope),), zero_z)
    zero_attention = hook(block.self_attn, lambda out: (set_rows(out[0], at, 0.0), out[1]))
    assert_agrees(model, fair_esm, (AblateAttention(layer, scope),), zero_attention)
    zero_mlp = hook(block.fc2, lambda out: set_rows(out, at, 0.0))
    assert_agrees(model, fair_esm, (AblateMlp(layer, scope),), zero_mlp)


def record(module, tokens, get, pre=False):
    """What `get(module)` receives (pre) or returns in a plain fair-esm run of `tokens`."""
    seen = []
    target = get(module)
    handle = (
        target.register_forward_pre_hook(lambda _, args: seen.append(args[0].clone()))
        if pre
        else target.register_forward_hook(
            lambda _, __, out: seen.append((out[0] if isinstance(out, tuple) else out).clone())
        )
    )
    module(tokens[None])
    handle.remove()
    return seen[0]


@pytest.mark.parametrize("mode", ["mean", "resample"])
def test_mean_and_resample_ablation(model, fair_esm, mode):
    head, source = Head(1, 2), Source(tuple(OTHER.tolist()))
    columns = head_slice(head)
    at = SCOPES["bos+mask"]
    z = record(fair_esm, OTHER, lambda m: m.layers[1].self_attn.out_proj, pre=True)[:, :, columns]
    value = z.mean(0) if mode == "mean" else z[at]
    change = pre_hook(fair_esm.layers[1].self_attn.out_proj, lambda x: set_rows(x, at, value, columns))
    assert_agrees(model, fair_esm, (AblateHead(head, "bos+mask", mode, source),), change)

    out = record(fair_esm, OTHER, lambda m: m.layers[0].fc2)
    value = out.mean(0) if mode == "mean" else out[at]
    change = hook(fair_esm.layers[0].fc2, lambda x: set_rows(x, at, value))
    assert_agrees(model, fair_esm, (AblateMlp(0, "bos+mask", mode, source),), change)

    out = record(fair_esm, OTHER, lambda m: m.layers[1].self_attn)
    value = out.mean(0) if mode == "mean" else out[at]
    change = hook(fair_esm.layers[1].self_attn, lambda x: (set_rows(x[0], at, value), x[1]))
    assert_agrees(model, fair_esm, (AblateAttention(1, "bos+mask", mode, source),), change)


def test_mean_ablation_without_a_source_uses_the_clean_run(model, fair_esm):
    mean = record(fair_esm, TOKENS, lambda m: m.layers[1].fc2).mean(0)
    change = hook(fair_esm.layers[1].fc2, lambda x: set_rows(x, SCOPES["all"], mean))
    assert_agrees(model, fair_esm, (AblateMlp(1, "all", "mean"),), change)


@pytest.mark.parametrize("renormalise", [False, True])
@pytest.mark.parametrize("scale", [0.0, 0.5])
@pytest.mark.parametrize(
    ("queries", "keys"), [("mask", "bos"), ("all", "bos"), ((2, 5), (1, 9)), ("bos", "not-bos")], ids=str
)
def test_blocked_and_scaled_attention(model, fair_esm, renormalise, scale, queries, keys):
    head = Head(1, 3)

    def change(pattern):
        for query in SCOPES.get(queries, [3, 6]):
            row = pattern[head.index, query].clone()
            for key in SCOPES.get(keys, [2, 10]):
                row[key] = row[key] * scale
            pattern[head.index, query] = row / row.sum() if renormalise else row
        return pattern

    condition = (BlockAttention(head, queries, keys, scale, renormalise),)
    assert_agrees(model, fair_esm, condition, patched_softmax(1, change))


def test_blocking_everything_with_renormalising_leaves_zero_not_nan(model):
    condition = (BlockAttention(Head(1, 3), "all", "all", 0.0, True),)
    blocked = run(model, TOKENS, (condition, (AblateHead(Head(1, 3)),))).logits
    torch.testing.assert_close(blocked[0], blocked[1], atol=1e-10, rtol=0)


@pytest.mark.parametrize("scope", ["bos", "not-bos", "bos+eos"])
def test_zeroed_values(model, fair_esm, scope):
    head = Head(1, 0)
    change = hook(fair_esm.layers[1].self_attn.v_proj, lambda v: set_rows(v, SCOPES[scope], 0.0, head_slice(head)))
    assert_agrees(model, fair_esm, (AblateValues(head, scope),), change)


def turn(x, positions, module):
    """Rotation by complex multiplication, a method of its own: band f of x turned by position x frequency."""
    half = x.shape[-1] // 2
    angle = positions[:, None] * module.layers[0].self_attn.rot_emb.inv_freq
    turned = torch.complex(x[..., :half], x[..., half:]) * torch.polar(torch.ones_like(angle), angle)
    return torch.cat((turned.real, turned.imag), dim=-1)


def rope_change(module, head, side, change_positions):
    def change(q, k, original):
        rotated_q, rotated_k = original(q, k)
        positions = change_positions(torch.arange(q.shape[1], dtype=q.dtype))
        if "q" in side:
            rotated_q[head.index] = turn(q[head.index], positions, module)
        if "k" in side:
            rotated_k[head.index] = turn(k[head.index], positions, module)
        return rotated_q, rotated_k

    return change


@pytest.mark.parametrize("side", ["q", "k"])
def test_shifted_swapped_and_removed_rope(model, fair_esm, side):
    head = Head(1, 2)

    def expect(condition, change_positions):
        change = rope_change(fair_esm, head, side, change_positions)
        assert_agrees(model, fair_esm, condition, patched_rope(fair_esm, head.layer, change))

    expect((ShiftRope(head, -7, side),), lambda positions: positions - 7)
    expect((ShiftRope(head, 2.5, side),), lambda positions: positions + 2.5)
    expect((RemoveRope(head, "all", side),), torch.zeros_like)
    expect((SwapRope(head, "mask", 9, side),), lambda p: torch.where(p == 1, 10.0, p))
    expect((SwapRope(head, (4, 5), 0, side),), lambda p: torch.where((p == 5) | (p == 6), 1.0, p))


@pytest.mark.parametrize("shift", [-20, -3, 1, 20])
def test_shifting_q_and_k_together_changes_nothing(model, shift):
    condition = tuple(ShiftRope(Head(layer, head), shift, "qk") for layer in range(3) for head in range(N_HEADS))
    clean, moved = run(model, TOKENS, ((), condition)).logits
    torch.testing.assert_close(moved, clean, atol=1e-6, rtol=0)  # a float32 softmax may flip one last bit
    one_side = run(model, TOKENS, (tuple(ShiftRope(part.head, shift, "q") for part in condition),)).logits[0]
    assert (one_side - clean).abs().max() > 1e-3


def test_scaled_band(model, fair_esm):
    head, band = Head(1, 1), 2

    def change(q, k, original):
        q, k = original(q, k)
        q[head.index][:, [band, band + D_HEAD // 2]] *= 0.25
        return q, k

    assert_agrees(model, fair_esm, (ScaleBand(head, band, 0.25),), patched_rope(fair_esm, 1, change))


PROJECTIONS = {"q": "q_proj", "k": "k_proj", "v": "v_proj"}


@pytest.mark.parametrize("head", [None, 2])
@pytest.mark.parametrize("site", ["q", "k", "v", "z"])
def test_patched_head_activations(model, fair_esm, site, head):
    columns = slice(None) if head is None else head_slice(Head(1, head))
    attention = fair_esm.layers[1].self_attn
    if site == "z":
        taken = record(fair_esm, OTHER, lambda m: m.layers[1].self_attn.out_proj, pre=True)
        change = pre_hook(attention.out_proj, lambda x: set_rows(x, [1], taken[1, :, columns], columns))
    else:
        projection = getattr(attention, PROJECTIONS[site])
        taken = record(fair_esm, OTHER, lambda m: getattr(m.layers[1].self_attn, PROJECTIONS[site]))
        change = hook(projection, lambda x: set_rows(x, [1], taken[1, :, columns], columns))
    assert_agrees(model, fair_esm, (PatchActivation(site, 1, Source(tuple(OTHER.tolist())), head),), change)


@pytest.mark.parametrize("side", ["q", "k"])
def test_patched_rotated_queries_and_keys(model, fair_esm, side):
    seen = []

    def remember(q, k, original):
        seen.append(original(q, k))
        return original(q, k)

    reference(fair_esm, OTHER, patched_rope(fair_esm, 1, remember))

    def change(q, k, original):
        rotated = list(original(q, k))
        which = "qk".index(side)
        rotated[which][3, 1] = seen[0][which][3, 1]
        return tuple(rotated)

    condition = (PatchActivation(f"{side}_rot", 1, Source(tuple(OTHER.tolist())), 3),)
    assert_agrees(model, fair_esm, condition, patched_rope(fair_esm, 1, change))


@pytest.mark.parametrize("site", STREAM_SITES)
def test_patched_residual_stream(model, fair_esm, site):
    layer, source = 1, Source(tuple(OTHER.tolist()))
    block = fair_esm.layers[layer]
    taken = run(model, OTHER, keep=Keep.of(site))[site, layer].transpose(0, 1)  # agreement of these: test_forward.py
    at = [4]
    changes = {
        "resid_pre": pre_hook(block, lambda x: set_rows(x, at, taken[at])),
        "attn_out": hook(block.self_attn, lambda out: (set_rows(out[0], at, taken[at]), out[1])),
        "mlp_out": hook(block.fc2, lambda out: set_rows(out, at, taken[at])),
        "resid_post": hook(block, lambda out: (set_rows(out[0], at, taken[at]), out[1])),
    }
    if site == "resid_mid":
        # resid_mid has no module of its own: with every later write at that place kept, patching it is patching what
        # the attention adds to resid_pre
        before = record(fair_esm, TOKENS, lambda m: m.layers[layer], pre=True)
        change = hook(block.self_attn, lambda out: (set_rows(out[0], at, taken[at] - before[at]), out[1]))
    else:
        change = changes[site]
    assert_agrees(model, fair_esm, (PatchActivation(site, layer, source, scope=(3,)),), change)


def test_patch_carries_one_mask_onto_another(model, fair_esm):
    internal = tokenize(SEQUENCE, masked=[10])
    z = record(fair_esm, TOKENS, lambda m: m.layers[2].self_attn.out_proj, pre=True)
    columns = head_slice(Head(2, 1))
    change = pre_hook(fair_esm.layers[2].self_attn.out_proj, lambda x: set_rows(x, [11], z[1, :, columns], columns))
    condition = (PatchActivation("z", 2, Source(tuple(TOKENS.tolist())), 1),)
    assert_agrees(model, fair_esm, condition, change, tokens=internal)


def test_patch_takes_from_an_edited_run(model, fair_esm):
    edited = Source(tuple(TOKENS.tolist()), (AblateMlp(0),))
    with hook(fair_esm.layers[0].fc2, torch.zeros_like):
        z = record(fair_esm, TOKENS, lambda m: m.layers[1].self_attn.out_proj, pre=True)
    change = pre_hook(fair_esm.layers[1].self_attn.out_proj, lambda x: z)
    assert_agrees(model, fair_esm, (PatchActivation("z", 1, edited, scope="all"),), change)


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


def test_fixed_token_dropout(model, fair_esm):
    scale = 0.7
    embedded = hook(fair_esm.embed_tokens, lambda x: x)
    own_scale = (1 - 0.12) / (1 - 1 / len(TOKENS))
    rescaled = pre_hook(fair_esm.layers[0], lambda x: x * scale / own_scale)
    assert_agrees(model, fair_esm, (FixTokenDropout(scale),), embedded, rescaled)


def test_many_interventions_at_once(model, fair_esm):
    condition = (AblateHead(Head(0, 1), "mask"), BlockAttention(Head(1, 0), "mask", "bos"), AblateMlp(2, "bos+mask"))

    def block(pattern):
        pattern[0, 1, 0] = 0
        return pattern

    assert_agrees(
        model,
        fair_esm,
        condition,
        pre_hook(fair_esm.layers[0].self_attn.out_proj, lambda z: set_rows(z, [1], 0.0, head_slice(Head(0, 1)))),
        patched_softmax(1, block),
        hook(fair_esm.layers[2].fc2, lambda out: set_rows(out, [0, 1], 0.0)),
    )


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


def test_a_model_without_token_dropout_has_no_scale_to_hold(model):
    with pytest.raises(InputError, match="without token dropout"):
        run(replace(model, token_dropout=False), TOKENS, ((FixTokenDropout(1.0),),))


def test_mask_scope_without_a_mask_is_refused(model):
    with pytest.raises(InputError, match="no residue is masked"):
        run(model, tokenize(SEQUENCE), ((AblateHead(Head(0, 0), "mask"),),))


def test_rotation_is_the_complex_one(fair_esm):
    x = torch.randn(1, 1, 20, D_HEAD, dtype=torch.float64)
    positions = torch.linspace(-30, 30, 20, dtype=torch.float64)
    inv_freq = fair_esm.layers[0].self_attn.rot_emb.inv_freq
    torch.testing.assert_close(rotate(x, positions, inv_freq), turn(x, positions, fair_esm), atol=1e-12, rtol=0)
