"""Which layer's rotation matters most is chosen on half of the sequences, and judged on the other half."""

import numpy as np
import pandas as pd

from core.answers.rotations import rope_removal
from core.answers.split import split
from core.metrics import Target
from core.proteins.evaluation_sets import random_sequence
from tests.answers.conftest import DirectSurvey

STRINGS = {f"random {index}": random_sequence(np.random.default_rng(index)) for index in range(14)}
HALVES = split(STRINGS)
LAYERS = ["none", "L1", "L2", "L3", "all"]


class Made(DirectSurvey):
    """Without L2's rotation those that choose lose the target, without L3's those that judge do."""

    def outcomes(self, measure, subjects, settings):
        gaps = {True: [3.0, 2.0, -1.0, 2.5, -4.0], False: [3.0, 2.0, 1.0, -2.0, -4.0]}
        return {
            name: pd.DataFrame({"layers": LAYERS, "gap": gap, "logit": [each + 1 for each in gap]})
            for name in subjects
            for gap in [gaps[name in HALVES.choosing]]
        }


def test_the_worst_layer_of_one_half_is_judged_by_the_other(lively):
    found = rope_removal(Made(lively), STRINGS, Target("M", 0))
    assert found.worst.layers == found.costliest.layers == "L2"
    assert (found.worst.m_first, found.worst.n) == (1, 7)
    assert found.in_words.startswith(
        f"Without rotation in the single layer of 3 where that does most harm, L2 ({HALVES}), the target ranks first "
        "in 7 of 7 sequences (100%; 65 to 100%); without it in all layers, in 0 of 14 (0%; "
    )
    broken, falls = (ours for _, ours in found.beside_paper())
    assert broken == f"none (of 14); least often first: L2, 7 of 7 (100%; 65 to 100%); of 3 layers, {HALVES}"
    assert falls == f"falls most without L2, by 2.00 (2.00 to 2.00) (mean of 7); of 3 layers, {HALVES}"


def test_layers_that_do_as_much_are_told_apart_by_the_logit(lively):
    class NeverLost(Made):
        def outcomes(self, measure, subjects, settings):
            gap = [3.0, 2.0, 1.0, 2.0, 0.5]
            return {name: pd.DataFrame({"layers": LAYERS, "gap": gap, "logit": gap}) for name in subjects}

    assert rope_removal(NeverLost(lively), STRINGS, Target("M", 0)).worst.layers == "L2"
