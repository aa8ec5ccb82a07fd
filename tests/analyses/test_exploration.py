"""The Explore page's single pass against whole runs that keep everything."""

import numpy as np
import pytest

from core.alphabet import tokenize
from core.analyses.exploration import band_view, view_run
from core.contacts import contact_map, heads_map
from core.errors import InputError
from core.interventions import AblateHead, BlockAttention, Head, ShiftRope
from core.run import Keep, run

TOKENS = tokenize("MKTAYIAKQRQISFVKSHFSRQ", masked=[0])
HEAD = Head(1, 2)
CONDITION = (AblateHead(Head(0, 1), "mask"), ShiftRope(HEAD, 3), BlockAttention(Head(2, 0)))


@pytest.fixture(scope="module")
def view(model):
    return view_run(model, TOKENS, CONDITION, residue=0, head=HEAD)


@pytest.fixture(scope="module")
def trace(model):
    return run(model, TOKENS, (CONDITION,), keep=Keep.of("pattern", "scores", "q_rot", "k_rot"))


def test_one_pass_equals_a_whole_run(model, view, trace):
    np.testing.assert_allclose(view.logits, trace.logits[0, 1], atol=1e-5)
    for layer in range(3):
        np.testing.assert_allclose(view.bos_attention[layer], trace["pattern", layer][0, :, :, 0], atol=1e-6)
    np.testing.assert_allclose(view.pattern, trace["pattern", 1][0, 2], atol=1e-6)
    np.testing.assert_allclose(view.attention_from(3), trace["pattern", 1][0, 2, 4, 1:-1], atol=1e-6)
    np.testing.assert_allclose(view.attention_to(3), trace["pattern", 1][0, 2, 1:-1, 4], atol=1e-6)
    np.testing.assert_allclose(view.contact_head, contact_map(model, TOKENS, CONDITION), atol=1e-6)
    np.testing.assert_allclose(view.head_map, heads_map(model, TOKENS, [HEAD], CONDITION), atol=1e-6)
    assert (view.bos_attention[2, 0] == 0).all()


@pytest.mark.parametrize(("query", "key"), [(1, 0), (5, 9), (21, 1)])
def test_bands_of_a_pair_sum_to_its_score(view, trace, query, key):
    bands = band_view(view, query, key)
    assert bands.score == pytest.approx(float(trace["scores", 1][0, 2, query, key]), abs=1e-4)
    np.testing.assert_allclose(bands.q_norm * bands.k_norm * bands.cosine / np.sqrt(8), bands.contribution, atol=1e-5)
    assert bands.attention == pytest.approx(float(trace["pattern", 1][0, 2, query, key]), abs=1e-6)


def test_what_is_not_there_is_refused(model):
    with pytest.raises(InputError, match="L4H1 does not exist"):
        view_run(model, TOKENS, (), residue=0, head=Head(3, 0))
    with pytest.raises(InputError, match="residue 23 is outside"):
        view_run(model, TOKENS, (), residue=22, head=HEAD)
