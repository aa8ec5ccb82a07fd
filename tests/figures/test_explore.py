"""The Explore page's figures hold the numbers they were given, under the names that people read."""

import numpy as np
import pytest

from core.alphabet import AMINO_ACIDS
from core.analyses.exploration import BandView
from core.analyses.prediction import Prediction
from core.figures.explore import (
    band_bars,
    bos_attention_heads,
    bos_attention_positions,
    pattern_heatmap,
    prediction_bars,
)
from core.figures.style import CLEAN, EDITED, TARGET


def made_prediction(seed: int) -> Prediction:
    logits = np.random.default_rng(seed).normal(size=20).astype(np.float32)
    shares = np.exp(logits) / np.exp(logits).sum()
    return Prediction(shares, logits, "L", 0.0, 1)


@pytest.mark.parametrize("readout", ["probability", "logit"])
def test_prediction_bars_show_both_runs_in_the_clean_order(readout):
    clean, edited = made_prediction(0), made_prediction(1)
    figure = prediction_bars(clean, edited, "M", readout)
    values = {"probability": (clean.probabilities, edited.probabilities), "logit": (clean.logits, edited.logits)}
    before, after = values[readout]
    bars = {trace.name: dict(zip(trace.x, trace.y, strict=True)) for trace in figure.data}
    for index, letter in enumerate(AMINO_ACIDS):
        assert bars["clean"][letter] == before[index]
        assert bars["edited, M" if letter == "M" else "edited"][letter] == after[index]
    assert list(figure.data[-1].y) == sorted(before, reverse=True)
    assert [trace.marker.color for trace in figure.data[:2]] == [EDITED, TARGET]
    assert figure.layout.yaxis.title.text.lower() == readout


def made_bands(seed: int) -> BandView:
    generator = np.random.default_rng(seed)
    lengths = np.array([6.2832, 19.87, 628.3, 19869.2])
    return BandView(lengths, *generator.random((4, 4)), score=1.0, attention=0.5)


def test_band_bars_have_a_panel_per_quantity_and_wavelengths_in_residues():
    clean, edited = made_bands(0), made_bands(1)
    figure = band_bars(clean, edited)
    assert len(figure.data) == 8
    for panel, quantity in enumerate(("q_norm", "k_norm", "cosine", "contribution")):
        before, after = figure.data[2 * panel : 2 * panel + 2]
        np.testing.assert_array_equal(before.y, getattr(clean, quantity))
        np.testing.assert_array_equal(after.y, getattr(edited, quantity))
        assert (before.marker.color, after.marker.color) == (CLEAN, EDITED)
        assert list(before.x) == ["6.3", "20", "628", "19,869"]
    assert figure.layout.xaxis4.title.text == "Wavelength (residues)"


def test_attention_to_bos_is_named_by_head_and_residue():
    clean, edited = np.random.default_rng(0).random((2, 3, 5))
    left, right = bos_attention_heads(clean, edited, "M1").data
    np.testing.assert_array_equal(left.z, clean)
    np.testing.assert_array_equal(right.z, edited)
    assert (left.y[0], left.x[-1]) == ("L1", "H5")
    lines = bos_attention_positions(np.arange(7) / 7, np.ones(7)).data
    assert list(lines[0].x) == [1, 2, 3, 4, 5]  # BOS and EOS are no residues
    np.testing.assert_allclose(lines[0].y, np.arange(1, 6) / 7)


@pytest.mark.parametrize(("n_positions", "step"), [(40, 1), (600, 1), (601, 2), (1500, 3)])
def test_long_patterns_are_thinned_to_what_a_browser_draws(n_positions, step):
    pattern = np.random.default_rng(0).random((n_positions, n_positions))
    heat = pattern_heatmap(pattern, "L6H8, edited run").data[0]
    assert max(heat.z.shape) <= 600
    np.testing.assert_array_equal(heat.z, pattern[::step, ::step])
    assert list(heat.x[:3]) == [0, step, 2 * step]


def test_where_nothing_is_edited_the_clean_run_stands_alone():
    clean = made_prediction(0)
    bars = prediction_bars(clean, None, "M").data
    assert [(bar.name, bar.marker.color) for bar in bars] == [("clean", CLEAN), ("clean, M", TARGET)]
    assert {trace.name for trace in band_bars(made_bands(0), None).data} == {"clean"}
    heads = bos_attention_heads(np.ones((3, 5)), None, "M1")
    assert [title.text for title in heads.layout.annotations] == ["Clean run"]
    assert len(heads.data) == 1
    assert [line.name for line in bos_attention_positions(np.ones(7), None).data] == ["clean"]
