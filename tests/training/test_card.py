"""Shipping and the card, from a tiny untrained network: every figure is measured, and the text says what they are."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from core.alphabet import AMINO_ACIDS, tokenize
from core.analyses.head_ranking import load_ranking
from core.analyses.write_vectors import write_vectors
from core.experiments.contacts.split import listed_relatives
from core.metrics import target_gap
from core.model import load_model
from core.model_files import EMBEDDED_FOLDER
from core.proteins.labelled import LabelledProtein
from core.proteins.listed import ListedStructure, sequence_digest
from core.run import run
from core.training import average, baselines, card, methionine, ship, structures
from core.training.card_text import cell, render
from core.training.families import Collection
from core.training.network import Network
from core.training.structures import families_of, judging, read_structures
from core.training.weights import save_model
from tests.training.made_sequences import random_protein


def write_plain(path: Path, sequences: list[str]) -> None:
    path.write_text("".join(f">{index}\n{sequence}\n" for index, sequence in enumerate(sequences)))


@pytest.fixture(scope="module")
def folder(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The training folder with what only the card reads, and a run's weights in `run`."""
    folder = tmp_path_factory.mktemp("card") / "data"
    shutil.copytree(data_folder, folder)
    rng = np.random.default_rng(0)
    write_plain(folder / "known20.fasta", ["M" + random_protein(rng, 30) for _ in range(3)])
    write_plain(folder / "non_m_start.fasta", ["A" + random_protein(rng, 30) for _ in range(3)])
    (folder / "psicov_pdb").mkdir()
    for name in ("1crn", "1ubi"):  # any structures will do: the examples' own
        example = {"1crn": "crambin", "1ubi": "ubiquitin"}[name]
        structure = structures.load_example(example).structure
        assert structure is not None
        (folder / "psicov_pdb" / f"{name}.pdb").write_text(structure.text)
    torch.manual_seed(0)
    network = Network(n_layers=2, d_model=32, n_heads=2)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    save_model(network, folder / "run", {"minutes": 30.0, "tokens": {"at large": 700, "Kunitz": 300}})
    return folder


