"""The exported Python is run, and must print what the engine finds."""

import pytest
import torch

from core.alphabet import tokenize
from core.interventions import AblateHead, BlockAttention, Head, ShiftRope
from core.metrics import rank, target_gap
from core.model import load_model
from core.model_files import EMBEDDED_FOLDER
from core.run import run
from dashboard.views.explore.snippet import python_snippet

SEQUENCE = "MQIFVKTLTGKTITLEVEPSDTIENVKAK"
EDITED = (AblateHead(Head(1, 1), "mask"), BlockAttention(Head(4, 10)), ShiftRope(Head(2, 7), -3.5))


@pytest.mark.skipif(not (EMBEDDED_FOLDER / "model.safetensors").exists(), reason="no embedded model in assets")
@pytest.mark.parametrize(
    "condition", [(), (AblateHead(Head(1, 1), "mask"), BlockAttention(Head(4, 10)), ShiftRope(Head(2, 7), -3.5))]
)
@pytest.mark.parametrize("in_half", [False, True])
def test_the_snippet_prints_the_engines_numbers(condition, in_half, capsys):
    exec(python_snippet("embedded", SEQUENCE, (2, 7), "I", condition, in_half), {})
    printed = capsys.readouterr().out.splitlines()
    model = load_model("embedded", dtype=torch.bfloat16 if in_half else torch.float32)
    logits = run(model, tokenize(SEQUENCE, (2, 7)), [(), condition]).logits[:, 3]
    for line, name, row in zip(printed, ("clean", "edited"), logits, strict=True):
        assert line.startswith(name)
        assert f"I gap {target_gap(row, 'I'):+.4f}, rank {rank(row, 'I')}" in line
