"""Masks: their shares, what is asked of whom, and nothing but the plan decides."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from core.alphabet import AMINO_ACID_IDS, BOS, EOS, MASK
from core.training.batches import KINDS, Mix
from core.training.families import Collection
from core.training.masking import MASKED, MASKED_IN_FAMILIES, NOT_ASKED, cross_entropy, draw, mask

FIRST, LAST = AMINO_ACID_IDS[0], AMINO_ACID_IDS[-1]


@pytest.fixture(scope="module")
def mix(collection: Collection) -> Mix:
    return Mix(collection, seed=0, tokens_per_micro_batch=512)


def test_a_batch_is_a_function_of_its_plan(mix: Mix) -> None:
    tokens = torch.from_numpy(mix.tokens)
    one, other = draw(tokens, mix[1]), draw(tokens, mix[2])
    torch.rand(7)  # whatever was drawn in between
    again = draw(tokens, mix[1])
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(one, again, strict=True))
    assert one.tokens.shape != other.tokens.shape or not torch.equal(one.tokens, other.tokens)


def test_what_isnt_masked_is_the_plans_crops(mix: Mix) -> None:
    tokens = torch.from_numpy(mix.tokens)
    for number in range(20):
        plan = mix[number]
        rows = mix.tokens[plan.start[:, None] + np.arange(plan.length)].astype(np.int64)
        rows[plan.begins, 0] = BOS
        batch = draw(tokens, plan)
        untouched = (batch.targets == NOT_ASKED).numpy()
        assert (batch.tokens.numpy()[untouched] == rows[untouched]).all()
        assert (batch.targets.numpy()[~untouched] == rows[~untouched]).all()


def test_masked_shares() -> None:
    torch.manual_seed(0)
    rows = torch.randint(FIRST, LAST + 1, (200, 500))
    rows[:, 0], rows[:, -1] = BOS, EOS
    shown, targets = mask(rows, torch.full((200, 1), 0.15))
    asked = targets != NOT_ASKED
    assert not asked[:, [0, -1]].any()
    assert asked.float().mean().item() == pytest.approx(0.15 * 498 / 500, abs=0.003)
    assert (shown[asked] == MASK).float().mean().item() == pytest.approx(0.8, abs=0.01)
    # A random amino acid is the one that stood there once in twenty.
    assert (shown[asked] == rows[asked]).float().mean().item() == pytest.approx(0.1 + 0.1 / 20, abs=0.01)
    assert torch.equal(shown[~asked], rows[~asked])


def test_rows_are_masked_at_their_own_rates() -> None:
    torch.manual_seed(0)
    targets = mask(torch.randint(FIRST, LAST + 1, (2, 20_000)), torch.tensor([[0.1], [0.35]])).targets
    assert (targets != NOT_ASKED).float().mean(dim=1).tolist() == pytest.approx([0.1, 0.35], abs=0.01)


def test_families_are_masked_more_than_proteins_at_large(mix: Mix) -> None:
    tokens = torch.from_numpy(mix.tokens)
    shares: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for number in range(300):
        batch = draw(tokens, mix[number])
        shares[mix[number].kind].append((batch.targets != NOT_ASKED).float().mean().item())
    assert np.mean(shares["families"]) == pytest.approx(sum(MASKED_IN_FAMILIES) / 2, abs=0.02)
    assert np.mean(shares["at large"]) == pytest.approx(MASKED, abs=0.02)


def test_the_loss_is_the_mean_over_what_is_asked(mix: Mix) -> None:
    batch = draw(torch.from_numpy(mix.tokens), mix[0])
    logits = torch.randn(*batch.tokens.shape, 33)
    asked = batch.targets != NOT_ASKED
    torch.testing.assert_close(cross_entropy(logits, batch), F.cross_entropy(logits[asked], batch.targets[asked]))


def test_a_batch_that_asks_nothing_costs_nothing() -> None:
    nothing = mask(torch.full((2, 3), BOS), torch.ones(2, 1))
    assert cross_entropy(torch.randn(2, 3, 33), nothing).item() == 0
