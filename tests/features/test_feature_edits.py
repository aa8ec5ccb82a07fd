"""Features scaled, clamped and ablated, against a hook on fair-esm written here; identities; refusals."""

from collections.abc import Callable
from dataclasses import replace

import esm
import pytest
import torch

from core.alphabet import tokenize
from core.errors import InputError
from core.features.dictionary import Dictionary
from core.interventions import (
    AblateHead,
    AblateMlp,
    ClampFeature,
    Condition,
    Head,
    Intervention,
    ScaleFeature,
    ShiftRope,
    describe,
    parse_feature,
)
from core.model import Model
from core.run import RESUMABLE, Keep, run, sweep

TOKENS = tokenize("MKTAYIAKQRQISFVKSH", masked=[0])
K = 6


def random_dictionary(layer: int, d_model: int, n_features: int = 40, seed: int = 0) -> Dictionary:
    random = torch.Generator().manual_seed(seed)

    def draw(*size: int) -> torch.Tensor:
        return torch.randn(*size, generator=random, dtype=torch.float64) / d_model**0.5

    bias = torch.zeros(n_features, dtype=torch.float64)
    return Dictionary(layer, draw(d_model, n_features), bias, draw(n_features, d_model), draw(d_model), K, True)


@pytest.fixture(scope="module")
def featured(model: Model) -> Model:
    return model.with_dictionary(random_dictionary(1, 32)).with_dictionary(random_dictionary(2, 32, seed=1))


