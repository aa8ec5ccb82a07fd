"""Threads that find no free core don't hold each other up."""

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
MEASURE = """
import os, time
from core.alphabet import tokenize
from core.model import load_model
from core.run import run
import torch

model, tokens = load_model("embedded"), tokenize("M" + "A" * 75)
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # once OpenMP has counted the cores, before it has threads
torch.set_num_threads(THREADS)
run(model, tokens)
begin = time.process_time()
for _ in range(20):
    run(model, tokens)
print(time.process_time() - begin)
"""


def processor_seconds(threads: int) -> float:
    """Of some passes on one core."""
    code = MEASURE.replace("THREADS", str(threads))
    ran = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    return float(ran.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says on which core a process runs")
def test_two_threads_on_one_core_take_little_more_than_one():
    assert processor_seconds(2) < 4 * processor_seconds(1)  # 1.5 to 2 times; 20 to 100 where threads wait busily
