"""Calibrations against made pairs whose share of contacts is known, and their file."""

import msgspec
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
    worth_marking,
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
    for score in ("brier", "brier_calibrated", "brier_base"):
        low, high = found.intervals[score]
        assert low < getattr(found, score) < high
    assert found.intervals["gain"][0] > 0
    assert "Calibrated probabilities are better than that share alone, by 0.08" in found.finding()


def test_sure_and_wrong_is_seen_and_said(model):
    found = calibration_of(model, lambda p: 0.1 * p)
    assert found.calibrated(np.array([[0.97, 0.02]]))[0] == pytest.approx([0.1, 0.0], abs=0.04)
    assert found.tenths[9][0] == "0.9 to 1.0"
    assert found.tenths[9][3] == pytest.approx(0.095, abs=0.03)
    assert sum(pairs for _, pairs, _, _ in found.tenths) == sum(found.n_pairs)
    assert found.brier > 0.25 > found.brier_base
    assert found.brier_calibrated == pytest.approx(found.brier_base, abs=0.002)
    assert "On 8 structures that it was not fitted on" in found.finding()
    low, high = found.intervals["brier"]
    assert f"Brier score is {found.brier:.4f} ({low:.4f} to {high:.4f}); calibrated" in found.finding()
    top = max(at for at in range(N_BINS) if sum(found.n_pairs[at:]) >= 100)
    pairs, contacts = sum(found.n_pairs[top:]), sum(found.n_contacts[top:])
    low, high = found.intervals["top"]
    assert low < contacts / pairs < high
    assert found.at_the_top == (
        f"Of the {pairs} pairs given {top / 100:.2f} or more, {contacts} are contacts "
        f"({contacts / pairs:.0%}; {low:.0%} to {high:.0%}, proteins drawn anew)"
    )


def test_a_lucky_pair_at_the_top_is_not_taken_for_a_share(model):
    """One pair at 0.99 that happens to be a contact, among thousands that are contacts in one of twenty."""
    proteins, maps = made(lambda p: 0.05 + 0 * p)
    maps = {name: 0.5 * probability for name, probability in maps.items()}
    i, j = next(
        (i, j) for i, j in proteins["p0"].contacts if j - i >= 6 and not {i, j} & set(proteins["p0"].unresolved)
    )
    maps["p0"][i, j] = 0.99
    found = calibrate(model, proteins, {name: binned(proteins[name], maps[name]) for name in proteins})
    assert found.precision[-1] < 0.15
    assert worth_marking(maps["p0"], found) == []


def test_what_the_highest_probabilities_are_worth_is_known_as_well_as_proteins_agree(model):
    """In half of the proteins they are contacts, in half they aren't: hundreds of pairs say as much as 8 proteins."""
    maps = made(lambda p: p)[1]
    proteins = {}
    for at, (name, probability) in enumerate(maps.items()):
        contacts = np.triu(probability > 0.95 if at % 2 else probability < 0.05, 1)
        proteins[name] = LabelledProtein.from_arrays(name, "A" * 80, contacts, np.ones(80, bool), "made")
    found = calibrate(model, proteins, {name: binned(proteins[name], maps[name]) for name in proteins})
    low, high = found.intervals["top"]
    assert low < 0.3
    assert high > 0.7
    kept_before = msgspec.structs.replace(found, intervals={})
    assert kept_before.at_the_top.endswith("%)")
    assert "drawn anew" not in kept_before.at_the_top


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


def test_probabilities_that_know_nothing_are_not_said_to_be_better_than_the_share_of_contacts(model):
    found = calibration_of(model, lambda p: 0.05 + 0 * p)
    assert "better than that share alone is not shown: by " in found.finding()
    kept_before = msgspec.structs.replace(found, intervals={})
    assert "that share alone" not in kept_before.finding()  # a file from before intervals were measured
