import numpy as np
import pytest
import torch

from core.alphabet import AMINO_ACIDS, tokenize
from core.analyses.prediction import masked_residue, prediction
from core.errors import InputError
from core.metrics import Target
from core.run import run

SEQUENCE = "MKTAYIAKQRQISFVKSHFSRQ"
W = 22
"""W's token id."""


@pytest.fixture(scope="module")
def logits(model) -> np.ndarray:
    """Of the masked third residue."""
    return run(model, tokenize(SEQUENCE, [2])).logits[0, 3].numpy()


def test_prediction_of_one_residue(logits):
    shares = np.exp(logits) / np.exp(logits).sum()
    found = prediction(logits, Target("W"))
    assert found.target_probability == pytest.approx(float(shares[W]))
    assert found.target_logit == logits[W]
    others = np.delete(logits[4:24], AMINO_ACIDS.index("W"))
    assert found.target_gap == pytest.approx(float(logits[W] - others.max()), abs=1e-5)
    assert found.target_rank == 1 + int((others > logits[W]).sum())
    assert prediction(logits, Target(found.first)).target_rank == 1
    assert prediction(logits, Target(found.first)).target_gap > 0
    everything = prediction(logits, Target("W", among="vocabulary"))
    assert everything.target_gap == pytest.approx(float(logits[W] - np.delete(logits, W).max()), abs=1e-5)


def test_the_masked_residue_of_a_protein_is_one_row(model, logits):
    table = masked_residue(model, tokenize(SEQUENCE, [2]), Target("W"))
    row = table.iloc[0]
    assert len(table) == 1
    assert row.length == len(SEQUENCE)
    assert row.logit == pytest.approx(logits[W], abs=1e-5)
    assert row.gap == pytest.approx(logits[W] - np.delete(logits[4:24], AMINO_ACIDS.index("W")).max(), abs=1e-5)
    assert row.probability == pytest.approx(float(torch.tensor(logits).softmax(-1)[W]), abs=1e-6)
    assert row["rank"] == 1 + int((logits[4:24] > logits[W]).sum())
    assert row["first"] == AMINO_ACIDS[int(logits[4:24].argmax())]


def test_nothing_masked_is_refused(model):
    with pytest.raises(InputError, match="no residue is masked"):
        masked_residue(model, tokenize(SEQUENCE))
