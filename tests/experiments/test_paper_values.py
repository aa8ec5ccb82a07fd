"""The start-codon command on the real ESM-2 8M, where its weights are here: the paper's own findings, with tolerances.

The proteins are this project's examples, not the paper's 20, and its diagnostics aren't listed: so heads and modules
must be the paper's, and numbers lie within the stated distance of it.
"""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from core.checkpoints import find_local
from core.paper_values import SWAP_STEPS

NAME = "esm2_t6_8M_UR50D"
pytestmark = [
    pytest.mark.real_weights,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(
        find_local(NAME) is None, reason=f"{NAME}'s weights are in neither PLMSCOPE_MODELS nor the torch hub cache"
    ),
]
PARTS = "first-residue,competition,ablation,write-vectors,rope-swap,bos-knockouts,rope-shift,norm-direction"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("8m")
    command = [sys.executable, "-m", "core.experiments", "start-codon", "--model", NAME, "--out", folder]
    subprocess.run([*command, "--only", PARTS, "--workers", "2"], check=True)
    return folder


def table(out: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(out / "tables" / f"{name}.csv")


def test_m_ranks_first_except_in_repeats(out: Path):
    start = table(out, "start")
    missed = start[start["rank"] > 1]
    assert len(missed) <= 0.15 * len(start)
    assert all(name.startswith("poly-") for name in missed.subject)


def test_alanine_overtakes_m_at_9_to_10_residues(out: Path):
    crossings = table(out, "crossings").query("repeat == 'poly-A' and dropout != 'fixed'")
    assert 8 <= crossings.outvoted_at.item() <= 11


def test_layer_6_attention_and_its_head_8_carry_the_prediction(out: Path):
    ablation = json.loads((out / "results.json").read_text())["parts"]["ablation"]["comparisons"]
    assert (ablation[0]["ours"], ablation[3]["ours"].split(", ")[0]) == ("L6 attention", "L6H8")
    masked = table(out, "ablation").query("scope == 'mask' and component == 'L6 attention'")
    assert masked.fails.item() == pytest.approx(0.91, abs=0.12)


def test_l6h8_writes_m(out: Path):
    cosine = table(out, "write-vectors")
    best = cosine.loc[cosine.cosine.idxmax()]
    assert (best["head"], best.amino_acid) == (7, "M")
    assert best.cosine == pytest.approx(0.375, abs=0.06)


def test_bos_values_of_l6h8_are_needed(out: Path):
    rates = table(out, "bos-knockouts").query("test == 'necessity'").set_index(["heads", "knockout"]).rate
    assert rates["main head", "values of BOS"] < 0.15
    assert rates["key heads and main head", "values of BOS"] < 0.15
    assert rates["key heads and main head", "all values but BOS's"] > 0.95


def test_the_first_swapped_heads_are_the_papers(out: Path):
    steps = table(out, "rope-swap")
    assert steps.name.tolist()[1:4] == [head for head, _, _ in SWAP_STEPS[:3]]
    assert steps.rescue.tolist()[1:4] == pytest.approx([rescue for _, _, rescue in SWAP_STEPS[:3]], abs=12)
    sets = table(out, "patch-sets").set_index("condition").rescue
    assert sets["readout's full q"] == pytest.approx(70.2, abs=12)
    assert sets["readout's rotation"] == pytest.approx(1.5, abs=8)


def test_the_gap_oscillates_with_the_fastest_band(out: Path):
    period = table(out, "rope-shift-period").set_index("mask").period["first"]
    assert period == pytest.approx(6.28, abs=0.5)


def test_norm_and_direction_share_the_score_difference(out: Path):
    bands = table(out, "bands")
    assert bands.weight.idxmax() == 0
    assert not bands.flagged[0]
    assert bands.norm_share[0] == pytest.approx(0.50, abs=0.12)
    assert bands.q_norm_clean[0] / bands.q_norm_internal[0] > 3
