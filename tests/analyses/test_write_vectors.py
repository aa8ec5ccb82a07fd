import numpy as np
import pytest
import torch
from torch import Tensor

from core.alphabet import AMINO_ACID_IDS
from core.analyses.write_vectors import logit_gradients, write_vectors
from core.forward import unembed
from core.model import Model
from core.run import Keep, run


def test_gradients_equal_finite_differences(lively: Model, clean: Tensor):
    resid = run(lively, clean, keep=Keep.of("resid_post"))["resid_post", -1][0, 1].clone()
    gradients = logit_gradients(lively, resid)
    step = 1e-6
    for dimension in (0, 7, 31):
        nudge = torch.zeros_like(resid)
        nudge[dimension] = step
        slope = (unembed(lively, resid + nudge) - unembed(lively, resid - nudge)) / (2 * step)
        torch.testing.assert_close(gradients[:, dimension], slope[list(AMINO_ACID_IDS)], atol=1e-6, rtol=1e-5)


def test_cosines_are_those_of_the_heads_writes(lively: Model, clean: Tensor):
    found = write_vectors(lively, clean)
    trace = run(lively, clean, keep=Keep.of("z", "resid_post"))
    gradients = logit_gradients(lively, trace["resid_post", -1][0, 1].clone())
    for head in range(4):
        columns = slice(8 * head, 8 * head + 8)
        write = lively.layers[2].output.weight[:, columns] @ trace["z", 2][0, head, 1]
        for amino_acid in range(20):
            expected = write @ gradients[amino_acid] / (write.norm() * gradients[amino_acid].norm())
            assert found.cosine[head, amino_acid] == pytest.approx(float(expected), abs=1e-9)
        assert found.length[head] == pytest.approx(float(write.norm()), abs=1e-9)


def test_gradients_are_orthogonal_to_scaling_the_stream(lively: Model, clean: Tensor):
    """The final LayerNorm removes the mean and the length, so no logit can rise along either."""
    resid = run(lively, clean, keep=Keep.of("resid_post"))["resid_post", -1][0, 1].clone()
    gradients = logit_gradients(lively, resid).numpy()
    np.testing.assert_allclose(gradients.sum(1), 0, atol=1e-9)
    np.testing.assert_allclose(gradients @ (resid - resid.mean()).numpy(), 0, atol=1e-3)
