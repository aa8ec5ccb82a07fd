"""Figures of features: what is picked is marked where it is."""

import numpy as np

from core.figures.features import Picked, where_they_fire


def test_what_is_picked_is_marked_across_its_row_and_column():
    places = ["BOS", "M1", "K2", "EOS"]
    figure = where_they_fire(np.eye(2, 4), ["L3F5", "L3F7 cysteine"], places, picked=Picked((1,), (2,)))
    row, column = (
        tuple(shape[side] for side in ("x0", "x1", "y0", "y1")) for shape in figure.to_dict()["layout"]["shapes"]
    )
    assert row == (-0.5, 3.5, 0.5, 1.5)
    assert column == (1.5, 2.5, -0.5, 1.5)
    assert not where_they_fire(np.eye(2, 4), ["L3F5", "L3F7"], places).layout.shapes
