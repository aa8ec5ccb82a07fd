import tomllib
from pathlib import Path

import numpy as np

from core.figures.style import AT_START, EDITED, TARGET, Curve, axes, bars, curves, head_heatmap, translucent


def test_head_heatmap_shows_people_names_and_is_centred_at_zero():
    values = np.zeros((2, 3))
    values[1, 2] = -4.0
    heat = head_heatmap(values, quantity="effect on M-gap (logits)").data[0]
    assert list(heat.y) == ["L1", "L2"]
    assert list(heat.x) == ["H1", "H2", "H3"]
    assert (heat.zmin, heat.zmax) == (-4.0, 4.0)
    assert heat.z[1][2] == -4.0


def test_head_heatmap_of_nothing_still_has_a_range():
    heat = head_heatmap(np.zeros((1, 1)), quantity="attention", diverging=False).data[0]
    assert heat.zmin < heat.zmax


def test_curves_draw_the_band_behind_its_line():
    x = np.arange(3.0)
    line = Curve("M", np.array([1.0, 2.0, 3.0]), TARGET, low=np.zeros(3), high=np.array([4.0, 5.0, 6.0]))
    band, drawn = curves(x, [line], x_title="poly-A length (residues)", y_title="logit").data
    assert list(band.y) == [4.0, 5.0, 6.0, 0.0, 0.0, 0.0]
    assert list(drawn.y) == [1.0, 2.0, 3.0]
    assert drawn.line.color == TARGET
    assert band.mode == "lines"


def test_bars_show_a_legend_only_where_series_must_be_told_apart():
    one = bars(["A", "B"], {"M": np.ones(2)}, colours=[EDITED, TARGET], x_title="x", y_title="y")
    two = bars(["A"], {"M": np.ones(1), "A": np.ones(1)}, colours={"M": TARGET, "A": EDITED}, x_title="x", y_title="y")
    assert not one.layout.showlegend
    assert list(one.data[0].marker.color) == [EDITED, TARGET]
    assert two.layout.showlegend
    assert [trace.marker.color for trace in two.data] == [TARGET, EDITED]


def test_translucent():
    assert translucent("#0072B2", 0.5) == "rgba(0,114,178,0.5)"


def test_the_pages_controls_have_the_colours_of_an_edit():
    theme = tomllib.loads((Path(__file__).parents[2] / ".streamlit" / "config.toml").read_text())["theme"]
    assert theme["primaryColor"] == EDITED
    assert theme["dark"]["primaryColor"] == AT_START, "seen on dark, where an edit's own would be too dim"


def test_what_all_figures_share_is_small_since_every_figure_sends_it():
    assert len(axes("x", "y").to_json()) < 1500
