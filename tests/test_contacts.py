"""Head maps against fair-esm's contact head, and random weights at chance."""

import numpy as np
import pytest
import torch

from core.alphabet import tokenize
from core.contacts import apc, contact_map, contact_weights, head_maps, heads_map, symmetrised
from core.errors import InputError
from core.interventions import AblateHead, BlockAttention, Head
from core.model import Model
from core.proteins.contact_scores import precision_at
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


def test_a_model_without_contact_head_says_so(fair_esm):
    state = {key: value for key, value in fair_esm.state_dict().items() if "contact_head" not in key}
    bare = Model.from_state_dict(state, Model.from_fair_esm(fair_esm).shape, name="bare")
    with pytest.raises(InputError, match="bare has no contact head"):
        contact_map(bare, TOKENS)
    with pytest.raises(InputError, match="bare has no contact head"):
        contact_weights(bare)


def test_the_contact_heads_weights_are_a_layer_to_a_row(fair_esm, model):
    weights = contact_weights(model)
    own = fair_esm.contact_head.regression.weight[0].detach().numpy()
    assert weights.shape == (model.shape.n_layers, model.shape.n_heads)
    np.testing.assert_array_equal(weights[1], own[model.shape.n_heads : 2 * model.shape.n_heads].astype(np.float32))


def test_contacts_of_a_half_precision_model_are_added_up_in_single_precision(model):
    half = model.to(dtype=torch.bfloat16)
    patterns = [computed.pattern[0] for computed in stream(half, TOKENS)]
    expected = torch.cat([apc(symmetrised(pattern.double())) for pattern in patterns])
    found = torch.cat([maps for _, maps in head_maps(half, TOKENS)])
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), expected, atol=1e-6, rtol=0)
    logits = torch.einsum("h,hij->ij", half.contact_head.weight.double(), expected) + half.contact_head.bias.double()
    np.testing.assert_allclose(contact_map(half, TOKENS), logits.sigmoid(), atol=1e-5)
