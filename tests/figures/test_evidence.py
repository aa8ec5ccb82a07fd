"""The figures draw the numbers they are given."""

import numpy as np
import pandas as pd

from core.analyses.evidence import PARTS
from core.answers.evidence import VERDICTS
from core.answers.verdict_words import VERDICTS_SAID
from core.figures.evidence import COLOURS, VERDICT_COLOURS, distance_ladder, stacked_shares, verdict_strip


def test_every_part_and_verdict_has_its_own_colour():
    assert set(COLOURS) == set(PARTS)
    assert set(VERDICT_COLOURS) == set(VERDICTS) == set(VERDICTS_SAID)
    assert len(set(VERDICT_COLOURS.values())) == len(VERDICTS)


def test_shares_are_stacked_with_their_intervals():
    table = pd.DataFrame({"label": ["M (top)", "G (second)"], **{part: [1.0, -0.5] for part in PARTS}})
    table = table.assign(order_low=[0.5, -1.0], order_high=[1.5, 0.0])
    figure = stacked_shares(table, "label")
    assert figure.layout.barmode == "relative"
    order = next(trace for trace in figure.data if trace.name == "order: evidence")
    assert list(order.x) == [1.0, -0.5]
    assert order.customdata.tolist() == [[0.5, 1.5], [-1.0, 0.0]]
    assert sum(trace.x[0] for trace in figure.data) == len(PARTS)


def test_the_strip_has_every_residue_once():
    verdicts = ["position", "none", "evidence", "none"]
    strip = pd.DataFrame(
        {"residue": range(4), "verdict": verdicts, "surprise": [0.1, 2.0, 0.5, 3.0], "top": list("MKGA"), "p_top": 0.5}
    )
    figure = verdict_strip(strip, ["M1", "K2", "W3", "A4"], VERDICTS_SAID)
    shown = {int(x): float(y) for trace in figure.data for x, y in zip(trace.x, trace.y, strict=True)}
    assert shown == {1: 0.1, 2: 2.0, 3: 0.5, 4: 3.0}
    evidence = next(trace for trace in figure.data if trace.name == VERDICTS_SAID["evidence"])
    assert evidence.marker.color == VERDICT_COLOURS["evidence"]
    assert evidence.customdata[0].tolist()[:2] == ["W3", "G"]


def test_the_ladder_has_a_line_for_near_and_far():
    table = pd.DataFrame(
        [("M", kept, window, window / 10, 0.0, 1.0) for kept in ("near", "far") for window in (8, 2)],
        columns=["letter", "kept", "window", "log_odds", "low", "high"],
    )
    figure = distance_ladder(table, {"M": "#E69F00"})
    lines = {trace.name: trace for trace in figure.data if trace.mode == "lines+markers"}
    assert set(lines) == {"M, near only", "M, far only"}
    np.testing.assert_allclose(lines["M, near only"].y, [0.2, 0.8])
