"""Figures of two sides hold the numbers they were given, on one scale."""

import numpy as np

from core.alphabet import AMINO_ACIDS
from core.analyses.comparison import prediction_difference
from core.analyses.prediction import Prediction
from core.figures.comparison import (
    LESS,
    MORE,
    attention_heads,
    attention_to_bos,
    change,
    component_effects,
    pattern_change,
    prediction_change,
    predictions,
    side_by_side,
)
from core.figures.style import SIDE_A, SIDE_B


def test_each_label_has_a_bar_of_each_side_in_its_colour() -> None:
    figure = side_by_side(
        ["M", "K"], np.array([0.9, 0.1]), np.array([0.2, 0.8]), quantity="Probability", x="Amino acid"
    )
    assert [(trace.name, trace.marker.color, list(trace.y)) for trace in figure.data] == [
        ("A", SIDE_A, [0.9, 0.1]),
        ("B", SIDE_B, [0.2, 0.8]),
    ]


def test_amino_acids_stand_in_the_order_of_a() -> None:
    shares, logits = np.random.default_rng(0).random((2, 2, 20))
    a, b = (Prediction(*each, "M", 0.0, 1) for each in zip(shares, logits, strict=True))
    bars, changes = predictions(a, b, "logit"), prediction_change(a, prediction_difference(a, b), "logit")
    assert list(bars.data[0].y) == sorted(a.logits, reverse=True)
    at = [AMINO_ACIDS.index(letter) for letter in bars.data[0].x]
    assert np.array_equal(bars.data[1].y, b.logits[at])
    assert np.allclose(changes.data[0].y, (b.logits - a.logits)[at])


def test_what_b_shows_more_is_red_and_less_is_blue() -> None:
    figure = change(["M", "K"], np.array([-0.7, 0.7]), quantity="Probability", x="Amino acid")
    assert list(figure.data[0].marker.color) == [LESS, MORE]
    assert "B − A" in figure.layout.yaxis.title.text


def test_colours_end_where_they_are_told_to() -> None:
    effects = np.array([[0.5, -1.0, 0.2, 0.3]])
    for figure in (component_effects(effects, quantity="logits", most=4.0), attention_heads(effects, quantity="share")):
        assert figure.data[0].zmax in (4.0, 1.0)
        assert np.array_equal(figure.data[0].z, effects)
    assert component_effects(effects, quantity="logits", most=4.0).data[0].zmin == -4.0


def test_a_shorter_protein_ends_earlier_on_the_same_axis() -> None:
    a, b = attention_to_bos(np.array([1, 0.5, 0.4, 0.3, 0]), np.array([1, 0.7, 0])).data
    assert list(a.x) == list(b.x) == [1, 2, 3]
    assert list(a.y) == [0.5, 0.4, 0.3]
    assert b.y[0] == 0.7
    assert np.isnan(b.y[1:]).all()


def test_a_cell_of_the_pattern_says_its_query_and_key() -> None:
    figure = pattern_change(np.array([[0.1, -0.2], [0.3, 0.0]]), ["BOS", "M1"], 0.5)
    assert figure.data[0].customdata[1, 0].tolist() == ["M1", "BOS"]
