"""A process that meets proteins of many lengths keeps its size."""

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
MEASURE = """
import psutil
from core.alphabet import tokenize
from core.model import load_model
from core.run import run

model, process = load_model("embedded"), psutil.Process()
for length in range(60, 160):
    run(model, tokenize("M" + "A" * length), conditions=[(), ()])
    if length == 80:
        before = process.memory_info().rss
print((process.memory_info().rss - before) / 2**20)
"""


def test_prepared_products_of_other_shapes_are_forgotten():
    ran = subprocess.run([sys.executable, "-c", MEASURE], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert float(ran.stdout) < 150  # MB; some 400 with oneDNN's own limit of 1,024 products