def with_hook(module: esm.ESM2, layer: int, change: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """fair-esm's logits with the stream after a layer (pos x d_model) changed on its way."""

    def hook(_: object, __: object, output: tuple[torch.Tensor, object]) -> tuple[torch.Tensor, object]:
        return change(output[0][:, 0].clone())[:, None], output[1]

    handle = module.layers[layer].register_forward_hook(hook)
    try:
        return module(TOKENS[None])["logits"][0]
    finally:
        handle.remove()


def active_at(model: Model, layer: int, position: int) -> list[int]:
    resid = run(model, TOKENS, keep=Keep.of("resid_post", layers=[layer]))["resid_post", layer][0, position]
    return model.dictionary(layer).encode(resid).features.nonzero()[:, 0].tolist()


def changed_by_hand(dictionary: Dictionary, stream: torch.Tensor, position: int, feature: int, to: Callable) -> None:
    """`stream` with one feature at one position changed, written out for a single vector."""
    vector = stream[position]
    std = vector.std() + 1e-5
    activations = torch.relu(((vector - vector.mean()) / std - dictionary.bias) @ dictionary.encoder)
    if activations[feature] < activations.sort().values[-K]:
        activations[feature] = 0
    activation = activations[feature]
    stream[position] = vector + (to(activation) - activation) * std * dictionary.decoder[feature]


@pytest.mark.parametrize("layer", [1, 2])
@pytest.mark.parametrize(
    ("intervention", "to"),
    [
        (ScaleFeature, lambda activation: 0 * activation),
        (lambda *at: ScaleFeature(*at, factor=2.5), lambda activation: 2.5 * activation),
        (lambda *at: ClampFeature(*at, value=3.0), lambda activation: 3.0),
    ],
    ids=["off", "scaled", "clamped"],
)
def test_a_changed_feature_is_the_hooks(
    featured: Model, fair_esm: esm.ESM2, layer: int, intervention: Callable[..., Intervention], to: Callable
) -> None:
    feature, dictionary = active_at(featured, layer, 1)[0], featured.dictionary(layer)

    def everywhere(stream: torch.Tensor) -> torch.Tensor:
        for position in range(len(stream)):
            changed_by_hand(dictionary, stream, position, feature, to)
        return stream

    def at_the_mask(stream: torch.Tensor) -> torch.Tensor:
        changed_by_hand(dictionary, stream, 1, feature, to)
        return stream

    edit = intervention(layer, feature)
    conditions: list[Condition] = [(), (edit,), (replace_scope(edit, "mask"),), (AblateMlp(0),)]
    found = run(featured, TOKENS, conditions).logits
    clean = fair_esm(TOKENS[None])["logits"][0]
    for row, change in ((1, everywhere), (2, at_the_mask)):
        expected = with_hook(fair_esm, layer, change)
        assert (expected - clean).abs().max() > 1e-6
        torch.testing.assert_close(found[row], expected, atol=1e-10, rtol=0)
    torch.testing.assert_close(found[0], clean, atol=1e-10, rtol=0)
    at_one = run(featured, TOKENS, conditions, positions=[1]).logits[:, 0]
    torch.testing.assert_close(at_one, found[:, 1], atol=1e-10, rtol=0)


def replace_scope(edit: Intervention, scope: str) -> Intervention:
    return type(edit)(**{name: getattr(edit, name) for name in edit.__struct_fields__} | {"scope": scope})


def test_several_at_once_among_heads_and_rope_and_from_a_baseline(featured: Model, fair_esm: esm.ESM2) -> None:
    """Two features and a head at once; and a sweep, which resumes after the layer's attention, says the same."""
    one, two = active_at(featured, 2, 1)[:2]
    dictionary = featured.dictionary(2)

    def both_off(stream: torch.Tensor) -> torch.Tensor:
        before = stream.clone()
        for feature in (one, two):
            alone = before.clone()
            changed_by_hand(dictionary, alone, 1, feature, lambda activation: 0 * activation)
            stream[1] += alone[1] - before[1]
        return stream

    off: Condition = (ScaleFeature(2, one, 0, "mask"), ScaleFeature(2, two, 0, "mask"))
    torch.testing.assert_close(
        run(featured, TOKENS, (off,)).logits[0], with_hook(fair_esm, 2, both_off), atol=1e-10, rtol=0
    )
    mixed = [
        off,
        (*off, AblateHead(Head(2, 1), "mask"), ShiftRope(Head(1, 0), 3)),
        (ClampFeature(1, 5, 2.0, "bos"), ScaleFeature(2, one), AblateMlp(2, "bos")),
        (ScaleFeature(1, 3, 2, (4, 5)), ClampFeature(1, 3, 1.5, (5,))),
    ]
    whole = run(featured, TOKENS, mixed).logits[:, 1].numpy()
    baseline = run(featured, TOKENS, keep=RESUMABLE)
    resumed = sweep(featured, baseline, mixed, lambda trace: trace.logits[:, 0], positions=[1])
    torch.testing.assert_close(resumed, whole, atol=1e-10, rtol=0)


def test_neutral_changes_are_exact_zeros(featured: Model) -> None:
    feature = active_at(featured, 1, 3)[0]
    off = next(each for each in range(40) if each not in active_at(featured, 1, 3))
    neutral = [(), (ScaleFeature(1, feature, 1.0),), (ScaleFeature(1, off, 9.0, (2,)),)]
    clean, *same = run(featured, TOKENS, neutral).logits
    assert all(torch.equal(clean, each) for each in same)


def test_all_features_and_the_error_off_leave_the_mean(featured: Model) -> None:
    """Every active feature off leaves the dictionary's bias and mean, and its error, which is kept."""
    resid = run(featured, TOKENS, keep=Keep.of("resid_post", layers=[1]))["resid_post", 1][0, 1]
    parts = featured.dictionary(1).parts(resid)
    everything = tuple(ScaleFeature(1, feature, 0.0, "mask") for feature in parts.features.tolist())
    left = run(featured, TOKENS, (everything,), keep=Keep.of("resid_post", layers=[1]))["resid_post", 1][0, 1]
    torch.testing.assert_close(left, parts.without + parts.error, atol=1e-10, rtol=0)
    torch.testing.assert_close(left - parts.error, parts.without, atol=1e-10, rtol=0)
    torch.testing.assert_close(parts.contributions.sum(0) + parts.without + parts.error, resid, atol=1e-10, rtol=0)
    assert len(parts.features) == K


def test_a_models_dictionaries_follow_it(model: Model, featured: Model) -> None:
    assert model.fingerprint == featured.fingerprint
    assert model.features_fingerprint == "" != featured.features_fingerprint
    assert featured.to(torch.float32).dictionary(1).decoder.dtype == torch.float32
    other = featured.with_dictionary(random_dictionary(1, 32, seed=9))
    assert [held.layer for held in other.dictionaries] == [1, 2]
    assert other.features_fingerprint != featured.features_fingerprint


def test_what_does_not_fit_is_refused_by_name(model: Model, featured: Model) -> None:
    with pytest.raises(InputError, match="tiny has no dictionary of features at L2: it has them at no layer"):
        run(model, TOKENS, ((ScaleFeature(1, 0),),))
    with pytest.raises(InputError, match="no dictionary of features at L1: it has them at L2, L3"):
        run(featured, TOKENS, ((ClampFeature(0, 0, 1.0),),))
    with pytest.raises(InputError, match="L2F40 does not exist: its dictionary has features 0 to 39"):
        run(featured, TOKENS, ((ScaleFeature(1, 40),),))
    with pytest.raises(InputError, match="value must be a finite number"):
        run(featured, TOKENS, ((ClampFeature(1, 0, float("nan")),),))
    with pytest.raises(InputError, match="the dictionary is 16 wide, tiny is 32"):
        model.with_dictionary(random_dictionary(1, 16))
    with pytest.raises(InputError, match="of layer 4: tiny has layers 1 to 3"):
        model.with_dictionary(random_dictionary(3, 32))
    with pytest.raises(InputError, match="trained on weights abc, those of tiny are"):
        model.with_dictionary(replace(random_dictionary(1, 32), parent="abc"))
    model.with_dictionary(replace(random_dictionary(1, 32), parent=model.trunk_fingerprint))


def test_the_sentence_a_person_reads() -> None:
    said = describe((ScaleFeature(2, 7), ScaleFeature(2, 9), ScaleFeature(0, 1, 2.5, "mask"), ClampFeature(0, 1, 4)))
    assert said == "L3F7, L3F9 off at every position · L1F1 times 2.5 at the mask · L1F1 held at 4 at every position"
    assert parse_feature(" l3f120 ") == (2, 120)
    with pytest.raises(InputError, match="'L3H1' is not a feature"):
        parse_feature("L3H1")
