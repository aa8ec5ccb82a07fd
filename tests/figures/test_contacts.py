"""Contact figures say what their data say: values, intervals, and the colours that mean something."""

import numpy as np
import pytest

from core.figures.contacts import (
    Interval,
    best_heads,
    k_sweep,
    label_budgets,
    layer_shares,
    method_bars,
    motif_curves,
    precision_recall,
    reliability,
    win_rates,
)
from core.figures.style import CLEAN, EDITED


def test_bars_have_intervals_and_a_chance_line_in_every_group():
    values = {"a": {"short": Interval(0.5, 0.4, 0.7), "long": Interval(0.2, 0.1, 0.3)}}
    figure = method_bars(values, {"short": 0.1, "long": 0.02}, "P@L/2")
    (bar,) = figure.data
    assert list(bar.x) == ["short", "long"]
    assert list(bar.y) == [0.5, 0.2]
    assert list(bar.error_y.array) == pytest.approx([0.2, 0.1])
    assert list(bar.error_y.arrayminus) == pytest.approx([0.1, 0.1])
    assert [line.y0 for line in figure.layout.shapes] == [0.1, 0.02]
    assert figure.layout.yaxis.title.text == "P@L/2"


def test_methods_keep_their_colours_from_bars_to_curves():
    interval = Interval(0.5, 0.4, 0.6)
    bars = method_bars({"a": {"long": interval}, "b": {"long": interval}}, {"long": 0.1}, "P@L/2")
    lines = precision_recall(np.array([0.0, 1.0]), {"a": [interval] * 2, "b": [interval] * 2}, 0.1)
    drawn = {trace.name: trace.line.color for trace in lines.data if trace.name in ("a", "b")}
    assert drawn == {bar.name: bar.marker.color for bar in bars.data}


def test_the_sweep_counts_heads_from_one():
    figure = k_sweep(np.array([0.2, 0.3]), 0.05, [Interval(0.1, 0.0, 0.2), Interval(0.2, 0.1, 0.3)])
    lines = {trace.name: trace for trace in figure.data if trace.name}
    assert list(lines["other proteins"].x) == [1, 2]
    assert list(lines["proteins that chose the heads"].y) == [0.2, 0.3]
    assert lines["chance"].line.color == CLEAN
    alone = {trace.name: trace for trace in k_sweep(np.array([0.2, 0.3]), 0.05).data}
    assert set(alone) == {"proteins that chose the heads", "chance"}
    assert alone["proteins that chose the heads"].line.color == EDITED


def test_best_heads_are_named_as_people_name_them():
    figure = best_heads(["L6H5", "L1H2"], np.array([0.3, 0.2]), 0.02, 0.05)
    assert list(figure.data[0].x) == ["L6H5", "L1H2"]
    assert [shape.y0 for shape in figure.layout.shapes] == [0.02, 0.05], "blind picking, and the best by chance"


def test_reliability_is_the_share_of_contacts_in_each_tenth():
    n_pairs, n_contacts = np.zeros(100, dtype=int), np.zeros(100, dtype=int)
    n_pairs[[3, 7, 95]], n_contacts[[3, 7, 95]] = (10, 30, 5), (1, 3, 4)
    found = reliability(n_pairs, n_contacts).data[0]
    np.testing.assert_allclose(found.x, [0.05, 0.95])
    np.testing.assert_allclose(found.y, [0.1, 0.8])


def test_label_budgets_are_at_their_numbers_of_labels():
    figure = label_budgets([1, 5], [Interval(0.1, 0.0, 0.2), Interval(0.2, 0.1, 0.3)], 0.05)
    line = next(trace for trace in figure.data if trace.name == "heads chosen on so many")
    assert list(line.x) == [1, 5]
    assert list(line.y) == [0.1, 0.2]


def test_win_rates_are_shares_with_their_proteins():
    figure = win_rates(["a", "b"], np.array([[np.nan, 0.75], [0.25, np.nan]]), np.array([[0, 20], [20, 0]]))
    (heat,) = figure.data
    assert (heat.zmin, heat.zmax) == (0, 1)
    assert heat.z[0][1] == 0.75
    assert heat.customdata[0][1] == 20


def test_motif_curves_stop_where_no_far_residue_is_left():
    far = np.array([[1.0, np.nan], [3.0, np.nan]])
    figure = motif_curves(np.array([1, 10]), np.array([2.0, 4.0]), np.array([[1.0, 4.0], [2.0, 4.0]]), far, 4.0)
    lines = {trace.name: trace for trace in figure.data if trace.name}
    assert list(lines["flanks first"].y) == [2, 4]
    assert list(lines["random"].y) == [1.5, 4]
    assert lines["random, at least 30 away"].y[0] == 2
    assert np.isnan(lines["random, at least 30 away"].y[1])
    assert figure.layout.shapes[0].y0 == 4
    assert list(figure.layout.xaxis.ticktext) == ["1", "10"]


def test_a_control_is_dotted_in_the_colour_of_what_it_controls():
    repeats = np.array([[1.0, 4.0]])
    figure = motif_curves(np.array([1, 10]), repeats[0], repeats, repeats, 4.0, {"random": np.array([3.0, 1.0])})
    lines = {trace.name: trace for trace in figure.data if trace.name}
    assert list(lines["random, control"].y) == [3, 1]
    assert lines["random, control"].line.dash == "dot"
    assert lines["random, control"].line.color == lines["random"].line.color


def test_a_contacts_layers_stand_beside_each_other_clean_and_edited():
    figure = layer_shares(np.array([1.0, -0.5]), np.array([0.2, 0.1]))
    assert {bar.name: (list(bar.y), bar.marker.color) for bar in figure.data} == {
        "clean": ([1, -0.5], CLEAN),
        "edited": ([0.2, 0.1], EDITED),
    }
    assert list(figure.data[0].x) == ["L1", "L2"]
