"""Head maps against fair-esm's contact head, precision against a few lines of its own, and random weights at chance."""

import numpy as np
import pytest
import torch

from core.alphabet import tokenize
from core.contacts import apc, contact_map, head_maps, heads_map, symmetrised
from core.errors import InputError
from core.interventions import AblateHead, BlockAttention, Head
from core.model import Model
from core.proteins.contact_scores import judge_pairs, pairs_in_range, precision_at, top_contacts
from core.run import stream
from tests.conftest import random_fair_esm

SEQUENCE = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSG"
TOKENS = tokenize(SEQUENCE, masked=[3])


def test_head_maps_are_the_input_of_fair_esms_contact_head(fair_esm, model):
    seen = []
    handle = fair_esm.contact_head.regression.register_forward_pre_hook(lambda _, args: seen.append(args[0][0]))
    fair_esm.predict_contacts(TOKENS[None])
    handle.remove()
    ours = torch.cat([maps for _, maps in head_maps(model, TOKENS)])
    torch.testing.assert_close(ours, seen[0].permute(2, 0, 1), atol=1e-10, rtol=0)


def test_contact_map_is_fair_esms(fair_esm, model):
    expected = fair_esm.predict_contacts(TOKENS[None])[0]
    np.testing.assert_allclose(contact_map(model, TOKENS), expected.numpy(), atol=1e-6)


def test_a_blocked_head_gives_a_flat_map_not_nan(model):
    blocked = heads_map(model, TOKENS, [Head(1, 2)], (BlockAttention(Head(1, 2), "all", "all"),))
    assert np.array_equal(blocked, np.zeros_like(blocked))
    assert np.isfinite(contact_map(model, TOKENS, (BlockAttention(Head(1, 2), "all", "all"),))).all()


def test_the_average_of_heads_reads_the_intervened_run(model):
    heads = [Head(0, 1), Head(2, 0), Head(2, 3)]
    maps = dict(head_maps(model, TOKENS))
    expected = torch.stack([maps[head.layer][head.index] for head in heads]).mean(0)
    np.testing.assert_allclose(heads_map(model, TOKENS, heads), expected.numpy(), atol=1e-6)
    edited = heads_map(model, TOKENS, heads, (AblateHead(Head(0, 0)),))
    assert np.abs(edited - expected.numpy()).max() > 1e-4
    with pytest.raises(InputError, match="at least one head"):
        heads_map(model, TOKENS, [])


def test_apc_removes_what_rows_and_columns_explain():
    separable = torch.outer(torch.tensor([1.0, 2, 3]), torch.tensor([3.0, 1, 2]))
    torch.testing.assert_close(apc(separable), torch.zeros(3, 3))
    assert torch.equal(apc(torch.zeros(2, 4, 4)), torch.zeros(2, 4, 4))


def precision_by_hand(predicted, contacts, known, low, high, per):
    """P@L/k in a loop over pairs."""
    length = len(predicted)
    pairs = [
        (-predicted[i, j], i, j)
        for i in range(length)
        for j in range(i + 1, length)
        if low <= j - i <= high and known[i, j]
    ]
    best = sorted(pairs)[: max(length // per, 1)]
    return sum(bool(contacts[i, j]) for _, i, j in best) / len(best)


@pytest.mark.parametrize("per", [1, 2, 5])
@pytest.mark.parametrize("seed", range(4))
def test_precision_agrees_with_a_loop_over_pairs(seed, per):
    generator = np.random.default_rng(seed)
    length = 60
    predicted = np.round(generator.random((length, length)), 1)  # rounded, so that there are many ties
    contacts = generator.random((length, length)) < 0.1
    resolved = generator.random(length) < 0.8
    known = np.outer(resolved, resolved)
    for separation, low, high in (("short", 6, 11), ("medium", 12, 23), ("long", 24, length)):
        found = precision_at(predicted, contacts, known, separation, per)
        assert found.precision == pytest.approx(precision_by_hand(predicted, contacts, known, low, high, per))
        pairs = pairs_in_range(length, separation) & known
        assert found.chance == pytest.approx(contacts[pairs].mean())


def test_precision_of_a_perfect_and_of_a_short_protein():
    contacts = np.zeros((40, 40), bool)
    contacts[2, 30] = contacts[5, 35] = True
    known = np.ones_like(contacts)
    assert precision_at(contacts.astype(float), contacts, known, "long", 20).precision == 1
    tiny = np.zeros((10, 10))
    assert np.isnan(precision_at(tiny, tiny > 0, tiny == 0, "long").precision)


def test_random_weights_sit_at_chance():
    model = Model.from_fair_esm(random_fair_esm(2, 4, 16, seed=5))
    generator = np.random.default_rng(0)
    found, chance = [], []
    for _ in range(30):
        sequence = "".join(generator.choice(list("ACDEFGHIKLMNPQRSTVWY"), 80))
        contacts = generator.random((80, 80)) < 0.1
        result = precision_at(contact_map(model, tokenize(sequence)), contacts, np.ones_like(contacts), "long", 2)
        found.append(result.precision)
        chance.append(result.chance)
    standard_error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found) - np.mean(chance)) < 4 * standard_error


def test_top_contacts_are_the_highest_far_enough_apart():
    predicted = np.zeros((20, 20))
    predicted[1, 9], predicted[0, 19], predicted[3, 5] = 0.5, 0.9, 1.0
    assert top_contacts(predicted, 2) == [(0, 19), (1, 9)]


def test_a_model_without_contact_head_says_so(fair_esm):
    state = {key: value for key, value in fair_esm.state_dict().items() if "contact_head" not in key}
    bare = Model.from_state_dict(state, Model.from_fair_esm(fair_esm).shape, name="bare")
    with pytest.raises(InputError, match="bare has no contact head"):
        contact_map(bare, TOKENS)


def test_predicted_pairs_are_judged_against_distances():
    distances = np.full((30, 30), 30.0)
    distances[2, 20], distances[5, 25], distances[9, 28] = 7.9, 11.0, np.nan
    pairs = [(2, 20), (4, 18), (5, 20), (5, 25), (9, 28), (0, 29)]
    assert judge_pairs(pairs, distances) == ["right", "near", "wrong", "near", "predicted", "wrong"]


def test_neighbours_along_the_chain_are_nothing_to_have_nearly_missed():
    distances = 6.0 * np.abs(np.subtract.outer(np.arange(30), np.arange(30)))
    distances[np.abs(np.subtract.outer(np.arange(30), np.arange(30))) < 4] = 5.0
    assert judge_pairs([(3, 9), (10, 17)], distances) == ["wrong", "wrong"]


def test_contacts_of_a_half_precision_model_are_added_up_in_single_precision(model):
    half = model.to(dtype=torch.bfloat16)
    patterns = [computed.pattern[0] for computed in stream(half, TOKENS)]
    expected = torch.cat([apc(symmetrised(pattern.double())) for pattern in patterns])
    found = torch.cat([maps for _, maps in head_maps(half, TOKENS)])
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), expected, atol=1e-6, rtol=0)
    logits = torch.einsum("h,hij->ij", half.contact_head.weight.double(), expected) + half.contact_head.bias.double()
    np.testing.assert_allclose(contact_map(half, TOKENS), logits.sigmoid(), atol=1e-5)
