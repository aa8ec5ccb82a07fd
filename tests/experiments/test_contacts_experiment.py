"""The contacts command from a folder to a report, who chooses and who judges, and random weights at chance."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from core.analyses.categorical_jacobian import categorical_jacobian
from core.analyses.head_ranking import load_ranking, rank_heads
from core.errors import InputError
from core.experiments.__main__ import app
from core.experiments.contacts import EXPERIMENT, measures
from core.experiments.contacts.command import chosen_chains, find_relatives
from core.experiments.contacts.study import Study, fitted_on, model_notes, split
from core.experiments.survey import Survey
from core.model import Model
from core.proteins.examples import EXAMPLES_FOLDER, load_example
from core.proteins.labelled import LabelledProtein
from core.proteins.listed import ListedStructure, find_listed
from core.proteins.relatives import relatives
from core.training.families import FAMILIES


def made_up(count: int, length: int = 44, seed: int = 0) -> dict[str, LabelledProtein]:
    """Random sequences with contacts that have nothing to do with them."""
    generator = np.random.default_rng(seed)
    found = {}
    for number in range(count):
        sequence = "".join(generator.choice(list("ACDEFGHIKLMNPQRSTVWY"), length))
        contacts = np.triu(generator.random((length, length)) < 0.15)
        name = f"p{number:02}"
        found[name] = LabelledProtein.from_arrays(
            name, sequence, contacts, generator.random(length) < 0.95, "by chance"
        )
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as CAMEO-PTA25 is kept: nine usable proteins, one too short, one whose contacts are missing."""
    folder = tmp_path_factory.mktemp("labelled")
    (folder / "contacts").mkdir()
    proteins = made_up(9)
    for name, protein in proteins.items():
        contacts, known = protein.truth()
        np.savez(folder / "contacts" / f"{name}.npz", contacts=contacts, valid_residues=known.diagonal())
    np.savez(folder / "contacts" / "short.npz", contacts=np.eye(9, dtype=bool), valid_residues=np.ones(9, dtype=bool))
    sequences = {name: protein.sequence for name, protein in proteins.items()} | {"short": "MKTAYIAKQ", "gone": "MKTA"}
    (folder / "sequences.fasta").write_text("".join(f">{name}\n{sequence}\n" for name, sequence in sequences.items()))
    return folder


