"""Figures of substitutions carry their numbers at the right residue and letter."""

import numpy as np
import pytest

from core.alphabet import AMINO_ACIDS
from core.analyses.evidence import PARTS, Estimate
from core.figures import variants
from core.figures.evidence import COLOURS
from core.figures.style import DIVERGING, EDITED


def test_a_cell_is_the_ratio_of_its_residue_and_letter_and_dots_are_the_own_letters():
    values = np.arange(60.0).reshape(3, 20) - 30
    figure = variants.ratios(values, "MKX", ("M1", "K2 (12)", "X3"), [1])
    heat, hatch, own = figure.data
    for residue, letter in ((0, "W"), (2, "L")):
        row = list(figure.layout.yaxis.ticktext).index(letter)
        assert heat.z[row, residue] == values[residue, AMINO_ACIDS.index(letter)]
        assert heat.customdata[row, residue].endswith(f"→ {letter}")
    assert heat.customdata[0, 1].startswith("K2 (12)")
    assert heat.zmin == -heat.zmax == -30
    assert figure.data[0].colorscale[0][1] == variants.ratios(values, "MKX", list("abc")).data[0].colorscale[0][1]
    assert DIVERGING == "RdBu_r"
    assert (list(hatch.x), hatch.marker.pattern.shape) == ([2], "/")
    assert [variants.ROWS[row] for row in own.y] == ["M", "K"]
    assert list(own.x) == [1, 2]


def test_every_letter_has_a_row():
    assert sorted(variants.ROWS) == sorted(AMINO_ACIDS)


def test_one_residue_does_not_fade_all_others():
    effects = np.array([*np.full(99, -1.0), -50.0, np.nan])
    assert variants.largest_shown(effects) == 1
    assert variants.largest_shown(np.array([np.nan])) > 0


def test_points_and_parts_draw_their_numbers():
    figure = variants.measured(np.array([1.0, -2.0]), np.array([0.5, 0.7]), ["K2R", "Y5F"], "fitness")
    assert list(zip(figure.data[0].x, figure.data[0].y, figure.data[0].text, strict=True)) == [
        (0.5, 1.0, "K2R"),
        (0.7, -2.0, "Y5F"),
    ]
    parts = {part: Estimate(float(place), place - 0.5, place + 0.5) for place, part in enumerate(PARTS)}
    bar = variants.parts_of_ratio(parts, 10.0).data[0]
    assert bar.y.tolist() == [0, 1, 2, 3, 4, 10]
    assert bar.error_y.array.tolist() == pytest.approx([0.5] * 5 + [0])
    assert list(bar.marker.color) == [*(COLOURS[part] for part in PARTS), EDITED]
