"""Sinusoids and bumps on a parabola, found where they were put and as scipy's least squares finds them."""

import numpy as np
import pytest
from scipy.optimize import curve_fit

from core.analyses.curve_fits import bump_in, bumps, fit_bump, fit_oscillation, oscillation_in, oscillations
from core.analyses.rope_shift import SHIFTS

X = np.array(SHIFTS, dtype=float)
TREND = -0.01 * X**2 + 0.05 * X + 1


@pytest.mark.parametrize("period", [4.0, 6.28, 11.0])
def test_fit_finds_a_known_period_under_a_trend(period: float):
    found = fit_oscillation(SHIFTS, 2.0 * np.cos(2 * np.pi * (X - 0.7) / period) + TREND)
    assert found.period == pytest.approx(period, abs=0.02)
    assert found.amplitude == pytest.approx(2.0, abs=0.02)
    assert found.explained > 0.999


@pytest.mark.parametrize(("centre", "height"), [(0.0, 3.0), (-4.5, -2.0)])
def test_fit_finds_a_known_bump_or_dip_under_a_trend(centre: float, height: float):
    found = fit_bump(SHIFTS, height * np.exp(-(((X - centre) / 2) ** 2) / 2) + TREND)
    assert found.centre == pytest.approx(centre, abs=0.25)
    assert found.width == pytest.approx(2, rel=0.15)
    assert found.height == pytest.approx(height, rel=0.1)
    assert found.explained > 0.99


def test_what_a_sinusoid_explains_is_what_scipys_least_squares_leaves():
    values = np.cos(2 * np.pi * X / 7.3) + np.random.default_rng(1).normal(size=len(X))

    def model(x, a, b, c, period, sine, cosine):
        angle = 2 * np.pi * x / period
        return a + b * x + c * x**2 + sine * np.sin(angle) + cosine * np.cos(angle)

    found = fit_oscillation(SHIFTS, values)
    weights, _ = curve_fit(model, X, values, p0=[0, 0, 0, found.period, 0.1, 0.1])
    parabola = np.polynomial.Polynomial.fit(X, values, 2)(X)
    explained = 1 - ((values - model(X, *weights)) ** 2).sum() / ((values - parabola) ** 2).sum()
    assert found.explained == pytest.approx(explained, abs=1e-4)
    assert found.period == pytest.approx(weights[3], abs=0.01)


def test_many_curves_at_once_are_each_as_alone():
    curves = np.random.default_rng(0).normal(size=(3, len(X)))
    assert oscillation_in(SHIFTS, curves) == pytest.approx([fit_oscillation(SHIFTS, each).explained for each in curves])
    assert bump_in(SHIFTS, curves) == pytest.approx([fit_bump(SHIFTS, each).explained for each in curves])


def test_the_best_shapes_of_many_curves_are_each_ones_own():
    wave = np.cos(2 * np.pi * X / 5)
    curves = np.array(
        [3 * wave, wave + 0.1 * X, np.exp(-((X - 4) ** 2) / 2), *np.random.default_rng(2).normal(size=(3, 41))]
    )
    waves, humps = ([fit(SHIFTS, each) for each in curves] for fit in (fit_oscillation, fit_bump))
    assert oscillations(SHIFTS, curves) == pytest.approx(np.array([(each.period, each.amplitude) for each in waves]))
    assert bumps(SHIFTS, curves) == pytest.approx(np.array([(each.centre, each.height) for each in humps]))


def test_a_flat_curve_has_neither():
    flat = np.full(len(SHIFTS), 3.7)
    assert (fit_oscillation(SHIFTS, flat).amplitude, fit_bump(SHIFTS, flat).height) == (0, 0)
    assert np.isnan(fit_oscillation(SHIFTS, flat).period)
