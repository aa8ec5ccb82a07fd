"""The Jacobian against a plain loop over single mutants through fair-esm, and its map against the formula in numpy."""

import copy
from contextlib import suppress

import esm
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.alphabet import AMINO_ACIDS, tokenize
from core.analyses import mutants
from core.analyses.categorical_jacobian import (
    categorical_jacobian,
    jacobian,
    representation_jacobian,
    stored_jacobian,
)
from core.errors import Cancelled, InputError
from core.interventions import AblateHead, Head
from core.model import ContactHead, Model
from core.run import Keep, run
from tests.heard import Heard

SEQUENCE = "MKXYWAC"
RESID_POST = Keep.of("resid_post")


@torch.no_grad()
def responses_one_by_one(read, sequence: str, letters: str = AMINO_ACIDS) -> np.ndarray:
    """(residue, substitution, position, ...): `read` of every single mutant minus `read` of the protein."""
    clean = read(tokenize(sequence))
    mutants = [
        [read(tokenize(sequence[:i] + letter + sequence[i + 1 :])) - clean for letter in letters]
        for i in range(len(sequence))
    ]
    return np.array([[mutant.numpy() for mutant in row] for row in mutants])


def logits_of(module):
    return lambda tokens: module(tokens[None])["logits"][0, 1:-1, 4:24]


@pytest.fixture(scope="module")
def expected(fair_esm) -> np.ndarray:
    return responses_one_by_one(logits_of(fair_esm), SEQUENCE)


def corrected(norms: np.ndarray) -> np.ndarray:
    np.fill_diagonal(norms, 0)
    norms = norms - norms.sum(0, keepdims=True) * norms.sum(1, keepdims=True) / norms.sum()
    np.fill_diagonal(norms, 0)
    return norms


def test_jacobian_is_a_loop_over_single_mutants(expected, model):
    found = jacobian(model, tokenize(SEQUENCE))
    np.testing.assert_allclose(found.numpy(), expected, atol=2e-6)


@pytest.mark.parametrize("memory_budget", [1, 200_000, 2**30])
def test_any_batch_size_gives_the_same_jacobian(expected, model, memory_budget, monkeypatch):
    monkeypatch.setattr(mutants, "IN_CACHE", memory_budget)
    found = jacobian(model.to(torch.float32), tokenize(SEQUENCE))
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), expected, atol=2e-4)


def test_the_map_is_the_papers_formula(expected, model):
    j = expected
    for axis in range(4):
        j = j - j.mean(axis, keepdims=True)
    j = (j + j.transpose(2, 3, 0, 1)) / 2
    norms = np.sqrt((j**2).sum((1, 3)))
    found = categorical_jacobian(model, tokenize(SEQUENCE))
    np.testing.assert_allclose(found, corrected(norms), atol=1e-5)
    assert np.array_equal(found, found.T)


def test_sharing_the_first_layer_loses_nothing_when_heads_are_certain(fair_esm):
    """Queries so large that heads put all their attention on one key."""
    module = copy.deepcopy(fair_esm)
    with torch.no_grad():
        for layer in module.layers:
            layer.self_attn.q_proj.weight *= 40
    found = jacobian(Model.from_fair_esm(module), tokenize(SEQUENCE))
    expected = responses_one_by_one(logits_of(module), SEQUENCE)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)


def test_jacobian_of_an_intervened_model(model):
    condition = (AblateHead(Head(0, 1)), AblateHead(Head(2, 3)))
    read = lambda tokens: run(model, tokens, (condition,)).logits[0, 1:-1, 4:24]  # noqa: E731
    found = jacobian(model, tokenize(SEQUENCE), condition=condition)
    np.testing.assert_allclose(found.numpy(), responses_one_by_one(read, SEQUENCE), atol=1e-9)


def test_masks_elsewhere_change_the_embeddings_of_all(model):
    tokens = tokenize(SEQUENCE, masked=[2, 3])
    found = jacobian(model, tokens)
    mutant = tokens.clone()
    mutant[1 + 4] = 4
    expected = run(model, mutant).logits - run(model, tokens).logits
    torch.testing.assert_close(found[4, 0], expected[0, 1:-1, 4:24], atol=1e-9, rtol=0)


def test_fewer_substitutions_are_a_part_of_the_whole(model):
    whole = jacobian(model, tokenize(SEQUENCE))
    part = jacobian(model, tokenize(SEQUENCE), substitutions="AWK")
    ids = [AMINO_ACIDS.index(letter) for letter in "AWK"]
    torch.testing.assert_close(part, whole[:, ids][..., ids], atol=1e-6, rtol=0)


@pytest.mark.parametrize("layer", [0, -1])
def test_representation_jacobian_is_the_formula_on_hidden_states(model, layer):
    read = lambda tokens: run(model, tokens, keep=RESID_POST)["resid_post", layer][0, 1:-1]  # noqa: E731
    r = responses_one_by_one(read, "MKWA")
    for axis in range(4):
        r = r - r.mean(axis, keepdims=True)
    norms = np.sqrt((r**2).sum((1, 3)))
    found = representation_jacobian(model, tokenize("MKWA"), layer=layer)
    np.testing.assert_allclose(found, corrected((norms + norms.T) / 2), atol=1e-4, rtol=1e-5)


