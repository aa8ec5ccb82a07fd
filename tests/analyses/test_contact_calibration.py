"""Calibrations against made pairs whose share of contacts is known, and their file."""

import numpy as np
import pytest

from core.analyses.contact_calibration import (
    N_BINS,
    Calibration,
    binned,
    calibrate,
    calibration_bytes,
    calibration_file,
    kept_calibration,
)
from core.errors import InputError
from core.proteins.labelled import LabelledProtein


def made(worth, count: int = 8, seed: int = 0) -> tuple[dict[str, LabelledProtein], dict[str, np.ndarray]]:
    """Proteins whose pairs get a random probability p and are contacts with probability worth(p)."""
    generator = np.random.default_rng(seed)
    proteins, maps = {}, {}
    for number in range(count):
        maps[f"p{number}"] = generator.random((80, 80))
        contacts = np.triu(generator.random((80, 80)) < worth(maps[f"p{number}"]), 1)
        resolved = generator.random(80) < 0.9
        proteins[f"p{number}"] = LabelledProtein.from_arrays(f"p{number}", "A" * 80, contacts, resolved, "made")
    return proteins, maps


def calibration_of(model, worth, count: int = 8) -> Calibration:
    proteins, maps = made(worth, count)
    return calibrate(model, proteins, {name: binned(proteins[name], maps[name]) for name in proteins})


def test_bins_count_known_pairs_far_enough_apart():
    proteins, maps = made(lambda p: p, count=1)
    contacts, known = proteins["p0"].truth()
    pairs = [(i, j) for i in range(80) for j in range(i + 6, 80) if known[i, j]]
    table = binned(proteins["p0"], maps["p0"])
    for each in table.sample(5, random_state=0).to_dict(orient="records"):
        inside = [pair for pair in pairs if each["bin"] <= maps["p0"][pair] * N_BINS < each["bin"] + 1]
        assert each["n_pairs"] == len(inside)
        assert each["n_contacts"] == sum(contacts[pair] for pair in inside)
        assert each["squared_error"] == pytest.approx(sum((maps["p0"][pair] - contacts[pair]) ** 2 for pair in inside))


def test_probabilities_that_mean_what_they_say_stay_as_they_are(model):
    found = calibration_of(model, lambda p: p)
    middle = (np.arange(N_BINS) + 0.5) / N_BINS
    assert np.abs(np.array(found.precision) - middle).max() < 0.1
    assert found.brier == pytest.approx(1 / 6, abs=0.01)  # the mean of p (1 - p)
    assert found.brier_calibrated == pytest.approx(found.brier, abs=0.005)
    assert found.brier_base == pytest.approx(0.25, abs=0.01)


def test_sure_and_wrong_is_seen_and_said(model):
    found = calibration_of(model, lambda p: 0.1 * p)
    assert found.calibrated(np.array([[0.97, 0.02]]))[0] == pytest.approx([0.1, 0.0], abs=0.04)
    assert found.tenths[9][0] == "0.9 to 1.0"
    assert found.tenths[9][3] == pytest.approx(0.095, abs=0.03)
    assert sum(pairs for _, pairs, _, _ in found.tenths) == sum(found.n_pairs)
    assert found.brier > 0.25 > found.brier_base
    assert found.brier_calibrated == pytest.approx(found.brier_base, abs=0.002)
    assert "On 8 structures that it was not fitted on" in found.finding()
    assert f"contacts in {found.precision[-1]:.0%}." in found.finding()


def test_too_little_to_calibrate_on_is_one_clear_line(model):
    with pytest.raises(InputError, match="at least 6 proteins, not 5"):
        calibration_of(model, lambda p: p, count=5)
    with pytest.raises(InputError, match=r"0 of \d+ pairs are contacts: nothing to calibrate"):
        calibration_of(model, lambda p: 0 * p)


def test_a_calibration_lies_beside_the_weights_and_belongs_to_them(model, tmp_path, monkeypatch):
    monkeypatch.setenv("PLMSCOPE_MODELS", str(tmp_path))
    found = calibration_of(model, lambda p: p)
    assert kept_calibration(model) is None
    (tmp_path / f"{model.name}.pt").touch()
    path = calibration_file(model.name)
    assert path == tmp_path / f"{model.name}-contact_calibration.json"
    path.write_bytes(calibration_bytes(found))
    assert kept_calibration(model) == found
    refitted = model.with_contact_head(type(model.contact_head)(model.contact_head.weight + 1, model.contact_head.bias))
    assert kept_calibration(refitted) is None
    path.write_text("{}")
    with pytest.raises(InputError, match="is not a calibration of contact probabilities"):
        kept_calibration(model)
