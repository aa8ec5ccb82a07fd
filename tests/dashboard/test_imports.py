"""What opening the app must not wait for."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_menu_reads_no_library_that_only_an_analysis_needs():
    listed = "import sys, dashboard.menu, dashboard.sidebar; print(*sys.modules)"
    read = subprocess.run(
        [sys.executable, "-c", listed], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    assert "torch" in read
    for late in ("sklearn", "scipy.stats", "transformers", "distributed"):
        assert late not in read
