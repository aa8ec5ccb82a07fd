import numpy as np
import pandas as pd
import pytest
import torch

from core.alphabet import AMINO_ACIDS, token_id, tokenize
from core.analyses import masked_marginals as module
from core.analyses.substitutions import Marginal, Substitutions, agreement, substitutions
from core.errors import Cancelled
from core.model import Model
from core.proteins.numbering import Numbering
from core.proteins.variants import parse_variant
from core.run import run
from tests.heard import Heard
from tests.lively import SEQUENCE

UP = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def log_ratio(model: Model, residue: int, letter: str, marginal: Marginal) -> float:
    """By probabilities over the whole vocabulary, a pass for itself."""
    tokens = tokenize(SEQUENCE, [residue] if marginal == "masked" else [])
    chances = run(model, tokens).logits[0, residue + 1].softmax(-1)
    return float((chances[token_id(letter)] / chances[token_id(SEQUENCE[residue])]).log())


@pytest.mark.parametrize("marginal", ["masked", "wild type"])
def test_ratios_are_those_of_probabilities(lively: Model, marginal: Marginal):
    found = substitutions(lively, SEQUENCE, marginal)
    assert found.marginal == marginal
    for residue in (0, 4, 15):
        by_hand = [log_ratio(lively, residue, letter, marginal) for letter in AMINO_ACIDS]
        assert found.ratios[residue] == pytest.approx(by_hand, abs=1e-9)
        assert found.ratios[residue, AMINO_ACIDS.index(SEQUENCE[residue])] == 0


def test_the_two_marginals_differ(lively: Model):
    masked, wild_type = (substitutions(lively, SEQUENCE, each).ratios for each in ("masked", "wild type"))
    assert np.abs(masked - wild_type).max() > 1


def test_batches_change_nothing_and_float32_agrees(lively: Model, monkeypatch: pytest.MonkeyPatch):
    whole = substitutions(lively, SEQUENCE).ratios
    monkeypatch.setattr(module, "rows_within", lambda *_: 3)
    assert np.abs(substitutions(lively, SEQUENCE).ratios - whole).max() < 1e-12
    single = substitutions(lively.to(dtype=torch.float32), SEQUENCE).ratios
    assert np.abs(single - whole).max() < 1e-3


def test_a_variant_of_several_is_the_sum_of_its_parts(lively: Model):
    found, numbering = substitutions(lively, SEQUENCE), Numbering(SEQUENCE)
    both, one, other = (found.of(parse_variant(text, numbering)) for text in ("K2R:Y5F", "K2R", "Y5F"))
    assert both == pytest.approx(one + other)
    assert one == pytest.approx(log_ratio(lively, 1, "R", "masked"), abs=1e-9)


def test_the_table_holds_every_substitution_and_means_are_over_the_nineteen(lively: Model):
    found = substitutions(lively, SEQUENCE)
    table = found.table
    assert len(table) == 19 * len(SEQUENCE)
    assert (table.own != table.letter).all()
    assert table.groupby("residue").ratio.mean().to_numpy() == pytest.approx(found.mean)


def test_a_letter_outside_the_twenty_has_no_ratios(lively: Model):
    found = substitutions(lively, "MKXAY")
    assert np.isnan(found.ratios[2]).all()
    assert np.isfinite(found.ratios[[0, 1, 3, 4]]).all()
    assert set(found.table.residue) == {0, 1, 3, 4}


def test_it_says_how_far_it_is_and_stops(lively: Model, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "rows_within", lambda *_: 5)
    heard = Heard()
    substitutions(lively, SEQUENCE, progress=heard)
    assert heard.events == [(5, 16), (10, 16), (15, 16), (16, 16)]
    with pytest.raises(Cancelled):
        substitutions(lively, SEQUENCE, progress=Heard(stop_at=2))


def test_the_correlation_is_spearmans_and_its_interval_covers(lively: Model):
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(300):
        x = rng.normal(size=40)
        y = x + rng.normal(size=40)
        found = agreement(x.tolist(), y.tolist())
        assert found
        assert found.correlation == pytest.approx(pd.Series(x).corr(pd.Series(y), method="spearman"))
        truth = 6 / np.pi * np.arcsin(np.sqrt(0.5) / 2)  # Spearman's of a bivariate normal with this correlation
        covered.append(found.low <= truth <= found.high)
    assert 0.92 <= np.mean(covered) <= 0.98
    assert str(agreement(UP, [0.0, 1.0, 2.0, 3.0, 5.0, 4.0])).startswith("0.94 [")
    assert str(agreement(UP, UP)) == "1.00 [1.00, 1.00], N = 6"


@pytest.mark.parametrize(("ratios", "scores"), [(UP[:5], UP[:5]), ([1.0] * 6, UP), (UP, [2.0] * 6), ([], [])])
def test_no_correlation_is_stated_of_too_few_or_of_constants(ratios, scores):
    assert agreement(ratios, scores) is None


def test_made_ratios_are_read_at_their_place():
    made = Substitutions("MK", "masked", np.arange(40.0).reshape(2, 20))
    assert made.of(parse_variant("K2" + AMINO_ACIDS[0], Numbering("MK"))) == 20
