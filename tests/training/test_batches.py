"""Batches: one length each, the mask's shares, what carries BOS and EOS, and nothing but the seed decides."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from jaxtyping import Int
from torch import Tensor

from core.alphabet import AMINO_ACID_IDS, BOS, EOS, MASK, TOKENS, tokenize
from core.training.batches import FRAGMENTS, LONGEST, MASKED, MASKED_IN_FAMILIES, Mix, make_pool, mask
from core.training.families import Collection


@pytest.fixture(scope="module")
def mix(collection: Collection) -> Mix:
    return Mix(collection, seed=0, tokens_per_batch=512)


def test_a_batch_is_a_function_of_seed_and_number(mix: Mix, collection: Collection) -> None:
    again, other = Mix(collection, seed=0, tokens_per_batch=512), Mix(collection, seed=1, tokens_per_batch=512)
    for number in range(5):
        batch = mix.batch(number)
        assert torch.equal(batch.tokens, again.batch(number).tokens)
        assert torch.equal(batch.asked, again.batch(number).asked)
    assert any(mix.batch(n).tokens.shape != other.batch(n).tokens.shape for n in range(5))


def test_batches_fill_their_tokens_and_count_them(mix: Mix) -> None:
    for number in range(50):
        batch = mix.batch(number)
        length = batch.tokens.shape[1]
        assert length <= LONGEST
        assert batch.tokens.numel() == max(1, 512 // length) * length == sum(batch.n_tokens.values())


def test_masked_shares() -> None:
    rng = np.random.default_rng(0)
    rows = rng.integers(AMINO_ACID_IDS[0], AMINO_ACID_IDS[-1] + 1, size=(200, 500)).astype(np.uint8)
    rows[:, 0], rows[:, -1] = BOS, EOS
    batch = mask(rows, rng, {})
    original = torch.from_numpy(rows.astype(np.int64))
    asked, shown = batch.asked, batch.tokens
    assert not asked[:, [0, -1]].any()
    assert asked.float().mean().item() == pytest.approx(0.15 * 498 / 500, abs=0.003)
    assert (shown[asked] == MASK).float().mean().item() == pytest.approx(0.8, abs=0.01)
    # A random amino acid is the one that stood there once in twenty.
    assert (shown[asked] == original[asked]).float().mean().item() == pytest.approx(0.1 + 0.1 / 20, abs=0.01)
    assert torch.equal(shown[~asked], original[~asked])
    assert torch.equal(batch.targets, original[asked])


def test_rows_are_masked_at_their_own_rates() -> None:
    rng = np.random.default_rng(0)
    rows = rng.integers(AMINO_ACID_IDS[0], AMINO_ACID_IDS[-1] + 1, size=(2, 20_000)).astype(np.uint8)
    asked = mask(rows, rng, {}, np.array([0.1, 0.35])).asked.float().mean(dim=1)
    assert asked.tolist() == pytest.approx([0.1, 0.35], abs=0.01)


def test_families_are_masked_more_than_proteins_at_large(mix: Mix) -> None:
    shares: dict[bool, list[float]] = {True: [], False: []}
    for number in range(200):
        batch = mix.batch(number)
        n_rows, n_at_large = len(batch.tokens), batch.n_tokens["at large"] // batch.tokens.shape[1]
        if n_at_large in (0, n_rows):
            shares[n_at_large == 0].append(batch.asked.float().mean().item())
    assert np.mean(shares[True]) == pytest.approx(sum(MASKED_IN_FAMILIES) / 2, abs=0.02)
    assert np.mean(shares[False]) == pytest.approx(MASKED, abs=0.01)


def test_at_least_one_residue_is_asked_about() -> None:
    for seed in range(20):
        batch = mask(np.array([[BOS, 5, 6]], dtype=np.uint8), np.random.default_rng(seed), {})
        assert batch.asked.any()


def test_whole_proteins_carry_both_ends_and_domains_neither() -> None:
    whole = make_pool("proteins", 1.0, ["MKV", "MA"], whole_proteins=True)
    assert whole.tokens.tolist() == [*tokenize("MA").tolist(), *tokenize("MKV").tolist()]
    domain = make_pool("domains", 1.0, ["MKV"], whole_proteins=False)
    assert domain.tokens.tolist() == tokenize("MKV")[1:-1].tolist()


def test_letters_outside_the_alphabet_are_unknown() -> None:
    assert make_pool("odd", 1.0, ["A*J"], whole_proteins=False).tokens.tolist() == [5, 3, 3]


def crops_at_large(collection: Collection) -> Iterator[Int[Tensor, "rows pos"]]:
    """Batches of nothing but short crops of proteins at large."""
    mix = Mix(collection, seed=0, tokens_per_batch=2048)
    for batch in map(mix.batch, range(300)):
        if batch.n_tokens["at large"] == batch.tokens.numel() and batch.tokens.shape[1] < 30:
            yield batch.tokens


def test_crops_of_proteins_begin_and_end_as_often_as_they_should(collection: Collection) -> None:
    begins = Counter[str]()
    for tokens in crops_at_large(collection):
        begins["rows"] += len(tokens)
        begins["BOS"] += int((tokens[:, 0] == BOS).sum())
        begins["EOS"] += int((tokens[:, -1] == EOS).sum())
    assert begins["rows"] > 1000
    assert begins["BOS"] / begins["rows"] == pytest.approx(0.4 + FRAGMENTS, abs=0.04)
    assert begins["EOS"] / begins["rows"] == pytest.approx(0.1, abs=0.03)


def test_fragments_begin_with_bos_before_the_inside_of_a_protein(collection: Collection) -> None:
    second = Counter[str]()
    for tokens in crops_at_large(collection):
        after = tokens[tokens[:, 0] == BOS, 1]
        second.update(TOKENS[token] for token in after.tolist() if token != MASK)
    fragments = 1 - second["M"] / second.total()
    assert fragments == pytest.approx(FRAGMENTS / (0.4 + FRAGMENTS), abs=0.05)


def test_a_domain_is_not_cropped_to_less_than_its_share() -> None:
    pool = make_pool("domains", 1.0, ["A" * 50, "A" * 80, "A" * 100], whole_proteins=False, least=0.6)
    assert list(pool.eligible(50)) == [0, 1]
    assert list(pool.eligible(60)) == [1, 2]
    assert list(pool.eligible(101)) == []