@pytest.fixture(scope="module")
def out(folder: Path, model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that the command writes about a random model."""
    out = tmp_path_factory.mktemp("out")
    arguments = ["contacts", "--structures", str(folder), "--out", str(out), "--model", str(model_folder)]
    arguments += ["--choosing", "4", "--workers", "2", "--stored-truth", "drawn by chance"]
    arguments += ["--hidden-layer", "1", "--numbers", "bfloat16"]
    arguments += ["--hidden-layer", "1", "--numbers", "bfloat16"]
    ran = CliRunner().invoke(app, arguments)
    assert ran.exit_code == 0, ran.output
    return out


def test_the_command_writes_every_table_and_one_report(out: Path):
    names = {path.stem for path in (out / "tables").iterdir()}
    assert {"heads", "k-sweep", "precision", "precision-recall", "win-rates", "cheap-jacobian"} <= names
    results = json.loads((out / "results.json").read_text())
    assert list(results["parts"]) == list(EXPERIMENT.parts)
    report = (out / "report.html").read_text()
    assert report.count("plotly.js v") == 1
    assert "<details open>\n<summary>Table precision-summary" in report, "short tables are seen at once"
    assert "<details>\n<summary>Table k-sweep" in report


def test_what_counted_as_a_contact_is_said(out: Path):
    assert json.loads((out / "results.json").read_text())["settings"]["contact"] == "drawn by chance"
    assert "Contacts: drawn by chance; pairs that are not resolved" in (out / "report.html").read_text()


def test_jacobians_are_computed_in_the_numbers_asked_for(out: Path, tiny: Model):
    assert json.loads((out / "results.json").read_text())["settings"]["jacobians_computed_in"] == "bfloat16"
    protein = made_up(1)["p00"]
    halved = measures.jacobians(tiny, protein, "bfloat16")
    predicted = categorical_jacobian(tiny.to(torch.bfloat16), protein.tokens)
    expected = measures.judged(protein, {measures.JACOBIAN: predicted})
    shown = halved[halved.method == measures.JACOBIAN].reset_index(drop=True)
    pd.testing.assert_frame_equal(shown, expected[expected.method == measures.JACOBIAN].reset_index(drop=True))
    assert not measures.jacobians(tiny, protein).value.equals(halved.value)


def test_proteins_that_cannot_be_used_are_left_out_with_their_reason(out: Path):
    reasons = {each["subject"]: each["reason"] for each in json.loads((out / "results.json").read_text())["left_out"]}
    assert "short is too short for long-range contacts" in reasons["short"]
    assert "gone.npz does not hold contacts" in reasons["gone"]


def test_nobody_judges_who_chose(out: Path):
    settings = json.loads((out / "results.json").read_text())["settings"]
    chose = set(settings["choosing"].split(", "))
    judged = set(pd.read_csv(out / "tables" / "precision-by-protein.csv").subject)
    assert len(chose) == 4
    assert len(judged) == settings["judged"] == 5
    assert not chose & judged


def test_the_ranking_is_the_engines_own(out: Path, tiny: Model):
    found = load_ranking(tiny, out / "head_ranking.json")
    chosen = {
        name: replace(protein, definition=found.definition)
        for name, protein in made_up(9).items()
        if name in found.proteins
    }
    expected = rank_heads(tiny, chosen)
    np.testing.assert_allclose(found.grid(), expected.grid())
    np.testing.assert_allclose(found.k_sweep, expected.k_sweep)
    assert found.chance == pytest.approx(expected.chance)


def test_summaries_are_means_of_the_proteins_and_every_method_is_there(out: Path):
    by_protein = pd.read_csv(out / "tables" / "precision-by-protein.csv")
    summary = pd.read_csv(out / "tables" / "precision.csv")
    assert set(summary.method) == {
        measures.CONTACT_HEAD,
        measures.PROBE,
        measures.BEST_HEAD,
        measures.JACOBIAN,
        measures.CHEAP_JACOBIAN,
        measures.HIDDEN_JACOBIAN,
    } | ({measures.BEST_HEADS} & set(summary.method))
    for row in summary[~summary.common].itertuples():
        chosen = by_protein.query("method == @row.method and separation == @row.separation and at == @row.per")
        assert row.mean == pytest.approx(chosen.value.mean())
        assert row.chance == pytest.approx(chosen.chance.mean())
        assert row.low <= row.mean <= row.high


def test_relatives_and_proteins_that_the_contact_head_has_seen_never_choose_or_judge_with_the_rest():
    proteins = made_up(12)
    found = split(proteins, 4, seed=1, relatives=["p03", "elsewhere"], seen=["p05", "p06", "p07"])
    assert set(found.relatives) == {"p03"}
    assert {"p05", "p06", "p07"} <= set(found.choosing), "what cannot judge may choose"
    assert len(found.choosing) == 4
    assert len(found.judged) == 7
    many = split(proteins, 3, seed=1, seen=[f"p{number:02}" for number in range(6)])
    assert len(many.judged) == 6, "three of the seen neither choose nor judge"
    assert split(proteins, 4, seed=1).choosing != split(proteins, 4, seed=2).choosing


def test_a_choosing_protein_that_cannot_be_measured_is_one_clear_line(survey: Survey, tiny: Model):
    proteins = made_up(7)
    broken = split({**proteins, "p00": replace(proteins["p00"], sequence="*" * 44)}, 3, seed=0, seen=["p00"])
    study = Study(survey, tiny, broken, longest=100, hidden_layer=None, seed=0, families={})
    with pytest.raises(InputError, match=r"p00, on which heads are chosen, could not be measured: .*\*"):
        _ = study.ranking


def test_the_sweep_over_heads_is_held_against_the_chance_of_those_who_judge(survey: Survey, tiny: Model):
    divided = split(made_up(9), 4, seed=0)
    study = Study(survey, tiny, divided, longest=100, hidden_layer=None, seed=0, families={})
    shares = []
    for protein in divided.judged.values():
        contacts, known = protein.truth()
        far = [(i, j) for i in range(44) for j in range(i + 24, 44) if known[i, j]]
        shares.append(np.mean([contacts[pair] for pair in far]))
    section = EXPERIMENT.parts["how-many-heads"](study)
    assert f"where chance is {np.mean(shares):.3f}" in section.finding


def test_relatives_are_marked_and_counted_apart(survey: Survey, tiny: Model):
    divided = split(made_up(9), 4, seed=0, relatives=["p02", "p05"], seen=["p07"])
    families = {"p02": "kinases", "p05": "kinases"}
    study = Study(survey, tiny, divided, longest=100, hidden_layer=None, seed=0, families=families, seen=["p07"])
    section = EXPERIMENT.parts["precision"](study)
    found = section.tables["precision-by-protein"].query("separation == 'long' and at == 2")
    marked = found[found.family.notna()]
    assert set(marked.subject) == {"p02", "p05"}
    assert set(marked.group) == {"relatives"}
    table = section.tables["precision-summary"].set_index("method")
    assert list(table.index) == [*study.methods, "chance"]
    for method in study.methods:
        apart = marked[marked.method == method].value
        judged = found[(found.method == method) & found.family.isna()].value
        assert table.loc[method, "long, P@L/2, 2 relatives"] == f"{apart.mean():.3f}"
        assert table.loc[method, "long, P@L/2"].startswith(f"{judged.mean():.3f} [")
    assert "p02 (kinases), p05 (kinases)" in section.finding
    assert "contact head was fitted on 1 structure, none of them judged here" in section.reading


def test_a_single_relative_is_told_as_one(survey: Survey, tiny: Model):
    divided = split(made_up(8), 4, seed=0, relatives=["p02"])
    study = Study(survey, tiny, divided, longest=30, hidden_layer=None, seed=0, families={"p02": "kinases"})
    section = EXPERIMENT.parts["precision"](study)
    assert "1 protein of families that the model was trained on, p02 (kinases)." in section.finding
    assert "long, P@L/2, 1 relative" in section.tables["precision-summary"]


def test_the_cheap_jacobian_is_judged_without_relatives(survey: Survey, tiny: Model):
    divided = split(made_up(9), 4, seed=0, relatives=["p02", "p05"])
    families = {"p02": "kinases", "p05": "kinases"}
    study = Study(survey, tiny, divided, longest=100, hidden_layer=None, seed=0, families=families)
    section = EXPERIMENT.parts["cheap-jacobian"](study)
    assert set(section.tables["cheap-jacobian"].subject) == set(divided.judged)
    assert len(divided.judged) == 3
    assert section.finding.count("(3 proteins)") == 2


def test_too_few_proteins_are_one_clear_line(folder: Path, model_folder: Path, tmp_path: Path):
    with pytest.raises(InputError, match=r"too few labelled proteins: 10 choose heads .* 9 can be used"):
        split(made_up(9), 10, seed=0)
    arguments = ["contacts", "--structures", str(folder), "--out", str(tmp_path), "--model", str(model_folder)]
    ran = CliRunner().invoke(app, arguments)
    assert "too few labelled proteins" in str(ran.exception)


def test_random_weights_are_at_chance_by_every_method(survey: Survey, tiny: Model):
    proteins = made_up(24, seed=3)
    study = Study(survey, tiny, split(proteins, 4, seed=0), longest=100, hidden_layer=1, seed=0, families={})
    values = study.values()
    chance = study.summary().query("not common and separation == 'long' and per == 2").set_index("method").chance
    assert len(values) == 20
    assert set(values.columns) >= {measures.PROBE, measures.JACOBIAN, measures.HIDDEN_JACOBIAN, measures.BEST_HEAD}
    for method in values.columns:
        error = values[method].std() / np.sqrt(len(values))
        assert abs(values[method].mean() - chance[method]) < 4 * error, method


def test_a_long_protein_has_no_jacobian_and_says_so(survey: Survey, tiny: Model):
    study = Study(survey, tiny, split(made_up(8), 4, seed=0), longest=30, hidden_layer=None, seed=0, families={})
    assert measures.JACOBIAN not in study.methods
    assert survey.left_out["jacobians", "4 proteins"].startswith("more than 30 residues: ")
    section = EXPERIMENT.parts["precision"](study)
    assert "not measured" in {comparison.ours for comparison in section.comparisons}
    with pytest.raises(InputError, match="no protein of at most 30 residues"):
        EXPERIMENT.parts["cheap-jacobian"](study)


def test_relatives_are_found_by_alignment():
    family = ["MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEK"] * 3
    cousin = family[0].replace("QISFV", "NLTFI")
    found = relatives({"cousin": cousin, "stranger": "GSGSGSPPNDWWCC" * 4, "rare": cousin + "UO"}, {"made up": family})
    assert found == {"cousin": "made up", "rare": "made up"}


def test_the_embedded_models_lists_know_a_structure_by_its_sequence_and_by_its_name():
    sequences = {"copy of bpti": load_example("bpti").sequence, "1AOE_A": "MKTA", "1aoease": "MKTA"}
    found, how = find_relatives(sequences, "embedded", None)
    assert found == {"copy of bpti": "Kunitz", "1AOE_A": "DHFR"}
    assert how == "by the names and sequences listed with the model"
    fitted = fitted_on(model_notes("embedded"))
    seen = find_listed({"renamed": load_example("ubiquitin").sequence, "pdb1aba": "MKTA", "1abc": "MKTA"}, fitted)
    assert {name: each.name for name, each in seen.items()} == {"renamed": "ubiquitin", "pdb1aba": "1aba"}


def test_how_relatives_were_found_is_said_as_it_was(tmp_path: Path):
    bpti = {"BPTI": load_example("bpti").sequence, "copy": load_example("bpti").sequence}
    assert find_relatives(bpti, str(tmp_path), None) == ({}, "not looked for: no list of them comes with the model")
    (tmp_path / "relatives.csv").write_text("structure,family\nbpti,Kunitz\n")  # as written before digests
    assert find_relatives(bpti, str(tmp_path), None) == ({"BPTI": "Kunitz"}, "by the names listed with the model")
    members = tmp_path / "families.fasta"
    members.write_text(f">{FAMILIES[0].prefix}_1\n{bpti['BPTI']}\n")
    assert find_relatives(bpti, str(tmp_path), members) == (dict.fromkeys(bpti, FAMILIES[0].name), "by alignment")


def test_a_head_fitted_before_digests_is_known_by_names():
    assert fitted_on({"contact_head_fit": {"fitted_on": ["1aba"]}}) == [ListedStructure("1aba")]
    assert fitted_on({}) == []


def test_structures_are_read_from_files(tmp_path: Path, model_folder: Path):
    for name in ("ubiquitin", "bpti", "cro_repressor", "crambin", "hiv_protease"):
        data = (EXAMPLES_FOLDER / f"{name}.pdb.gz").read_bytes()
        (tmp_path / f"{name}.pdb.gz").write_bytes(data)
    arguments = ["contacts", "--structures", str(tmp_path), "--out", str(tmp_path / "out"), "--only", "heads"]
    arguments += ["--chain", "hiv_protease=B", "--chain", "bpti=A"]
    ran = CliRunner().invoke(app, [*arguments, "--model", str(model_folder), "--choosing", "3", "--workers", "1"])
    assert ran.exit_code == 0, ran.output
    settings = json.loads((tmp_path / "out" / "results.json").read_text())["settings"]
    assert settings["contact"] == "Cβ (Cα for glycine) closer than 8 Å"
    assert settings["chains_chosen"] == "B of hiv_protease, A of bpti"
    assert "B of hiv_protease, A of bpti" in (tmp_path / "out" / "report.html").read_text()


def test_chains_are_chosen_as_name_and_chain():
    assert chosen_chains(["1abc=B", "a=b=AA"]) == {"1abc": "B", "a=b": "AA"}
    for value in ("1abc", "=B", "1abc=", ""):
        with pytest.raises(InputError, match=f"^--chain takes NAME=CHAIN, such as 1abc=B, not '{value}'$"):
            chosen_chains([value])
    with pytest.raises(InputError, match=r"^--chain takes one chain of each structure, and '1abc' has A and B$"):
        chosen_chains(["1abc=A", "1abc=B"])
