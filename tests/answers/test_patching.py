"""Patches pooled over proteins that don't all have the same places."""

import pandas as pd
import pytest

from core.answers.patching import Patched, elsewhere, patched_stream
from core.answers.rope_swap import Ends
from core.answers.subjects import two_masks
from core.metrics import Target
from tests.answers.conftest import SEQUENCES, DirectSurvey

GAPS = {
    "stream": {"one": {"BOS": 1.0}, "two": {"BOS": 3.0, "+1": 5.0}},
    "swaps": {"one": (-2.0, 4.0), "two": (0.0, 2.0)},
}


class Made(DirectSurvey):
    """Two proteins, of which one has no residue behind the mask."""

    def outcomes(self, measure, subjects, settings):
        found = GAPS[measure.__name__]
        if measure.__name__ == "swaps":
            return {name: pd.DataFrame({"head": ["none", "clean"], "gap": ends}) for name, ends in found.items()}
        return {
            name: pd.DataFrame({"layer": 0, "place": list(gaps), "gap": list(gaps.values())})
            for name, gaps in found.items()
        }


def test_a_mean_counts_the_proteins_that_have_the_place_and_its_rescue_is_that_of_mean_gaps(lively):
    target = Target("M", 0)
    found = patched_stream(Made(lively), two_masks(dict(list(SEQUENCES.items())[:2]), target), target)
    assert (found.ends.internal, found.ends.clean, found.n_masks) == (-1.0, 3.0, 2)
    mean = found.mean.set_index("place")
    assert mean.gap.to_dict() == {"BOS": 2.0, "+1": 5.0}
    assert mean.m_first.to_dict() == {"BOS": 1.0, "+1": 1.0}
    assert mean.rescue["BOS"] == pytest.approx(75)


def test_what_patches_elsewhere_bring_back_is_said_with_all_of_their_intervals():
    mean = pd.DataFrame({"layer": 5, "place": ["BOS", "0", "+1", "+2", "mask to mask", "all"]})
    mean = mean.assign(rescue=[2.0, 90.0, -1.0, 0.5, 97.0, 100.0])
    told = elsewhere(Patched(mean.assign(rescue_low=mean.rescue - 3, rescue_high=mean.rescue + 4), Ends(0.0, 1.0), 9))
    assert told == "patches at the 3 other places bring back between -4.0 and 6.0% with all of their intervals"
    few = elsewhere(Patched(mean.assign(rescue_low=float("nan"), rescue_high=float("nan")), Ends(0.0, 1.0), 3))
    assert few == "patches at the 3 other places bring back between -1.0 and 2.0%"