def test_bfloat16_comes_close():
    torch.manual_seed(0)
    calm = Model.from_fair_esm(esm.ESM2(num_layers=3, embed_dim=32, attention_heads=4).eval())
    exact, rounded = (
        categorical_jacobian(calm.to(dtype), tokenize(SEQUENCE)) for dtype in (torch.float32, torch.bfloat16)
    )
    upper = np.triu_indices(len(SEQUENCE), 1)
    assert np.corrcoef(exact[upper], rounded[upper])[0, 1] > 0.98


def test_progress_counts_residues_and_cancel_stops(model, monkeypatch):
    monkeypatch.setattr(mutants, "IN_CACHE", 1)
    heard = Heard(stop_at=3)
    with pytest.raises(Cancelled, match="stopped after 3 of 7"):
        jacobian(model, tokenize(SEQUENCE), progress=heard)
    assert heard.events == [(1, 7), (2, 7), (3, 7)]


def test_representation_progress_covers_both_passes(model):
    heard = Heard()
    representation_jacobian(model, tokenize("MKTA"), progress=heard)
    assert heard.events[-1] == (8, 8)
    assert heard.events == sorted(heard.events)


@given(
    sequence=st.text(alphabet="ACDEFGHIKLMNPQRSTVWYXBZUO", max_size=4),
    letters=st.text(alphabet=AMINO_ACIDS + "X1", max_size=3),
    layer=st.integers(-4, 4),
    masked=st.lists(st.integers(-1, 5), max_size=2),
)
@settings(max_examples=60, deadline=None)
def test_whatever_is_asked_there_is_a_whole_map_or_one_clear_line(sequence, letters, layer, masked):
    torch.manual_seed(0)
    small = Model.from_fair_esm(esm.ESM2(num_layers=2, embed_dim=8, attention_heads=2).eval())
    for ask in (
        lambda tokens: categorical_jacobian(small, tokens, substitutions=letters),
        lambda tokens: representation_jacobian(small, tokens, layer=layer, substitutions=letters),
        lambda tokens: representation_jacobian(small, tokens),
    ):
        with suppress(InputError):
            found = ask(tokenize(sequence, masked))
            assert found.shape == (len(sequence),) * 2
            assert np.isfinite(found).all()
            assert not found.diagonal().any()


@pytest.mark.parametrize("tokens", [[], [0], [0, 2], [0, 5, 2]])
def test_fewer_than_two_residues_are_one_clear_line(model, tokens):
    for ask in (jacobian, representation_jacobian):
        with pytest.raises(InputError, match=f"it needs at least two, not {max(len(tokens) - 2, 0)}"):
            ask(model, torch.tensor(tokens, dtype=torch.long))


@pytest.mark.parametrize("letters", ["A", "AA", "AX", "A1"])
def test_substitutions_that_make_no_sense_are_one_clear_line(model, letters):
    with pytest.raises(InputError, match=f"each once, not '{letters}'"):
        jacobian(model, tokenize(SEQUENCE), substitutions=letters)
    with pytest.raises(InputError, match=f"each once, not '{letters}'"):
        representation_jacobian(model, tokenize(SEQUENCE), substitutions=letters)


def test_a_protein_too_long_to_hold_is_refused_before_anything_is_computed(model):
    with pytest.raises(InputError, match=r"the Jacobian of 2000 residues takes 11\.9 GiB: 4 GiB is the limit"):
        jacobian(model, tokenize("A" * 2000))


def test_a_layer_that_does_not_exist_is_one_clear_line(model):
    with pytest.raises(InputError, match="layer 4 does not exist: tiny has layers 1 to 3"):
        representation_jacobian(model, tokenize(SEQUENCE), layer=3)


def test_a_kept_map_belongs_to_its_model_protein_and_settings(model, tmp_path):
    tokens, heard = tokenize("MKWA"), Heard()
    kinds = [{}, {"layer": 1}, {"substitutions": "AWK"}, {"condition": (AblateHead(Head(0, 1)),)}]
    for computes in (True, False):
        for setting in kinds:
            found = stored_jacobian(model, tokens, **setting, folder=tmp_path, progress=heard)
            compute = representation_jacobian if "layer" in setting else categorical_jacobian
            np.testing.assert_array_equal(found, compute(model, tokens, **setting))
        assert bool(heard.events) is computes
        heard.events.clear()
    assert len(list(tmp_path.iterdir())) == len(kinds)
    stored_jacobian(model, tokenize("MKWC"), folder=tmp_path)
    stored_jacobian(model.to(torch.float32), tokens, folder=tmp_path)
    stored_jacobian(model, tokens, dtype=torch.bfloat16, folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == len(kinds) + 3
    n_heads = model.shape.n_layers * model.shape.n_heads
    refitted = model.with_contact_head(ContactHead(torch.zeros(n_heads), torch.ones(())))
    stored_jacobian(refitted, tokens, folder=tmp_path)  # the contact head has no part in it
    assert len(list(tmp_path.iterdir())) == len(kinds) + 3