@pytest.fixture(scope="module")
def shipped(folder: Path) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(structures, "LONGEST", 80)
        patch.setattr(ship, "FITTED_FAMILY_STRUCTURES", ())
        patch.setattr(ship, "N_FITTED", 4)
        arguments = ["--run", str(folder / "run"), "--data", str(folder), "--out", str(folder / "shipped")]
        result = CliRunner().invoke(ship.app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return folder / "shipped"


@pytest.fixture(scope="module")
def written(folder: Path, shipped: Path) -> Path:
    two = dict.fromkeys(("N_PRIOR", "N_RANDOM", "N_CHOOSING", "N_CHECKING", "N_READERS", "ORDERS"), 2)
    small = two | {"N_CANDIDATES": 3, "POLY_LONGEST": 5, "LONGEST_JACOBIAN": 0}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in small.items():
            patch.setattr(card, name, value)
        patch.setattr(structures, "LONGEST", 80)
        patch.setattr(methionine, "AMINO_ACIDS", "AGM")
        arguments = ["--data", str(folder), "--model", str(shipped), "--out", str(folder / "CARD.md")]
        result = CliRunner().invoke(card.app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return folder / "CARD.md"


def test_the_shipped_model_has_a_contact_head_fitted_on_other_families(shipped: Path) -> None:
    config = json.loads((shipped / "config.json").read_text())
    assert load_model(shipped).contact_head is not None
    assert len(config["contact_head_fit"]["fitted_on"]) == 4
    assert "bpti" not in config["contact_head_fit"]["fitted_on"]
    assert "Kunitz" in config["trained_families"]


def test_the_mean_of_two_runs_adds_up_their_training(folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(1)
    save_model(Network(2, 32, 2), tmp_path / "other", {"minutes": 10.0, "tokens": {"at large": 50}})
    runs, other = folder / "run", tmp_path / "other"
    arguments = ["--run", str(runs), "--other", str(other), "--share", "0.25", "--out", str(tmp_path / "mean")]
    assert CliRunner().invoke(average.app, arguments, catch_exceptions=False).exit_code == 0
    one, two, mean = (load_file(each / "model.safetensors") for each in (runs, other, tmp_path / "mean"))
    for name, tensor in mean.items():
        torch.testing.assert_close(
            tensor.float(), 0.75 * one[name].float() + 0.25 * two[name].float(), atol=1e-3, rtol=0
        )
    training = json.loads((tmp_path / "mean" / "config.json").read_text())["training"]
    assert training == {"minutes": 40.0, "tokens": {"at large": 750, "Kunitz": 300}}


def test_runs_of_different_shapes_have_no_mean(folder: Path, tmp_path: Path) -> None:
    save_model(Network(1, 64, 2), tmp_path / "other", {"minutes": 10.0, "tokens": {}})
    arguments = ["--run", str(folder / "run"), "--other", str(tmp_path / "other"), "--share", "0.5"]
    result = CliRunner().invoke(average.app, [*arguments, "--out", str(tmp_path / "mean")])
    assert result.exit_code == 1
    assert result.output.startswith("error: cannot average")


def test_the_shipped_model_comes_with_its_ranking_and_its_relatives(shipped: Path) -> None:
    ranking = load_ranking(load_model(shipped), shipped / "head_ranking.json")
    assert set(ranking.proteins) <= set(
        json.loads((shipped / "config.json").read_text())["contact_head_fit"]["fitted_on"]
    )
    assert ranking.grid().shape == (2, 2)
    bpti = structures.load_example("bpti").sequence
    assert listed_relatives(str(shipped)) == [ListedStructure("bpti", sequence_digest(bpti), "Kunitz")]


def test_what_the_contact_head_was_fitted_on_is_listed_by_sequence_too(folder: Path, shipped: Path) -> None:
    fit = json.loads((shipped / "config.json").read_text())["contact_head_fit"]
    proteins = read_structures(folder / "psicov_pdb")
    assert fit["fitted_on_digests"] == {name: sequence_digest(proteins[name].sequence) for name in fit["fitted_on"]}


def test_a_structure_is_recognised_as_of_a_trained_family(
    folder: Path, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(structures, "LONGEST", 80)
    assert families_of(read_structures(folder / "psicov_pdb"), collection.families) == {"bpti": "Kunitz"}


def test_structures_with_too_few_long_pairs_are_left_out_as_everywhere(folder: Path) -> None:
    proteins = read_structures(folder / "psicov_pdb")
    short = LabelledProtein("short", "MKTAYIAKQR", ((0, 6),), (), "by hand")
    twin = next(iter(proteins.values()))
    judged, left_out = judging({**proteins, "short": short, "twin": twin}, ["bpti"])
    assert not {"bpti", "short", "twin"} & set(judged)
    assert left_out["short"] == short.long_range_problem
    assert all(protein.long_range_problem is None for protein in judged.values())


def test_the_card_opens_by_saying_what_it_is_not(written: Path) -> None:
    opening = " ".join(written.read_text().splitlines()[:4])
    assert "small teaching model" in opening
    assert "not ESM-2" in opening


def test_the_card_is_written_from_its_figures(written: Path) -> None:
    figures = json.loads(written.with_name("card.json").read_text())
    assert render(figures) == written.read_text()
    figures["perplexity"]["DHFR"]["model"] = 123.456
    assert "| 123.46 |" in render(figures)


def test_figures_are_those_of_the_proteins_named(written: Path, collection: Collection) -> None:
    figures = json.loads(written.with_name("card.json").read_text())
    assert figures["perplexity"]["at large"]["n"] == len(collection.held_out)
    judged = {row["protein"] for row in figures["contacts"]["scores"]}
    assert not judged & set(figures["contacts"]["fit"]["fitted_on"])
    assert {row["protein"] for row in figures["contacts"]["scores"] if row["family"]} == {"bpti"}
    assert {row["letter"] for row in figures["methionine"]["poly_x"]} == {"A", "G"}
    assert figures["methionine"]["blocked"][0]["blocked"] == "none"


def test_blocking_all_heads_equals_blocking_each(shipped: Path) -> None:
    model = load_model(shipped)
    every = [methionine.Head(layer, index) for layer in range(2) for index in range(2)]
    table = methionine.blocked_rates(model, ["MKVLAT", "MAAGK"], every)
    assert table["gap"].iloc[-1] == pytest.approx(table["gap"].iloc[-2], abs=1e-5)
    assert table["gap"].iloc[0] != pytest.approx(table["gap"].iloc[-1], abs=1e-3)


def test_the_readout_is_the_head_that_looks_at_bos(shipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = pd.DataFrame({"component": ["L1H1", "L2H2", "L2H1", "L1 MLP"], "at_bos": [-3.0, -2.0, -1.0, np.nan]})
    attention = np.array([[0.02, 0.9], [0.8, 0.9]])
    monkeypatch.setattr(methionine, "bos_attention", lambda model, tokens: attention)
    model = load_model(shipped)
    assert methionine.readout(model, ["MKV"], table) == methionine.Head.parse("L2H2")
    attention[:] = 0.1
    assert methionine.readout(model, ["MKV"], table) == methionine.Head.parse("L1H1")


def test_a_reader_in_the_first_layer_has_nothing_upstream(shipped: Path) -> None:
    assert list(methionine.upstream(load_model(shipped), ["MKVLAT"], methionine.Head(0, 1))["head"]) == ["none"]


def test_the_readouts_write_is_a_mean_over_proteins(shipped: Path) -> None:
    model, head, sequences = load_model(shipped), methionine.Head(1, 0), ["MKVLAT", "MAAGK"]
    found = methionine.written(model, sequences, head)
    letter = AMINO_ACIDS.index("M")
    lost, cosines = [], []
    for tokens in (tokenize(sequence, [0]) for sequence in sequences):
        logits = run(model, tokens, [(), (methionine.AblateHead(head),)]).logits[:, 1, 4:24]
        lost.append(float(logits[0, letter] - logits[1, letter]))
        cosines.append(write_vectors(model, tokens).cosine[0, letter])
    assert found["logit_lost"] == pytest.approx(np.mean(lost), abs=1e-5)
    assert found["cosine"] == pytest.approx(np.mean(cosines), abs=1e-6)
    assert methionine.written(model, sequences, methionine.Head(0, 0))["cosine"] is None


def test_the_readouts_gap_is_its_own_without_a_shift(written: Path, shipped: Path) -> None:
    figures = json.loads(written.with_name("card.json").read_text())["readout"]
    model, tokens = load_model(shipped), tokenize(structures.load_example("ubiquitin").sequence, [0])
    unshifted = float(target_gap(run(model, tokens).logits[0, 1], "M"))
    shifts, gaps = figures["shifted"]["shifts"], figures["shifted"]["gap"]
    assert gaps[shifts.index(0)] == pytest.approx(unshifted, abs=2e-3)
    assert 0 < figures["shifted"]["band_share"] <= 1


def test_the_readout_alone_can_be_measured_again(folder: Path, shipped: Path, written: Path, tmp_path: Path) -> None:
    figures = json.loads(written.with_name("card.json").read_text())
    (tmp_path / "card.json").write_text(json.dumps(figures | {"readout": None}))
    pd.DataFrame({"step": [1], "minutes": [1.0], "tokens": [10**6], "at large": [17.0], "a": [4.0], "b": [9.0]}).to_csv(
        tmp_path / "held_out.csv", index=False
    )
    with pytest.MonkeyPatch.context() as patch:
        for name in ("N_PRIOR", "N_CHOOSING", "N_CHECKING"):
            patch.setattr(card, name, 2)
        patch.setattr(structures, "LONGEST", 80)
        arguments = ["--data", str(folder), "--model", str(shipped), "--out", str(tmp_path / "CARD.md")]
        arguments += ["--readout-only", "--run", str(tmp_path)]
        assert CliRunner().invoke(card.app, arguments, catch_exceptions=False).exit_code == 0
    again = json.loads((tmp_path / "card.json").read_text())
    assert again["readout"] == figures["readout"]
    assert again["methionine"] == figures["methionine"]
    assert "| 1.00 | 17.00 | 6.00 |" in (tmp_path / "CARD.md").read_text()


def test_repeats_are_counted_at_starts_and_inside() -> None:
    sequences = ["MAAAAAAG", "MAAAG", "AAAAAA", "MGGGGGGGA", "MKVL", "M"]
    table = methionine.repeats_in(sequences).set_index("letter")
    windows = [s[place : place + 5] for s in sequences for place in range(1, len(s) - 4)]
    for letter in "AGK":
        starts = sum(s[:5] == "M" + letter * 4 for s in sequences)
        inside = windows.count(letter * 5)
        assert tuple(table.loc[letter, ["starts", "inside"]]) == (starts, inside)
        assert table.odds[letter] == pytest.approx((starts + 0.5) / 6 / ((inside + 0.5) / len(windows)))
    assert tuple(table.loc["A", ["starts", "inside"]]) == (1, 3)


def test_a_letter_that_is_never_met_has_no_part_in_the_agreement() -> None:
    letters = "LAGVSERW"
    met = pd.DataFrame({"letter": list(letters), "starts": [*range(1, 8), 0], "inside": [9] * 7 + [0]})
    met["odds"] = [*np.arange(1.0, 8.0), 333.0]
    gaps = dict(zip(letters, [*np.arange(7.0), -5.0], strict=True))
    found = methionine.agreement(gaps, met)
    assert (found["rho"], found["letters"], found["left_out"]) == (pytest.approx(1), 7, ["W"])
    assert found["p"] < 0.01
    shuffled_gaps = dict(zip(letters, [3.0, 0.0, 6.0, 2.0, 5.0, 1.0, 4.0, -5.0], strict=True))
    assert methionine.agreement(shuffled_gaps, met)["p"] > 0.1


def test_a_folder_without_structures_is_named(tmp_path: Path) -> None:
    with pytest.raises(structures.InputError, match=r"holds no \.pdb file"):
        read_structures(tmp_path)


def test_guessing_from_composition_costs_what_it_should() -> None:
    uniform = np.full(20, 1 / 20)
    assert baselines.unigram_perplexity(["ACDEFGHIKL"], uniform) == pytest.approx(20)
    assert baselines.composition(["A" * 10**6])[AMINO_ACIDS.index("A")] == pytest.approx(1, abs=1e-4)
    assert baselines.position_free_perplexity(["A" * 10**5], uniform) == pytest.approx(1, abs=0.01)
    assert baselines.position_free_perplexity(["A"], uniform) == pytest.approx(20)  # nothing else was seen


def test_cells() -> None:
    assert [cell(value) for value in (None, float("nan"), 0.0149, 1.0, 12.345, 3, "x")] == [
        "–", "–", "0.015", "1.00", "12.35", "3", "x"
    ]  # fmt: skip


def test_the_shipped_card_is_what_its_figures_render():
    figures = json.loads((EMBEDDED_FOLDER / "card.json").read_text())
    assert render(figures) == (EMBEDDED_FOLDER / "CARD.md").read_text()
