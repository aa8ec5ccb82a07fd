"""Copying pooled over segments: a head that looks at twins is found, and none where there is none."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from core.analyses.induction import NO_REPEAT, NOTHING, Repeat, copying, random_repeats, twin_attention
from core.answers.induction import EVERY_HEAD, best_set, induction, random_set
from core.components import by_head
from core.errors import InputError
from core.interventions import Head
from core.model import Model
from tests.answers.conftest import DirectSurvey

REPEATS = random_repeats(8, 6)
COPIER = Head(1, 2)


class Made(DirectSurvey):
    """Attention that is noise in every head, but for one that looks at twins by `gain` more; a letter that is copied
    with P `copied` as long as that head may look."""

    gain, copied = 0.0, 0.05

    def outcomes(self, measure, subjects, settings):
        found = {}
        for name, repeat in subjects.items():
            rng = np.random.default_rng(list(repeat.segment.encode()))
            if measure is twin_attention:
                twin, once = rng.normal(0.05, 0.01, size=(2, 3, 4))
                twin[COPIER.layer, COPIER.index] += self.gain
                found[name] = by_head(self.model.shape, twin=twin, elsewhere=once, once=once)
            else:
                found[name] = self.read(repeat, dict(settings["blocked"]), rng)
        return found

    def read(self, repeat: Repeat, blocked: Mapping[str, tuple[Head, ...]], rng) -> pd.DataFrame:
        named = {NOTHING: (), **blocked, NO_REPEAT: (COPIER,)}
        chances = {name: 0.05 if COPIER in heads else self.copied for name, heads in named.items()}
        rows = [(name, residue, chances[name] + rng.normal(0, 1e-4), 1) for name in named for residue in repeat.masked]
        return pd.DataFrame(rows, columns=["blocked", "residue", "probability", "rank"])


class Copier(Made):
    gain, copied = 0.5, 0.9


def test_a_head_that_looks_at_twins_is_found_and_copying_goes_with_it(lively: Model):
    found = induction(Copier(lively), REPEATS)
    assert found.verdict == "copies"
    assert found.found == (COPIER,)
    assert found.best[0] == COPIER
    assert found.judged_on == tuple(f"segment {number}" for number in (5, 6, 7, 8))
    left = found.blocking.set_index("blocked").probability
    assert left[NOTHING] == pytest.approx(0.9, abs=1e-3)
    assert left[random_set(6)] == pytest.approx(0.9, abs=1e-3)
    for gone in (best_set(1), best_set(4), EVERY_HEAD, NO_REPEAT):
        assert left[gone] == pytest.approx(0.05, abs=1e-3)
    assert found.rise.mean == pytest.approx(0.85, abs=1e-3)


def test_a_head_is_found_among_noise_in_about_one_case_of_twenty(lively: Model):
    passing = [bool(induction(Made(lively), random_repeats(8, 6, seed)).found) for seed in range(200)]
    assert 0.01 <= np.mean(passing) <= 0.1
    assert induction(Made(lively), REPEATS).verdict in ("none", "trace")


def test_means_are_those_of_the_segments_own_numbers(survey: DirectSurvey, lively: Model):
    repeats = dict(list(REPEATS.items())[:4])
    found = induction(survey, repeats)
    by_segment = [twin_attention(lively, repeat) for repeat in repeats.values()]
    gains = np.stack([(table.twin - table.once).to_numpy().reshape(3, 4) for table in by_segment])
    assert found.gain == pytest.approx(gains.mean(0), abs=1e-6)
    on_half = np.unravel_index(np.argsort(-gains[:2].mean(0), axis=None)[:6], (3, 4))
    assert [(head.layer, head.index) for head in found.best] == list(zip(*on_half, strict=True))
    read = [copying(lively, repeat).set_index("blocked").probability for repeat in repeats.values()]
    twice, once = (np.array([table[name].mean() for table in read]) for name in (NOTHING, NO_REPEAT))
    assert found.probability(NOTHING).mean == pytest.approx(twice.mean())
    assert found.rise.mean == pytest.approx((twice - once).mean())
    judged = found.blocking.set_index("blocked").probability
    assert judged[NOTHING] == pytest.approx(twice[2:].mean())
    blocked = [copying(lively, repeats[name], blocked=(("x", found.best[:2]),)) for name in found.judged_on]
    assert judged[best_set(2)] == pytest.approx(
        np.mean([table[table.blocked == "x"].probability.mean() for table in blocked])
    )
    assert found.chance == 1 / 14


def test_a_second_time_is_identical(survey: DirectSurvey):
    one, other = (induction(survey, dict(list(REPEATS.items())[:4])) for _ in range(2))
    pd.testing.assert_frame_equal(one.blocking, other.blocking)
    assert one.threshold == other.threshold


def test_too_few_segments_are_refused(survey: DirectSurvey):
    with pytest.raises(InputError, match="3 segments are too few: 4 or more"):
        induction(survey, random_repeats(3, 6))
