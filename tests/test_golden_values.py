"""The real ESM-2 8M: published values of its logits, embeddings and pseudo-perplexities, where its weights are here.

Sources: Hugging Face's own test of the model (logits), seqme's (embedding means, 1e-6; pseudo-perplexity), and
Jedryszek and Crook (2026) for the start codon.
"""

import math

import numpy as np
import pytest
import torch

from core.alphabet import BOS, tokenize
from core.analyses.head_ablation import component_sweep
from core.forward import layer_norm
from core.interventions import AblateValues, Head
from core.metrics import rank
from core.model import load_model
from core.model_files import find_local
from core.run import Keep, run

NAME = "esm2_t6_8M_UR50D"
pytestmark = [
    pytest.mark.real_weights,
    pytest.mark.skipif(
        find_local(NAME) is None, reason=f"{NAME}'s weights are in neither PLMSCOPE_MODELS nor the torch hub cache"
    ),
]


@pytest.fixture(scope="module")
def esm2_8m():
    return load_model(NAME)


def test_logits(esm2_8m):
    logits = run(esm2_8m, torch.arange(6)).logits[0, :3, :3]
    expected = torch.tensor([[8.9215, -10.5898, -6.4671], [-6.3967, -13.9114, -1.1212], [-7.7812, -13.9516, -3.7406]])
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("sequence", "mean"),
    [
        ("RVKRVWPLVIRTVIAGYNLYRAIKKK", -0.01061969),
        ("RKRIHIGPGRAFYTT", -0.01052918),
        ("DSHAKRHHGYKRKFHEKHHSHRGY", -0.01140676),
        ("ENREVPPGFTALIKTLRKCKII", -0.00957893),
    ],
)
def test_mean_embeddings(esm2_8m, sequence, mean):
    resid = run(esm2_8m, tokenize(sequence), keep=Keep.of("resid_post", layers=[5]))["resid_post", 5][0]
    hidden = layer_norm(resid, esm2_8m.final_norm)[1:-1]
    assert float(hidden.mean(0).mean()) == pytest.approx(mean, abs=1e-6)


@pytest.mark.parametrize(("sequence", "expected"), [("MMRK", 4.6984897), ("RKSPL", 8.919382), ("RRLSK", 8.295634)])
def test_pseudo_perplexity(esm2_8m, sequence, expected):
    tokens = tokenize(sequence)
    surprise = []
    for position in range(len(tokens)):
        masked = tokens.clone()
        masked[position] = 32
        logits = run(esm2_8m, masked).logits[0, position]
        surprise.append(-float(logits.log_softmax(-1)[tokens[position]]))
    assert math.exp(np.mean(surprise)) == pytest.approx(expected, rel=1e-4)


UBIQUITIN = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG"


def test_methionine_is_read_from_bos_by_l6h8(esm2_8m):
    tokens = tokenize(UBIQUITIN, masked=[0])
    reader = Head.parse("L6H8")
    clean, without_values = run(esm2_8m, tokens, ((), (AblateValues(reader),))).logits[:, 1]
    assert int(rank(clean, "M")) == 1
    assert int(rank(without_values, "M")) > 1
    effects = component_sweep(esm2_8m, tokens, "M").heads
    assert effects[reader.layer, reader.index] == effects[reader.layer].min()


def test_alanine_overtakes_methionine_at_nine_or_ten_alanines(esm2_8m):
    crossing = next(n for n in range(1, 30) if rank(run(esm2_8m, tokenize("M" + "A" * n, [0])).logits[0, 1], "M") > 1)
    assert crossing in (9, 10)
    assert tokenize("A")[0] == BOS
