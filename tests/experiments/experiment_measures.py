"""Measures for the tests: module-level, because workers import them by name."""

import os
import signal
import time
from pathlib import Path

import pandas as pd

from core.alphabet import tokenize
from core.errors import InputError
from core.model import Model
from core.run import run


def m_logit(model: Model, sequence: str, residue: int = 0) -> pd.DataFrame:
    """The logit of M at a masked residue; refuses sequences that lack it."""
    if residue >= len(sequence):
        raise InputError(f"residue {residue + 1} is outside the sequence: it has residues 1 to {len(sequence)}")
    logits = run(model, tokenize(sequence, [residue]), positions=[residue + 1]).logits
    return pd.DataFrame({"residue": [residue], "m_logit": [float(logits[0, 0, 20])], "name": ["M"]})


def dies_once(model: Model, sequence: str, marker: str) -> pd.DataFrame:
    """Kills its worker the first time it is asked about a sequence with W in it."""
    if "W" in sequence and not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return m_logit(model, sequence)


def dies_on_w(model: Model, sequence: str) -> pd.DataFrame:
    """Kills its worker whenever it is asked about a sequence with W in it."""
    if "W" in sequence:
        os.kill(os.getpid(), signal.SIGKILL)
    return m_logit(model, sequence)


def waits(model: Model, pid_file: str) -> pd.DataFrame:
    """Says which process it is in, and stays there."""
    part = Path(pid_file).with_suffix(".part")
    part.write_text(str(os.getpid()))
    part.rename(pid_file)
    time.sleep(600)
    return pd.DataFrame()
