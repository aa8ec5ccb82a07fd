"""The shares add up, depend on nothing but their inputs, agree with fair-esm and hooks, and find what was planted."""

from collections.abc import Iterator
from contextlib import contextmanager

import esm
import numpy as np
import pytest
import torch

from core import run as engine
from core.alphabet import AMINO_ACIDS, MASK, tokenize
from core.analyses.evidence import (
    BACKGROUND,
    CONTEXTS,
    PARTS,
    Contrast,
    Estimate,
    contexts,
    in_random_order,
    measure_support,
    owen_values,
)
from core.analyses.masked_marginals import masked_marginals
from core.errors import Cancelled, InputError
from core.metrics import Target
from core.model import Model, load_model
from core.run import run
from tests.heard import Heard

SEGMENT = "MKTAYIAKQRQISFV"
REPEATED = SEGMENT + "GDGW" + SEGMENT
INSIDE = len(SEGMENT) + 4 + 7
"""A residue in the middle of the second copy."""
AT = (0, 9, INSIDE)
ORDERS = (0, 1, 2)
EVERY = [Contrast("M"), Contrast("K"), Contrast("V", "A")]


@pytest.fixture(scope="module")
def support(lively: Model):
    return measure_support(lively, REPEATED, AT, repeats=ORDERS)


@pytest.mark.parametrize("contrast", EVERY)
@pytest.mark.parametrize("residue", AT)
def test_the_parts_add_up_to_the_clean_log_odds(lively: Model, support, residue: int, contrast: Contrast):
    logits = run(lively, tokenize(REPEATED, [residue])).logits[0, residue + 1]
    if contrast.against:
        expected = Target(contrast.letter).logit(logits) - Target(contrast.against).logit(logits)
    else:
        log_p = logits[4:24].log_softmax(-1)
        background = np.log(BACKGROUND[contrast.letter] / sum(BACKGROUND.values()))
        expected = log_p[AMINO_ACIDS.index(contrast.letter)] - background
    shares = support.shares(residue, contrast)
    np.testing.assert_allclose(shares.by_repeat.sum(0), float(expected), atol=1e-5)
    assert sum(part.mean for part in shares.parts.values()) == pytest.approx(float(expected), abs=1e-5)
    assert shares.total == pytest.approx(float(expected), abs=1e-5)


def walked(values: np.ndarray) -> dict[str, float]:
    """The parts of one repeat by walking both orders step by step: values[context][ends]."""
    found = dict.fromkeys(PARTS, 0.0)
    steps = ["composition", "order", "copying"]
    for order in (["position", *steps], [*steps, "position"]):
        context = ends = 0
        found["prior"] += values[0][0] / 2
        for step in order:
            before = values[context][ends]
            context, ends = (context, 1) if step == "position" else (context + 1, ends)
            found[step] += (values[context][ends] - before) / 2
    return found


def test_the_shares_are_increments_averaged_over_both_orders():
    values = np.random.default_rng(0).normal(size=(4, 2, 5))
    for repeat, parts in enumerate(owen_values(values).T):
        assert dict(zip(PARTS, parts, strict=True)) == pytest.approx(walked(values[:, :, repeat]))


