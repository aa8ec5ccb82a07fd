"""A page's run as Python: it is run from another folder, and must print what the engine finds."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from core.alphabet import tokenize
from core.interventions import AblateHead, BlockAttention, Head, ShiftRope
from core.metrics import Target, rank, target_gap
from core.model import load_model
from core.proteins.protein import read_text
from core.run import run
from dashboard.question import Question
from dashboard.script import Call, Expression, Script, notebook, python
from dashboard.views.explore.script import script_of
from tests.dashboard.conftest import ROOT

SEQUENCE = "MQIFVKTLTGKTITLEVEPSDTIENVKAK"
EDITED = (AblateHead(Head(1, 1), "mask"), BlockAttention(Head(4, 10)), ShiftRope(Head(2, 7), -3.5))


@pytest.mark.parametrize("condition", [(), EDITED])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_explores_script_prints_the_engines_numbers(condition, dtype, capsys):
    model = load_model("embedded", dtype=dtype)
    question = Question(model, read_text(SEQUENCE).proteins[0], (2, 7), 2, "I")
    exec(python(script_of(question, condition, Head(3, 4), Target("I", 2)), str(ROOT)), {})
    printed = capsys.readouterr().out.splitlines()
    logits = run(model, tokenize(SEQUENCE, (2, 7)), [(), condition]).logits[:, 3]
    for line, name, row in zip(printed, ("clean", "edited"), logits, strict=True):
        assert line.startswith(name)
        assert f"I gap {target_gap(row, 'I'):+.4f}, rank {rank(row, 'I')}" in line


def test_a_script_runs_from_any_folder_given_the_clones_path(tmp_path: Path):
    script = Script(
        "What one head's name is",
        {"head": Call(Head, (5, 6)), "target": Call(Target, ("M",), {"residue": 0})},
        ('"head", head', "target"),
    )
    (tmp_path / "plmscope.py").write_text(python(script, str(ROOT)))
    ran = subprocess.run([sys.executable, "plmscope.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["head L6H7", str(Target("M", 0))]


def test_what_is_long_is_written_a_part_to_a_line_and_means_the_same():
    sequences = {f"protein {number}": SEQUENCE for number in range(9)}
    settings = {"target": Target("M", 0), "heads": (Head(0, 1),), "mode": None, "names": ["it's", 'so "called"']}
    text = python(Script("Long", {"found": Call(dict, (Expression("tuple()"),), {"of": sequences} | settings)}, ()), "")
    assert max(map(len, text.splitlines())) <= 120
    space: dict = {}
    exec(text, space)
    assert space["found"] == {"of": sequences} | settings


def test_a_notebook_is_one_that_jupyter_reads():
    import nbformat

    script = Script("Nothing", {"name": Call(Head, (0, 0))}, ("name",), Call(Head, (1, 1)))
    read = nbformat.reads(notebook(script, str(ROOT)), as_version=4)
    nbformat.validate(read)
    assert [cell.cell_type for cell in read.cells] == ["markdown", "code", "code", "code"]
