"""What is commonest is chosen by half of the sequences and counted in the other half."""

import numpy as np
import pandas as pd

from core.answers.minimal_circuit import MinimalCircuits
from core.answers.split import split
from core.model import ModelShape
from core.proteins.evaluation_sets import random_sequence

STRINGS = {f"random {index}": random_sequence(np.random.default_rng(index)) for index in range(14)}
HALVES = split(STRINGS)
SHAPE = ModelShape(n_layers=2, n_heads=2, d_model=8)


def made(search, choosing: list[list[str]], judging: list[list[str]]) -> MinimalCircuits:
    """A search that finds these sets, one after another, in each half."""
    needed = dict(zip(HALVES.choosing, choosing, strict=True)) | dict(zip(HALVES.judging, judging, strict=True))
    rows = [(name, component, True) for name, own in needed.items() for component in own]
    table = pd.DataFrame(rows, columns=["subject", "component", "needed"])
    return MinimalCircuits(SHAPE, search, "mask", table.assign(step=np.nan, gap=np.nan, logit=np.nan), HALVES)


def test_the_commonest_set_is_counted_where_it_was_not_chosen():
    found = made("modules", [["L1 MLP"]] * 6 + [["L2 MLP"]], [["L1 MLP"]] * 2 + [["L1 MLP", "L2 MLP"]] * 5)
    assert found.in_words == "{L1 MLP} in 2 of 7 (29%; 8 to 64%)"
    assert found.beside_paper()[0][1] == f"{found.in_words}, {HALVES}"


def test_heads_that_most_need_are_counted_where_they_were_not_chosen():
    found = made("heads", [["L1H1", "L2H2"]] * 4 + [["L1H1"]] * 3, [["L2H1"]] * 3 + [["L1H1"]] * 4)
    assert found.in_words == "L1H1 in 4 of 7 (57%; 25 to 84%), L2H2 in 0 of 7 (0%; 0 to 35%)"
    nothing = made("heads", [["L1H1"], ["L1H2"], ["L2H1"], ["L2H2"], ["L1H1"], ["L1H2"], ["L2H1"]], [["L1H1"]] * 7)
    assert nothing.in_words == "none in most of 7"