@contextmanager
def hooks(module: esm.ESM2, tokens: torch.Tensor, unread: bool) -> Iterator[None]:
    """fair-esm with token dropout's scale as one mask gives it, and BOS's and EOS's values zero where unread."""
    n_pos, masks = len(tokens), int((tokens == MASK).sum())
    held = (1 - 1 * masks / n_pos) / (1 - 1 / n_pos)
    handles = [module.embed_tokens.register_forward_hook(lambda _, __, out: out * held)]

    def zeroed(_, __, values: torch.Tensor) -> torch.Tensor:
        values = values.clone()
        values[[0, -1]] = 0.0  # pos x 1 x d_model
        return values

    if unread:
        handles += [layer.self_attn.v_proj.register_forward_hook(zeroed) for layer in module.layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def test_fair_esm_and_hooks_give_the_same_shares(model: Model, fair_esm: esm.ESM2):
    """Everything again, slowly: one forward a condition, shuffled by hand."""
    letters, residue = list(REPEATED), INSIDE
    copied = list(range(len(SEGMENT)))

    def shuffled(places: list[int], repeat: int) -> str:
        order = np.random.default_rng((7, repeat)).permutation(len(places))
        new = letters.copy()
        for place, source in zip(places, order, strict=True):
            new[place] = letters[places[source]]
        return "".join(new)

    def log_odds(sequence: str, masked: list[int], unread: bool) -> float:
        tokens = tokenize(sequence, masked)
        with hooks(fair_esm, tokens, unread), torch.no_grad():
            logits = fair_esm(tokens[None])["logits"][0, residue + 1, 4:24]
        return float(logits.log_softmax(-1)[AMINO_ACIDS.index("Q")]) - np.log(BACKGROUND["Q"] / 99.9)

    others = [place for place in range(len(letters)) if place != residue]
    for repeat in ORDERS:
        values = [
            [log_odds(REPEATED, list(range(len(letters))), unread) for unread in (True, False)],
            [log_odds(shuffled(others, repeat), [residue], unread) for unread in (True, False)],
            [log_odds(shuffled(copied, repeat), [residue], unread) for unread in (True, False)],
            [log_odds(REPEATED, [residue], unread) for unread in (True, False)],
        ]
        found = measure_support(model, REPEATED, [residue], repeats=[repeat], seed=7)
        assert found.copied == (tuple(copied),)
        parts = found.shares(residue, Contrast("Q")).parts
        assert {name: part.mean for name, part in parts.items()} == pytest.approx(walked(np.array(values)), abs=1e-6)
        assert abs(parts["copying"].mean) > 1e-3  # so that the test can tell


def test_nothing_but_sequence_residue_and_seed_matters(lively: Model, support, monkeypatch: pytest.MonkeyPatch):
    again = measure_support(lively, REPEATED, AT, repeats=ORDERS)
    np.testing.assert_array_equal(again.log_p, support.log_p)
    other = measure_support(lively, REPEATED, AT, repeats=ORDERS, seed=1)
    assert np.abs(other.log_p[:, CONTEXTS.index("order gone")] - support.log_p[:, 1]).max() > 1e-3
    backwards = measure_support(lively, REPEATED, AT[::-1], repeats=ORDERS[::-1])
    monkeypatch.setattr(engine, "MEMORY_BUDGET", 1)
    one_by_one = measure_support(lively, REPEATED, AT, repeats=ORDERS)
    np.testing.assert_allclose(one_by_one.log_p, support.log_p, atol=1e-10)
    for contrast in EVERY:
        for residue in AT:
            theirs, ours = (each.shares(residue, contrast).parts for each in (backwards, support))
            for part in PARTS:
                assert vars_of(theirs[part]) == pytest.approx(vars_of(ours[part]), abs=1e-9)


def vars_of(estimate: Estimate) -> tuple[float, float, float]:
    return estimate.mean, estimate.low, estimate.high


def test_float32_agrees_with_float64(lively: Model, support):
    single = measure_support(lively.to(torch.float32), REPEATED, AT, repeats=ORDERS)
    np.testing.assert_allclose(single.log_p, support.log_p, atol=1e-3)


def test_contexts_take_away_what_they_say():
    rows = contexts(REPEATED, INSIDE, tuple(range(15)), ORDERS, 0)
    clean = tokenize(REPEATED, [INSIDE])
    assert (rows["content gone"][0][1:-1] == MASK).all()
    assert rows["content gone"][0][[0, -1]].tolist() == clean[[0, -1]].tolist()
    torch.testing.assert_close(rows["real"][0], clean)
    for context in ("order gone", "copies gone"):
        assert len(rows[context]) == len(ORDERS)
        for row in rows[context]:
            assert sorted(row.tolist()) == sorted(clean.tolist())  # the composition stays, the letter stays out
            assert row[INSIDE + 1] == MASK
    assert (rows["copies gone"][:, 16:] == clean[16:]).all()
    assert any((row[1:16] != clean[1:16]).any() for row in rows["copies gone"])


def test_an_order_depends_on_its_number_and_the_seed_alone():
    tokens = tokenize(REPEATED)
    first = in_random_order(tokens, range(20), 1, 0)
    torch.testing.assert_close(first, in_random_order(tokens, range(20), 1, 0))
    assert (first != in_random_order(tokens, range(20), 2, 0)).any()
    assert (first[21:] == tokens[21:]).all()


def test_an_interval_covers_as_many_further_orders_as_it_says():
    rng = np.random.default_rng(0)
    drawn = rng.normal(size=(4000, 9))
    inside = [estimate.low <= row[8] <= estimate.high for row in drawn if (estimate := Estimate.of(row[:8]))]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.015)


def test_without_repeats_no_order_no_copies(lively: Model):
    """Poly-X has no order to take away, and is not called copied: its copies read alike in any order."""
    parts = measure_support(lively, "A" * 40, [20], repeats=ORDERS).shares(20, Contrast("A")).parts
    for part in ("order", "copying"):
        assert vars_of(parts[part]) == pytest.approx((0, 0, 0), abs=1e-9)
    assert abs(parts["composition"].mean) > 1e-3


def test_the_embedded_model_starts_by_position_and_repeats_by_composition():
    model = load_model("embedded")
    start = measure_support(model, REPEATED[1:], [0], repeats=ORDERS).shares(0, Contrast("M"))
    assert start.part("position").mean > 0.8 * start.total
    middle = measure_support(model, "A" * 40, [20], repeats=ORDERS).shares(20, Contrast("A"))
    assert middle.part("composition").mean > 0.8 * middle.total


def test_masked_marginals_mask_one_residue_at_a_time(lively: Model, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(engine, "MEMORY_BUDGET", 400_000)
    found, heard = masked_marginals(lively, SEGMENT, progress=(progress := Heard())), progress
    for residue in range(len(SEGMENT)):
        logits = run(lively, tokenize(SEGMENT, [residue])).logits[0, residue + 1, 4:24]
        np.testing.assert_allclose(found[residue], logits.log_softmax(-1).numpy(), atol=1e-9)
    np.testing.assert_allclose(masked_marginals(lively, SEGMENT, [3, 11]), found[[3, 11]], atol=1e-9)
    assert heard.events[-1] == (15, 15)


def test_bad_input_and_cancelling(lively: Model):
    with pytest.raises(InputError, match="'B' is not one of the amino acids"):
        Contrast("B")
    with pytest.raises(InputError, match="cannot mask residue 40: the sequence has residues 1 to 15"):
        measure_support(lively, SEGMENT, [39])
    with pytest.raises(InputError, match="at least one random order is needed"):
        measure_support(lively, SEGMENT, [0], repeats=())
    with pytest.raises(InputError, match="residue 2 was not measured"):
        measure_support(lively, SEGMENT, [0], repeats=[0]).shares(1, Contrast("M"))
    with pytest.raises(Cancelled, match="stopped after 1 of 3"):
        measure_support(lively, SEGMENT, [0, 1, 2], repeats=[0], progress=Heard(stop_at=1))
