"""The ladder moves what it says and nothing else; a protein is moved with its context."""

import numpy as np
import pytest
import torch

from core.alphabet import tokenize
from core.analyses.evidence import Contrast, in_random_order, one_mask_scale
from core.analyses.masked_marginals import log_probabilities
from core.analyses.support_distance import WHOLE, distance_ladder, moved
from core.model import Model
from core.run import run
from core.tables import rows
from tests.heard import Heard
from tests.lively import SEQUENCE

AT, ORDERS = 8, (0, 1, 2)


def log_odds(model: Model, tokens: torch.Tensor, position: int, letter: str = "K") -> float:
    logits = run(model, tokens, [one_mask_scale(model, len(tokens))]).logits[0, position]
    return float(Contrast(letter).of(log_probabilities(logits)[None])[0])


def test_near_and_far_move_the_rest(lively: Model):
    heard = Heard()
    found = distance_ladder(lively, SEQUENCE, AT, ["K", "M"], windows=(3, 40), repeats=ORDERS, progress=heard)
    tokens = tokenize(SEQUENCE, [AT])
    inside = [5, 6, 7, 9, 10, 11]
    outside = [at for at in range(len(SEQUENCE)) if at not in (*inside, AT)]
    for kept, places in (("near", outside), ("far", inside)):
        values = [log_odds(lively, in_random_order(tokens, places, repeat, 0), AT + 1) for repeat in ORDERS]
        row = rows(found, letter="K", kept=kept, window=3).iloc[0]
        assert row.log_odds == pytest.approx(np.mean(values), abs=1e-9)
        assert row.low < row.log_odds < row.high
    whole = log_odds(lively, tokens, AT + 1)
    nothing_moved = rows(found, letter="K", kept="near", window=40).iloc[0]
    assert nothing_moved.log_odds == pytest.approx(whole, abs=1e-9)
    assert nothing_moved.high - nothing_moved.low < 1e-9
    assert heard.events == [(1, 2), (2, 2)]


def test_moving_keeps_the_protein_and_its_mask(lively: Model):
    found = moved(lively, SEQUENCE, AT, ["K"], by=(4,), repeats=ORDERS)
    tokens = tokenize(SEQUENCE, [AT])
    by_place = {row.place: row for _, row in found.iterrows()}
    assert by_place[WHOLE].log_odds == pytest.approx(log_odds(lively, tokens, AT + 1), abs=1e-9)
    assert by_place["BOS left out"].log_odds == pytest.approx(log_odds(lively, tokens[1:], AT), abs=1e-9)
    assert by_place["after 4 random residues"].high > by_place["after 4 random residues"].low
    again = moved(lively, SEQUENCE, AT, ["K"], by=(4,), repeats=ORDERS)
    assert again.equals(found)
